"""The organism's network in torch: what llama.cpp calls architecture `llama`.

RMSNorm before attention and before the SwiGLU MLP, rotary positions on neighbouring pairs (llama.cpp's "NORM" type,
so weights are exported without any permutation), grouped-query attention, input and output embedding tied. Queries
and keys have biases: with rotary positions a constant query and key attend to a fixed distance.

Training starts from a copying circuit instead of noise (`start.py`).

What this file does not do: generate text (llama.cpp does), or read GGUF.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


EMBEDDING_STD, FIRST_GAIN = 0.3, 0.07


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. `rope_base` and `norm_epsilon` are written into the GGUF file as they stand here."""

    vocabulary: int
    d_model: int = 256
    n_layers: int = 6
    n_heads: int = 8
    n_kv_heads: int = 4
    d_ff: int = 512
    context: int = 1024
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one head; also the number of rotated dimensions."""
        return self.d_model // self.n_heads

    def to_dict(self) -> dict[str, float]:
        """Plain numbers, for checkpoints."""
        return asdict(self)


class Block(nn.Module):
    """One block: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        kv = shape.n_kv_heads * shape.head_dim
        self.shape = shape
        self.attention_norm = nn.RMSNorm(shape.d_model, eps=shape.norm_epsilon)
        self.query = nn.Linear(shape.d_model, shape.d_model)
        self.key = nn.Linear(shape.d_model, kv)
        self.value = nn.Linear(shape.d_model, kv, bias=False)
        self.output = nn.Linear(shape.d_model, shape.d_model, bias=False)
        self.mlp_norm = nn.RMSNorm(shape.d_model, eps=shape.norm_epsilon)
        self.gate = nn.Linear(shape.d_model, shape.d_ff, bias=False)
        self.up = nn.Linear(shape.d_model, shape.d_ff, bias=False)
        self.down = nn.Linear(shape.d_ff, shape.d_model, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """x is (B, T, d_model); mask is (B, 1, T, T), True where attention is allowed."""
        batch, length, _ = x.shape
        shape = self.shape
        h = self.attention_norm(x)
        q = self.query(h).view(batch, length, shape.n_heads, shape.head_dim).transpose(1, 2)
        k = self.key(h).view(batch, length, shape.n_kv_heads, shape.head_dim).transpose(1, 2)
        v = self.value(h).view(batch, length, shape.n_kv_heads, shape.head_dim).transpose(1, 2)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        group = shape.n_heads // shape.n_kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.output(z.transpose(1, 2).reshape(batch, length, shape.d_model))
        h = self.mlp_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Organism(nn.Module):
    """The whole network; `forward` returns logits of shape (B, T, vocabulary)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.d_model)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.final_norm = nn.RMSNorm(shape.d_model, eps=shape.norm_epsilon)
        cosine, sine = rotary_tables(shape)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.reset()

    def reset(self) -> None:
        """Fan-in scaled normal weights; what writes into the residual stream starts at zero.

        Embeddings start large, so that a step of the optimiser changes them little, and the final norm's gain small, so that
        the first logits are small all the same.
        """
        for name, parameter in self.named_parameters():
            if name == "embedding.weight":
                nn.init.normal_(parameter, std=EMBEDDING_STD)
            elif name == "final_norm.weight":
                nn.init.constant_(parameter, FIRST_GAIN)
            elif name.endswith(("output.weight", "down.weight")):
                nn.init.zeros_(parameter)
            elif name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens is int64 (B, T); mask is bool (B, 1, T, T)."""
        length = tokens.shape[1]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cosine[:length], self.sine[:length], mask)
        return F.linear(self.final_norm(x), self.embedding.weight)


def rotary_tables(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (context, head_dim / 2)."""
    frequency = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim)
    angle = torch.outer(torch.arange(shape.context, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate neighbouring pairs (0, 1), (2, 3), ... of (B, H, T, head_dim) by the position's angles."""
    even, odd = x[..., 0::2].float(), x[..., 1::2].float()
    rotated = torch.stack((even * cosine - odd * sine, even * sine + odd * cosine), dim=-1)
    return rotated.flatten(-2).to(x.dtype)


def causal_mask(length: int) -> Tensor:
    """The plain causal mask, (1, 1, T, T)."""
    return torch.ones(length, length, dtype=torch.bool).tril()[None, None]
