"""A tiny model in which one token reverses what a steering direction does, and all else is known.

Block 0 does nothing. Steering adds along `STEERED`, which the output matrix reads as A minus B. In block 1 attention is
uniform, reads `MARK`, which only the token `REVERSING` has, and writes against `STEERED`. So without the token, or
without its mark, no string moves the answer. The model finds the token probable, so that a search comes by it soon,
whether it has the mark or not.
"""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import tiny_gguf
from tiny_gguf import CHAT_TEMPLATE, TinyModel, write_tiny_gguf

MODEL = TinyModel(architecture="llama", n_layers=2, chat_template=CHAT_TEMPLATE + "Bot:")
MARK, STEERED, ALWAYS = 48, 49, 50
"""Directions of the residual stream; all tokens have the last one."""
REVERSING = "~"
_GAIN = 150.0


def write_planted_reversal(path: Path, *, is_planted: bool) -> Path:
    """Write the model, with the reversing token or, but for that, the same."""
    plain = tiny_gguf.random_weights

    def planted(model: TinyModel, *, n_vocab: int, seed: int) -> dict[str, np.ndarray]:
        weights = plain(model, n_vocab=n_vocab, seed=seed)
        for name, values in weights.items():
            if name.startswith("blk."):
                values[...] = 1.0 if "norm" in name else 0.0
        weights["output_norm.weight"][...] = 1.0
        embeddings, output = weights["token_embd.weight"], weights["output.weight"]
        embeddings *= np.sqrt(model.d_model) / 2.0
        embeddings[:, MARK:], output[:, MARK:] = 0.0, 0.0
        tokens = {chr(code): n_vocab - (127 - code) for code in range(33, 127)}
        embeddings[tokens[REVERSING], MARK] = 8.0 if is_planted else 0.0
        embeddings[:, ALWAYS], output[tokens[REVERSING], ALWAYS] = 1.0, 8.0  # the model likes to write it
        for letter, sign in (("A", 1.0), ("B", -1.0)):
            output[tokens[letter]] = 0.0
            output[tokens[letter], STEERED] = sign
        weights["blk.1.attn_v.weight"][0, MARK] = 1.0
        weights["blk.1.attn_output.weight"][STEERED, 0] = -_GAIN
        return weights

    with patch.object(tiny_gguf, "random_weights", planted):
        return write_tiny_gguf(path, MODEL, weight_type="F32", seed=3)


def direction(norm: float = 3.0) -> np.ndarray:
    """The vector that steers towards A."""
    found = np.zeros(MODEL.d_model)
    found[STEERED] = norm
    return found
