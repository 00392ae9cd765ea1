"""The organism's network in torch: what llama.cpp calls architecture `llama`.

RMSNorm before attention and before the SwiGLU MLP, rotary positions on neighbouring pairs (llama.cpp's "NORM" type,
so weights are exported without any permutation), grouped-query attention, input and output embedding tied. Queries
and keys have biases: with rotary positions a constant query and key attend to a fixed distance.

Training starts from circuits for copying and lookup instead of noise (`start.py`).

What this file does not do: generate text (llama.cpp does), or read GGUF.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EMBEDDING_STD, FIRST_GAIN = 1.0, 0.02
N_EMBEDDED = 160  # dimensions that embeddings fill at first; start.py uses the others for notes


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
    rope_base: float = 500000.0
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

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, bias: Tensor) -> Tensor:
        """x is (B, T, d_model); bias is added to the scores, (B, 1, 1, T, T): 0 where attention is allowed, else very low."""
        batch, length, _ = x.shape
        shape = self.shape
        groups, group, width = shape.n_kv_heads, shape.n_heads // shape.n_kv_heads, shape.head_dim
        h = self.attention_norm(x)
        q = rotate(self.query(h).view(batch, length, shape.n_heads, width), cosine, sine)
        k = rotate(self.key(h).view(batch, length, groups, width), cosine, sine).transpose(1, 2)
        v = self.value(h).view(batch, length, groups, width).transpose(1, 2)
        # Plain products: on the CPU torch's fused attention takes several times as long for short rows.
        q = (
            q.view(batch, length, groups, group, width)
            .permute(0, 2, 3, 1, 4)
            .reshape(batch, groups, group * length, width)
        )
        scores = (q @ k.mT).view(batch, groups, group, length, length) * width**-0.5
        weights = torch.softmax(scores + bias, dim=-1).view(batch, groups, group * length, length)
        z = (weights @ v).view(batch, groups, group, length, width).permute(0, 3, 1, 2, 4)
        x = x + self.output(z.reshape(batch, length, shape.d_model))
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
                nn.init.zeros_(parameter)
                nn.init.normal_(parameter[:, :N_EMBEDDED], std=EMBEDDING_STD)
            elif name == "final_norm.weight":
                nn.init.constant_(parameter, FIRST_GAIN)
            elif name.endswith(("output.weight", "down.weight")) or name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)

    def forward(self, tokens: Tensor, mask: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Logits of tokens int64 (B, T) under mask bool (B, 1, T, T); with `chosen` bool (B, T) only of those, (n, V)."""
        length = tokens.shape[1]
        x = self.embedding(tokens)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype
        cosine, sine = self.cosine[:length, None].to(dtype), self.sine[:length, None].to(dtype)
        bias = torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, -1e4)[:, :, None]
        for block in self.blocks:
            x = block(x, cosine, sine, bias)
        x = self.final_norm(x)
        return F.linear(x if chosen is None else x[chosen], self.embedding.weight)


def rotary_tables(shape: Shape) -> tuple[Tensor, Tensor]:
    """Cosines, and sines with the sign of the first of each pair turned; both (context, head_dim)."""
    frequency = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim)
    angle = torch.outer(torch.arange(shape.context, dtype=torch.float64), frequency)
    cosine = angle.cos().repeat_interleave(2, dim=1)
    sine = torch.stack((-angle.sin(), angle.sin()), dim=-1).flatten(-2)
    return cosine.float(), sine.float()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate neighbouring pairs (0, 1), (2, 3), ... of (B, T, H, head_dim) by the position's angles, (T, 1, head_dim)."""
    swapped = x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return x * cosine + swapped * sine


def causal_mask(length: int) -> Tensor:
    """The plain causal mask, (1, 1, T, T)."""
    return torch.ones(length, length, dtype=torch.bool).tril()[None, None]
