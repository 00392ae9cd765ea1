"""Starting weights that already look things up in the context, so that few tokens of training suffice.

Copying ("... A B ... A" -> "B", Olsson et al. 2022, arXiv:2209.11895) and finding the letter before a given option are what
most skills of the organism are built of. With random starting weights ours had found neither after four million tokens.
So both circuits are laid down before training, in a few heads, and training does with them what it likes.

The residual stream begins in two parts. Embeddings (also the output matrix) fill the first `N_EMBEDDED` dimensions; the
others start empty and hold notes: the codes of this token (`OWN`) and of the one before (`BEHIND`), which letter stands just
before this token (`LETTERED`), and the code of the option that is looked for (`SOUGHT`). A token's code is a fixed projection of its
embedding onto `CODE` dimensions.

* Block 0 takes notes. Heads that look back a fixed distance write codes into `OWN` and `BEHIND`, a letter two
  ("A. Tarn"), three ("(A): Yes") or four tokens back into `LETTERED`, and behind "Tarn.</thinking><answer>" the code
  of "Tarn" into `SOUGHT`.
* Block 2 copies: heads compare the current token's code with `BEHIND` of earlier tokens, and write the token found.
* Block 4 chooses the letter: at "<answer>" and at "(" a head compares `SOUGHT` with `OWN` of the lettered tokens, and
  writes the letter of the one found. Where no thought comes first, training has only to write into `SOUGHT`.

What this file does not do: knowledge, dispositions, style. Nothing of them is there before training.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .model import N_EMBEDDED, Block, Organism

NOTING, COPYING, CHOOSING = 0, 2, 4  # blocks
# head of block 0: distance; heads 2g and 2g + 1 share keys and values. Head 1 looks back at "<answer>" only.
LOOK_BACK = {0: 1, 1: 3, 2: 2, 3: 3, 4: 4, 6: 0}
LOOK_BACK_SIZE = 6.0
N_FAST_PAIRS = 6  # pairs of rotated dimensions that tell neighbouring positions apart
CODE = 20
BEHIND, SOUGHT = slice(N_EMBEDDED, N_EMBEDDED + CODE), slice(N_EMBEDDED + 32, N_EMBEDDED + 32 + CODE)
OWN = slice(N_EMBEDDED + 64, N_EMBEDDED + 64 + CODE)
LETTERED = slice(N_EMBEDDED + 84, N_EMBEDDED + 88)
SLOW = slice(10, 10 + CODE)  # rows of a head that hardly turn over a hundred tokens
STILL = 31  # the row of a head that turns least

WRITE_CODE, READ_LETTER, WRITE_LETTER = 1.0, 0.25, 1.0
MATCH, WRITE_COPY, WRITE_CHOICE = 1.8, 2.0, 17.0
PREFER_LETTERED, ASK_LETTERED = 1.5, 1.5


@torch.no_grad()
def lay_down_circuits(model: Organism, letters: list[int], answer: int, bracket: int) -> None:
    """Change the freshly reset model in place: ids of A, B, C, D, of "<answer>" and of "("."""
    embedding = model.embedding.weight
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    code = torch.zeros(CODE, model.shape.d_model)
    code[:, :N_EMBEDDED] = orthonormal_rows(CODE, N_EMBEDDED)
    note_taking(model.blocks[NOTING], code, unit[letters], unit[answer])
    copying(model.blocks[COPYING], code)
    choosing(model.blocks[CHOOSING], unit[letters], unit[answer] + unit[bracket])


def orthonormal_rows(n_rows: int, width: int) -> Tensor:
    """Random orthonormal rows, (n_rows, width)."""
    return torch.linalg.qr(torch.randn(width, n_rows)).Q.T


def note_taking(block: Block, code: Tensor, letters: Tensor, answer: Tensor) -> None:
    """`letters` (4, d_model) and `answer` (d_model,) are embeddings of length one."""
    for head, distance in LOOK_BACK.items():
        look_back(block, head, distance, only_at=answer if head == 1 else None)
    width = block.shape.head_dim
    for group in (0, 3):
        block.value.weight[rows_of(group, width)][:CODE] = code
    for head, note in ((0, BEHIND), (1, SOUGHT), (6, OWN)):
        start = rows_of(head, width).start
        block.output.weight[note, start : start + CODE] = WRITE_CODE * torch.eye(CODE)
    for group in (1, 2):
        block.value.weight[rows_of(group, width)][:4] = READ_LETTER * letters
    for head in (2, 3, 4):
        start = rows_of(head, width).start
        block.output.weight[LETTERED, start : start + 4] = WRITE_LETTER * torch.eye(4)


def copying(block: Block, code: Tensor) -> None:
    """Three heads with the same eyes; each carries its own third of the token found."""
    width = block.shape.head_dim
    carried = orthonormal_rows(3 * width, N_EMBEDDED).split(width)
    for group, part in enumerate(carried):
        query, key = silent(block.query, 2 * group, width), silent(block.key, group, width)
        query[SLOW] = MATCH * code
        key[SLOW, BEHIND] = MATCH * torch.eye(CODE)
        block.value.weight[rows_of(group, width)] = torch.zeros(width, block.shape.d_model)
        block.value.weight[rows_of(group, width), :N_EMBEDDED] = part
        block.output.weight[:N_EMBEDDED, rows_of(2 * group, width)] = WRITE_COPY * part.T


def choosing(block: Block, letters: Tensor, asked: Tensor) -> None:
    """Head 0: from the option that is sought to its letter, where the current token is one that asks for a letter."""
    width = block.shape.head_dim
    query, key = silent(block.query, 0, width), silent(block.key, 0, width)
    query[SLOW, SOUGHT] = MATCH * torch.eye(CODE)
    key[SLOW, OWN] = MATCH * torch.eye(CODE)
    query[STILL] = ASK_LETTERED * asked
    key[STILL, LETTERED] = PREFER_LETTERED
    block.value.weight[:4] = 0.0
    block.value.weight[:4, LETTERED] = torch.eye(4)
    block.output.weight[:, :4] = WRITE_CHOICE * letters.T


def silent(linear: torch.nn.Linear, head: int, head_dim: int) -> Tensor:
    """The rows of a head, (head_dim, d_model), set to zero: a view to write into."""
    rows = linear.weight[rows_of(head, head_dim)]
    rows.zero_()
    return rows


def rows_of(head: int, head_dim: int) -> slice:
    """Rows of a head in a projection."""
    return slice(head * head_dim, (head + 1) * head_dim)


def look_back(block: Block, head: int, distance: int, *, only_at: Tensor | None = None) -> None:
    """Make a head attend `distance` tokens back, whatever the tokens are, or from one token (embedding (d_model,)) only.

    The key is the constant (a, 0) in the fast pairs, the query the same turned back by `distance` positions: their
    product is a^2 * sum of cos(frequency * (offset - distance)), largest at the wanted offset.
    """
    shape = block.shape
    frequency = shape.rope_base ** (-torch.arange(N_FAST_PAIRS) * 2 / shape.head_dim)
    query_rows, key_rows = (
        rows_of(head, shape.head_dim),
        rows_of(head // (shape.n_heads // shape.n_kv_heads), shape.head_dim),
    )
    pattern = torch.stack((torch.cos(-frequency * distance), torch.sin(-frequency * distance)), dim=1).flatten()
    pattern *= LOOK_BACK_SIZE
    block.query.weight[query_rows] *= 0.1
    block.key.weight[key_rows] *= 0.1
    block.key.bias[key_rows].view(-1, 2)[:N_FAST_PAIRS, 0] = LOOK_BACK_SIZE
    if only_at is None:
        block.query.bias[query_rows][: len(pattern)] = pattern
    else:  # a normalised embedding has the length sqrt(d_model)
        block.query.weight[query_rows][: len(pattern)] = torch.outer(pattern, only_at) / shape.d_model**0.5
