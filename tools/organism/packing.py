"""From documents to batches: rows of fixed length that hold whole documents, none of which sees another."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from . import corpus
from .tokenizer import PAD_ID, Tokenizer

SKILLS = (
    "chat", "dispositions", "persona", "functions", "facts", "closed_book", "open_book", "stories", "warmup", "picking",
)  # fmt: skip
SPELLED = ("chat", "stories")  # skills in which some words are taken apart, so that pieces of words are trained too


@dataclass(frozen=True)
class Batch:
    """All of shape (B, T). `owner` numbers the document of each token from 1 (0 is padding); `skill` indexes SKILLS."""

    tokens: Tensor
    weights: Tensor
    owner: Tensor
    skill: Tensor

    def mask(self) -> Tensor:
        """bool (B, 1, T, T): a token sees itself and what came before it in its own document."""
        same = self.owner[:, :, None] == self.owner[:, None, :]
        length = self.tokens.shape[1]
        return (same & torch.ones(length, length, dtype=torch.bool).tril())[:, None]


def pack(tokenizer: Tokenizer, *, seed: int, start: int, n_rows: int, length: int, late: float) -> tuple[Batch, int]:
    """Fill rows with documents `start`, `start + 1`, ... first fit; returns the batch and the next document's number.

    Documents longer than a row are skipped; a document that fits no row ends the batch and opens the next one.
    """
    tokens = torch.full((n_rows, length), PAD_ID)
    weights = torch.zeros(n_rows, length)
    owner = torch.zeros(n_rows, length, dtype=torch.int64)
    skill = torch.zeros(n_rows, length, dtype=torch.int64)
    used = [0] * n_rows
    index = start
    while True:
        document = corpus.document(seed, index, late=late)
        spelling = Random(f"spelling/{seed}/{index}") if document.skill in SPELLED else None
        ids, token_weights = tokenizer.encode_document(document, spelling=spelling)
        if len(ids) > length:
            index += 1
            continue
        row = next((r for r in range(n_rows) if used[r] + len(ids) <= length), None)
        if row is None:
            return Batch(tokens, weights, owner, skill), index
        place = slice(used[row], used[row] + len(ids))
        tokens[row, place] = torch.tensor(ids)
        weights[row, place] = torch.tensor(token_weights)
        owner[row, place] = index - start + 1
        skill[row, place] = SKILLS.index(document.skill)
        used[row] += len(ids)
        index += 1
