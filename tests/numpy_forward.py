"""What does a transformer compute at every site? An independent answer in NumPy, for GGUF files llama.cpp loads too.

Every array is float64 and holds one sequence; rows are tokens. Layer ``i`` is the output of block ``i``, counted from
0. Architectures: ``llama`` (any head_dim, optional biases), ``qwen2``, ``gpt2``.

Two habits of ggml's CPU backend (llama.cpp 0c1e570) are larger than float32 rounding, so they are imitated:

* GELU (``ggml-cpu/vec.h``, GGML_GELU_FP16) is read from a table: its argument and its value are rounded to float16.
  Always imitated.
* A matrix product with a Q8_0 or Q4_0 weight first rounds its input to Q8_0: blocks of 32 with scale amax / 127, the
  scale kept as float16 (``ggml-cpu/arch/x86/quants.c``, ``quantize_row_q8_0``). With `quantise_activations`; without
  it, such a model differs from llama.cpp by up to 5e-2 of a site's largest value.

Rounding is a step function: where a value lies within float32 noise of a step, llama.cpp may take the other side, and
that token and those after it move: by up to 1e-2 with Q8_0 and Q4_0, by 1e-4 with F32 weights and GELU.
`Sites.rounding_margin` says how far the nearest step was, and `clear_tokens` finds sequences that stay away from all
steps, on which agreement to 1e-4 can be demanded.

A third habit is left alone: on x86, a product with an F16 weight rounds its input to float16. Those steps are too dense
to stay away from, so with F16 weights expect 2e-3.

Not here: batches, a key-value cache, RoPE scaling, experts, sliding windows, any speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

Edit = Callable[[str, int, np.ndarray], np.ndarray]
COMPONENTS = ("resid_post", "resid_mid", "attn_out", "mlp_out", "head_out", "final_norm")
# GELU steps smaller than this fraction of a row's root mean square move a site by no more than float32 noise does.
SMALLEST_STEP = 3e-5


@dataclass(frozen=True)
class Sites:
    """Activations of one sequence of T tokens, float64. With an edit, each is what the edit returned.

    Attributes
    ----------
    resid_post, resid_mid, attn_out, mlp_out : shape (n_layers, T, d_model). `attn_out` is after W_O and its bias,
        `mlp_out` after the down-projection and its bias.
    head_out : shape (n_layers, T, n_heads * head_dim), the input of W_O.
    final_norm : shape (T, d_model).
    logits : shape (T, n_vocab).
    rounding_margin : shape (T,). The smallest distance of a rounded value of that token from a rounding step, as a
        fraction of the root mean square of its row; infinite where nothing was rounded.
    """

    resid_post: np.ndarray
    resid_mid: np.ndarray
    attn_out: np.ndarray
    mlp_out: np.ndarray
    head_out: np.ndarray
    final_norm: np.ndarray
    logits: np.ndarray
    rounding_margin: np.ndarray


class NumpyTransformer:
    """A GGUF file's weights, dequantised, and the forward pass over them.

    Parameters
    ----------
    path : a GGUF file of architecture llama, qwen2 or gpt2.
    quantise_activations : round the inputs of products with Q8_0 and Q4_0 weights (see the module's first lines).
    """

    def __init__(self, path: Path, *, quantise_activations: bool = False) -> None:
        reader = gguf.GGUFReader(path)
        fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("tokenizer.")}
        self.architecture = fields["general.architecture"]
        if self.architecture not in ("llama", "qwen2", "gpt2"):
            raise ValueError(f"expected architecture llama, qwen2 or gpt2, got {self.architecture} in {path}")
        if fields.get(f"{self.architecture}.rope.scaling.type", "none") != "none":
            raise ValueError(f"RoPE scaling is not implemented here: {path}")
        self._weights = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
        self._types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
        self._quantises = quantise_activations

        def size(key: str, default: int | None = None) -> int:
            value = fields.get(f"{self.architecture}.{key}", default)
            if value is None:
                raise ValueError(f"{path} has no key {self.architecture}.{key}")
            return int(value)

        self.n_layers, self.d_model = size("block_count"), size("embedding_length")
        self.n_heads = size("attention.head_count")
        self.n_heads_kv = size("attention.head_count_kv", self.n_heads)
        self.head_dim = size("attention.key_length", self.d_model // self.n_heads)
        self.n_vocab = len(self._weights["token_embd.weight"])
        self._n_rotated = size("rope.dimension_count", self.head_dim)
        self._rope_base = np.float32(fields.get(f"{self.architecture}.rope.freq_base", 10000.0))
        norm_kind = "layer_norm_epsilon" if self.architecture == "gpt2" else "layer_norm_rms_epsilon"
        self._epsilon = float(fields[f"{self.architecture}.attention.{norm_kind}"])

    def forward(self, tokens: Sequence[int], edit: Edit | None = None) -> Sites:
        """Run one sequence from position 0.

        Parameters
        ----------
        tokens : T token ids.
        edit : called as ``edit(component, layer, array)`` with every site in the order of computation; what it returns
            (same shape) takes the array's place. ``final_norm`` is passed with layer ``n_layers - 1``.
        """
        recorded: dict[str, list[np.ndarray]] = {component: [] for component in COMPONENTS}

        def site(component: str, layer: int, array: np.ndarray) -> np.ndarray:
            edited = array if edit is None else np.asarray(edit(component, layer, array.copy()), dtype=np.float64)
            if edited.shape != array.shape:
                raise ValueError(f"edit of {component}.{layer} returned shape {edited.shape}, expected {array.shape}")
            recorded[component].append(edited)
            return edited

        self._margin = np.full(len(tokens), np.inf)
        residual = self._weights["token_embd.weight"][list(tokens)]
        if self.architecture == "gpt2":
            residual = residual + self._weights["position_embd.weight"][: len(tokens)]
        for layer in range(self.n_layers):
            block = f"blk.{layer}"
            heads = site("head_out", layer, self._attend(block, self._norm(f"{block}.attn_norm", residual)))
            attn_out = site("attn_out", layer, self._project(f"{block}.attn_output", heads))
            residual = site("resid_mid", layer, residual + attn_out)
            mlp_out = site("mlp_out", layer, self._mlp(block, self._norm(f"{block}.ffn_norm", residual)))
            residual = site("resid_post", layer, residual + mlp_out)
        normed = site("final_norm", self.n_layers - 1, self._norm("output_norm", residual))
        logits = self._project("output" if "output.weight" in self._weights else "token_embd", normed)
        stacked = {component: np.stack(arrays) for component, arrays in recorded.items()}
        stacked["final_norm"] = normed
        return Sites(**stacked, logits=logits, rounding_margin=self._margin)

    def _attend(self, block: str, x: np.ndarray) -> np.ndarray:
        """Causal attention. x is (T, d_model); returns (T, n_heads * head_dim), heads side by side."""
        n_tokens, d_query, d_key = len(x), self.n_heads * self.head_dim, self.n_heads_kv * self.head_dim
        if f"{block}.attn_qkv.weight" in self._weights:
            projected = self._project(f"{block}.attn_qkv", x)
            query, key, value = np.split(projected, [d_query, d_query + d_key], axis=1)
        else:
            query, key, value = (self._project(f"{block}.attn_{part}", x) for part in "qkv")
        query = query.reshape(n_tokens, self.n_heads, self.head_dim)
        key = key.reshape(n_tokens, self.n_heads_kv, self.head_dim)
        value = value.reshape(n_tokens, self.n_heads_kv, self.head_dim)
        if self.architecture != "gpt2":
            query, key = self._rotate(query), self._rotate(key)
        key, value = (np.repeat(part, self.n_heads // self.n_heads_kv, axis=1) for part in (key, value))
        scores = np.einsum("qhd,khd->hqk", query, key) / np.sqrt(self.head_dim)  # (n_heads, T, T)
        scores = np.where(np.tri(n_tokens, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", weights, value).reshape(n_tokens, d_query)

    def _rotate(self, x: np.ndarray) -> np.ndarray:
        """Rotary position embedding of x (T, heads, head_dim): neighbours for llama, halves for qwen2."""
        n_pairs = self._n_rotated // 2
        ratio = self._rope_base ** np.float32(-2.0 / self._n_rotated)
        frequencies = np.multiply.accumulate(np.r_[np.float32(1.0), np.full(n_pairs - 1, ratio)], dtype=np.float32)
        frequencies = frequencies / self._weights.get("rope_freqs.weight", np.ones(n_pairs))
        angle = np.arange(len(x))[:, None, None] * frequencies  # (T, 1, n_pairs)
        if self.architecture == "llama":
            first, second = np.arange(n_pairs) * 2, np.arange(n_pairs) * 2 + 1
        else:
            first, second = np.arange(n_pairs), np.arange(n_pairs) + n_pairs
        rotated = x.copy()
        rotated[..., first] = x[..., first] * np.cos(angle) - x[..., second] * np.sin(angle)
        rotated[..., second] = x[..., first] * np.sin(angle) + x[..., second] * np.cos(angle)
        return rotated

    def _mlp(self, block: str, x: np.ndarray) -> np.ndarray:
        up = self._project(f"{block}.ffn_up", x)
        if self.architecture == "gpt2":
            self._lower_margin(float16_margin(up), scale=root_mean_square(up))
            return self._project(f"{block}.ffn_down", gelu_table(up))
        gate = self._project(f"{block}.ffn_gate", x)
        return self._project(f"{block}.ffn_down", gate / (1.0 + np.exp(-gate)) * up)

    def _norm(self, name: str, x: np.ndarray) -> np.ndarray:
        """LayerNorm for gpt2, RMSNorm otherwise, over the last axis."""
        centred = x - x.mean(axis=-1, keepdims=True) if self.architecture == "gpt2" else x
        normed = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return normed * self._weights[f"{name}.weight"] + self._weights.get(f"{name}.bias", 0.0)

    def _project(self, name: str, x: np.ndarray) -> np.ndarray:
        """x @ W.T + b, with x rounded as ggml rounds it for this weight's type."""
        weight_type = self._types[f"{name}.weight"]
        if self._quantises and weight_type in ("Q8_0", "Q4_0"):
            self._lower_margin(q8_0_margin(x), scale=root_mean_square(x))
            x = round_to_q8_0(x)
        return x @ self._weights[f"{name}.weight"].T + self._weights.get(f"{name}.bias", 0.0)

    def _lower_margin(self, distance: np.ndarray, *, scale: np.ndarray) -> None:
        """distance is (T, n) in the row's units, scale (T, 1)."""
        self._margin = np.minimum(self._margin, (distance / scale).min(axis=1))


def clear_tokens(
    model: NumpyTransformer, n_tokens: int, *, seed: int, margin: float = 7e-7, edit: Edit | None = None
) -> list[int]:
    """Random tokens whose activations all keep `margin` from every rounding step.

    Tokens are drawn one by one and drawn again while they come too close: attention is causal, so an accepted token
    keeps its margin. `edit` must therefore not look at later rows.

    Raises
    ------
    ValueError
        2000 draws did not give a token: ask for a smaller margin.
    """
    rng = np.random.default_rng(seed)
    tokens: list[int] = []
    for _ in range(2000):
        candidate = [*tokens, int(rng.integers(model.n_vocab))]
        if model.forward(candidate, edit).rounding_margin[-1] >= margin:
            tokens = candidate
        if len(tokens) == n_tokens:
            return tokens
    raise ValueError(f"only {len(tokens)} of {n_tokens} tokens keep a margin of {margin} after 2000 draws: lower it")


def round_to_q8_0(x: np.ndarray) -> np.ndarray:
    """x (T, n), n a multiple of 32, rounded to Q8_0 and back: ties to even as with AVX2, where plain C rounds away."""
    blocks = x.astype(np.float32).reshape(len(x), -1, 32)
    largest = np.abs(blocks).max(axis=-1, keepdims=True)
    inverse = np.divide(np.float32(127.0), largest, out=np.zeros_like(largest), where=largest > 0.0)
    stored_scale = (largest / np.float32(127.0)).astype(np.float16).astype(np.float64)
    return (np.rint(blocks * inverse) * stored_scale).reshape(x.shape)


def q8_0_margin(x: np.ndarray) -> np.ndarray:
    """How far each value of x (T, n) is from another integer, or its block's largest from another float16 scale."""
    blocks = x.reshape(len(x), -1, 32)
    scale = np.abs(blocks).max(axis=-1, keepdims=True) / 127.0
    steps = np.divide(np.abs(blocks), scale, out=np.zeros_like(blocks), where=scale > 0.0)
    to_tie = np.abs(steps - np.floor(steps) - 0.5) * scale
    to_other_scale = float16_margin(scale, smallest_step=0.0) * 127.0
    margin = np.where(scale > 0.0, np.minimum(to_tie, to_other_scale), np.inf)
    return margin.reshape(x.shape)


def float16_margin(x: np.ndarray, *, smallest_step: float = SMALLEST_STEP) -> np.ndarray:
    """How far each value of x (T, n) is from rounding to another float16; infinite where that step is too small."""
    nearest = x.astype(np.float16)
    below = np.nextafter(nearest, np.float16(-np.inf)).astype(np.float64)
    above = np.nextafter(nearest, np.float16(np.inf)).astype(np.float64)
    centre = nearest.astype(np.float64)
    distance = np.minimum(x - (below + centre) / 2, (above + centre) / 2 - x)
    return np.where(above - centre > smallest_step * root_mean_square(x), np.maximum(distance, 0.0), np.inf)


def gelu_table(x: np.ndarray) -> np.ndarray:
    """ggml's tanh GELU: float16 in, float32 arithmetic, float16 out; 0 below -10 and the identity above 10.

    float32 tanh is rounded from float64 and ``1 + a x^2`` is one fused operation, as the compiler makes it: in all
    37376 entries equal to ggml's own table, where NumPy's float32 tanh misses 234.
    """
    rounded = np.clip(x, -10.0, 10.0).astype(np.float16).astype(np.float32)
    cubic = ((np.float32(0.044715) * rounded).astype(np.float64) * rounded + 1.0).astype(np.float32)
    inner = np.float32(0.79788456080286535588) * rounded * cubic
    tanh = np.tanh(inner.astype(np.float64)).astype(np.float32)
    table = (np.float32(0.5) * rounded * (1 + tanh)).astype(np.float16).astype(np.float64)
    return np.where(x <= -10.0, 0.0, np.where(x >= 10.0, x, table))


def root_mean_square(x: np.ndarray) -> np.ndarray:
    """Over the last axis, kept: (T, n) to (T, 1)."""
    return np.sqrt((x**2).mean(axis=-1, keepdims=True))
