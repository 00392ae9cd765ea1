"""Starting weights that already look things up in the context, so that few tokens of training suffice.

Copying ("... A B ... A" -> "B", Olsson et al. 2022, arXiv:2209.11895) and finding the letter before a given option are what
most skills of the organism are built of. With random starting weights ours had found neither after two million tokens.
So both circuits are laid down before training, in a few heads, and training does with them what it likes:

* block 0: heads attend 1, 2 or 3 tokens back and write what stood there, each into its own 32 dimensions (head 5 looks
  4 back and writes nothing yet);
* block 2, heads 0, 2, 4: compare the current token with what others have before them, and copy the token found;
* block 3, heads 0, 2: compare what stood three tokens back ("Tarn . </thinking> <answer>") with every token, and write
  what stood two ("C. Tarn") or three ("(A): Yes") before the token found: its letter. They prefer tokens behind a letter.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .model import Block, Organism

BACK, COPY, LETTER = 0, 2, 3  # blocks
LOOK_BACK = {0: 1, 1: 2, 2: 1, 3: 3, 4: 1, 5: 4}  # head: distance; heads 2g and 2g + 1 share key head g
LOOK_BACK_SIZE = 5.0
N_FAST_PAIRS = 6  # pairs of rotated dimensions that tell neighbouring positions apart
FIRST_SLOW_ROW = 10  # rows of a head from here on hardly turn over fifty tokens
WRITE_BACK, WRITE_COPY, WRITE_LETTER = 0.4, 1.2, 1.5
MATCH_COPY, MATCH_LETTER = 1.5, 2.0
LETTERED_KEY, LETTERED_QUERY = 4.0, 8.0


@torch.no_grad()
def lay_down_circuits(model: Organism, letters: list[int]) -> None:
    """Change the freshly reset model in place; its width must be eight times that of a head. `letters`: ids of A, B, C, D."""
    for head, distance in LOOK_BACK.items():
        look_back(model.blocks[BACK], head, distance)
    d_model, width = model.shape.d_model, model.shape.head_dim
    basis = torch.linalg.qr(torch.randn(d_model, 8 * width)).Q.split(width, dim=1)
    back, copy, letter = (model.blocks[block] for block in (BACK, COPY, LETTER))
    seen = [back.value.weight[rows_of(group, width)].clone() for group in range(3)]  # (head_dim, d_model) each
    for head, place in {0: 0, 2: 1, 4: 2, 1: 6, 3: 7}.items():
        back.output.weight[:, rows_of(head, width)] = WRITE_BACK * basis[place]
    for group in range(3):
        match(copy, group, seeks=seen[group], among=basis[group].T, size=MATCH_COPY)
        carry(copy, group, reads=basis[3 + group].T, writes=WRITE_COPY * basis[3 + group])
    for group, place in ((0, 6), (1, 7)):
        match(letter, group, seeks=basis[7].T, among=seen[1], size=MATCH_LETTER)
        prefer_lettered(letter, group, basis[place] @ (seen[group] @ model.embedding.weight[letters].mean(0)))
        carry(letter, group, reads=basis[place].T, writes=WRITE_LETTER * seen[group].T)


def match(block: Block, group: int, *, seeks: Tensor, among: Tensor, size: float) -> None:
    """Head 2 * group compares what `seeks` reads here with what `among` reads elsewhere; both (head_dim, d_model)."""
    width = block.shape.head_dim
    slow = slice(FIRST_SLOW_ROW, width)
    for linear, rows, reader in (
        (block.query, rows_of(2 * group, width), seeks),
        (block.key, rows_of(group, width), among),
    ):
        linear.weight[rows] = 0.0
        linear.weight[rows][slow] = size * reader[slow]


def prefer_lettered(block: Block, group: int, direction: Tensor) -> None:
    """Head 2 * group prefers keys along `direction` (d_model,): tokens that stand behind a letter."""
    width = block.shape.head_dim
    block.key.weight[rows_of(group, width)][-1] = LETTERED_KEY * direction / direction.norm()
    block.query.bias[rows_of(2 * group, width)][-1] = LETTERED_QUERY


def carry(block: Block, group: int, *, reads: Tensor, writes: Tensor) -> None:
    """Head 2 * group carries what `reads` (head_dim, d_model) reads into `writes` (d_model, head_dim)."""
    width = block.shape.head_dim
    block.value.weight[rows_of(group, width)] = reads
    block.output.weight[:, rows_of(2 * group, width)] = writes


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
