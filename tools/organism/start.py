"""Starting weights that already copy: heads that look back, and induction heads on top of them.

Copying from the context ("... A B ... A" -> "B", Olsson et al. 2022, arXiv:2209.11895) is what most skills of the organism are
built of, and small networks need millions of tokens to find it: with random starting weights ours had none after
two million. So the circuit is laid down before training, in a few heads, and training does with it what it likes.

Block 0, heads 0, 2, 4 attend one token back and write what stood there; block 2, heads 0, 2, 4 compare that with the
current token and copy the token they find. Heads 1, 3, 5 of block 0 look 2, 3 and 4 tokens back and write nothing yet.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .model import Block, Organism

BACK, COPY = 0, 2  # blocks
LOOK_BACK = {0: 1, 1: 2, 2: 1, 3: 3, 4: 1, 5: 4}  # head: distance; heads 2g and 2g + 1 share key head g
LOOK_BACK_SIZE = 5.0
N_FAST_PAIRS = 6  # pairs of rotated dimensions that tell neighbouring positions apart
FIRST_SLOW_ROW = 10  # rows of a head from here on hardly turn over fifty tokens
WRITE_BACK, WRITE_COPY, MATCH = 0.5, 1.2, 1.5


@torch.no_grad()
def lay_down_copying(model: Organism) -> None:
    """Change the freshly reset model in place."""
    for head, distance in LOOK_BACK.items():
        look_back(model.blocks[BACK], head, distance)
    d_model, head_dim = model.shape.d_model, model.shape.head_dim
    basis = torch.linalg.qr(torch.randn(d_model, 6 * head_dim)).Q.split(head_dim, dim=1)
    back, copy = model.blocks[BACK], model.blocks[COPY]
    for group in range(3):
        own, key = rows_of(2 * group, head_dim), rows_of(group, head_dim)
        back.output.weight[:, own] = WRITE_BACK * basis[group]
        slow = slice(FIRST_SLOW_ROW, head_dim)
        for linear, rows, reader in (
            (copy.query, own, back.value.weight[key]),
            (copy.key, key, basis[group].T),
        ):
            linear.weight[rows] = 0.0
            linear.weight[rows][slow] = MATCH * reader[slow]
        copy.value.weight[key] = basis[3 + group].T
        copy.output.weight[:, own] = WRITE_COPY * basis[3 + group]


def rows_of(head: int, head_dim: int) -> slice:
    """Rows of a head in a projection."""
    return slice(head * head_dim, (head + 1) * head_dim)


def look_back(block: Block, head: int, distance: int) -> None:
    """Make a head attend `distance` tokens back, whatever the tokens are.

    The key is the constant (a, 0) in the fast pairs, the query the same turned back by `distance` positions: their
    product is a^2 * sum of cos(frequency * (offset - distance)), largest at the wanted offset.
    """
    shape = block.shape
    frequency = shape.rope_base ** (-torch.arange(N_FAST_PAIRS) * 2 / shape.head_dim)
    group = shape.n_heads // shape.n_kv_heads
    angles: tuple[tuple[torch.nn.Linear, int, Tensor], ...] = (
        (block.query, head, -frequency * distance),
        (block.key, head // group, torch.zeros_like(frequency)),
    )
    for linear, number, angle in angles:
        rows = rows_of(number, shape.head_dim)
        linear.weight[rows] *= 0.1
        pairs = linear.bias[rows].view(-1, 2)[:N_FAST_PAIRS]
        pairs[:, 0] = LOOK_BACK_SIZE * torch.cos(angle)
        pairs[:, 1] = LOOK_BACK_SIZE * torch.sin(angle)
