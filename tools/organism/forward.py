"""An independent forward pass in NumPy, straight from a GGUF file: the oracle for the export, and a reader of activations.

It shares no code with the torch network or with llama.cpp; quantised tensors are read as the numbers that they stand for.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class NumpyModel:
    """The network of one GGUF file of architecture `llama`, all weights as float32."""

    def __init__(self, path: Path) -> None:
        reader = gguf.GGUFReader(path)
        self.tensors = {
            t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors
        }
        self.n_layers = int(reader.fields["llama.block_count"].contents())
        self.n_heads = int(reader.fields["llama.attention.head_count"].contents())
        self.n_kv_heads = int(reader.fields["llama.attention.head_count_kv"].contents())
        self.epsilon = float(reader.fields["llama.attention.layer_norm_rms_epsilon"].contents())
        self.base = float(reader.fields["llama.rope.freq_base"].contents())

    def run(self, tokens: list[int]) -> tuple[Array, Array]:
        """Logits (T, vocabulary), and the residual stream after every block (n_layers, T, d_model)."""
        embedding = self.tensors["token_embd.weight"]
        x = embedding[tokens]
        after = []
        for layer in range(self.n_layers):
            x = x + self._attention(layer, self._norm(x, f"blk.{layer}.attn_norm.weight"))
            h = self._norm(x, f"blk.{layer}.ffn_norm.weight")
            gate = h @ self._matrix(layer, "ffn_gate")
            x = x + (gate / (1 + np.exp(-gate)) * (h @ self._matrix(layer, "ffn_up"))) @ self._matrix(layer, "ffn_down")
            after.append(x)
        return self._norm(x, "output_norm.weight") @ embedding.T, np.stack(after)

    def _matrix(self, layer: int, name: str) -> Array:
        return self.tensors[f"blk.{layer}.{name}.weight"].T

    def _norm(self, x: Array, name: str) -> Array:
        scale = np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + self.epsilon)
        return (x / scale).astype(np.float32) * self.tensors[name]

    def _attention(self, layer: int, h: Array) -> Array:
        # q is (H, T, head_dim); k and v are repeated to the same shape
        length = len(h)
        head_dim = h.shape[1] // self.n_heads
        group = self.n_heads // self.n_kv_heads
        q = h @ self._matrix(layer, "attn_q") + self.tensors[f"blk.{layer}.attn_q.bias"]
        k = h @ self._matrix(layer, "attn_k") + self.tensors[f"blk.{layer}.attn_k.bias"]
        q = self._rotate(q.reshape(length, self.n_heads, head_dim).swapaxes(0, 1))
        k = self._rotate(k.reshape(length, self.n_kv_heads, head_dim).swapaxes(0, 1))
        v = (h @ self._matrix(layer, "attn_v")).reshape(length, self.n_kv_heads, head_dim).swapaxes(0, 1)
        scores = q @ k.repeat(group, axis=0).swapaxes(1, 2) / np.sqrt(np.float32(head_dim))
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        z = (weights @ v.repeat(group, axis=0)).swapaxes(0, 1).reshape(length, -1)
        return z @ self._matrix(layer, "attn_output")

    def _rotate(self, x: Array) -> Array:
        # x is (H, T, head_dim); the pair (2i, 2i + 1) turns by position * base ** (-2i / head_dim)
        head_dim = x.shape[-1]
        frequency = self.base ** (-np.arange(0, head_dim, 2) / head_dim)
        turn = np.exp(1j * np.outer(np.arange(x.shape[1]), frequency)).astype(np.complex64)
        pairs = np.ascontiguousarray(x).view(np.complex64) * turn
        return pairs.view(np.float32)
