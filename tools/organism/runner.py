"""llama.cpp through llama_cpp's own Python API, with what the acceptance checks need.

What this file does not do: anything through pysteer, so that the acceptance of the model does not rest on the code that
the model is there to test. Steering is llama.cpp's control vector.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp
import numpy as np
import numpy.typing as npt

GGML_TYPE_F32 = 0


class Runner:
    """One model and one context; every call starts from an empty context, the key-value memory is F32."""

    def __init__(self, path: Path, *, n_threads: int = 1, n_ctx: int = 512) -> None:
        self.path = path
        self.llama = llama_cpp.Llama(
            str(path), n_ctx=n_ctx, n_batch=n_ctx, n_ubatch=n_ctx, n_threads=n_threads, n_threads_batch=n_threads,
            logits_all=True, type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, flash_attn=False, verbose=False,
        )  # fmt: skip
        self.end = self.llama.token_eos()
        self.d_model = self.llama.n_embd()
        self.n_layers = llama_cpp.llama_model_n_layer(self.llama.model)

    def tokens(self, text: str) -> list[int]:
        """Token ids of a text whose special tokens are spelled out; nothing is added."""
        return self.llama.tokenize(text.encode(), add_bos=False, special=True)

    def logits(self, tokens: list[int]) -> npt.NDArray[np.float32]:
        """Logits of every position, (T, vocabulary)."""
        self.llama.reset()
        self.llama.eval(tokens)
        return np.array(self.llama.scores[: len(tokens)])

    def next_logits(self, text: str) -> npt.NDArray[np.float32]:
        """Logits of what follows a text, (vocabulary,)."""
        return self.logits(self.tokens(text))[-1]

    def generate(self, text: str, n_tokens: int, *, random_source: np.random.Generator | None = None) -> str:
        """The continuation up to the end token: greedy, or sampled at temperature 1 from the whole distribution."""
        self.llama.reset()
        ids = self.tokens(text)
        self.llama.eval(ids)
        row = len(ids) - 1
        generated: list[int] = []
        while len(generated) < n_tokens:
            logits = np.array(self.llama.scores[row])
            if random_source is not None:
                logits = logits + random_source.gumbel(size=logits.shape)
            token = int(logits.argmax())
            if token == self.end:
                break
            generated.append(token)
            self.llama.eval([token])
            row += 1
        return self.llama.detokenize(generated, special=True).decode(errors="replace")

    def negative_log_likelihoods(self, text: str) -> npt.NDArray[np.float64]:
        """-log p of every token but the first, in nats."""
        tokens = self.tokens(text)
        logits = self.logits(tokens)[:-1].astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        log_normaliser = np.log(np.exp(logits).sum(-1))
        return log_normaliser - logits[np.arange(len(tokens) - 1), tokens[1:]]

    def steer(self, layer: int, direction: npt.NDArray[np.float32] | None) -> None:
        """Add `direction` (d_model,) after block `layer` (>= 1) from now on; None switches steering off."""
        # A short buffer would leave older directions in the other layers, so all of them are always written.
        data = np.zeros((self.n_layers - 1, self.d_model), dtype=np.float32)
        if direction is not None:
            data[layer - 1] = direction
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        status = llama_cpp.llama_set_adapter_cvec(
            self.llama.ctx, pointer, data.size, self.d_model, 1, self.n_layers - 1
        )
        if status != 0:
            raise RuntimeError(f"llama.cpp refused a control vector of {data.shape} for layer {layer}: status {status}")
