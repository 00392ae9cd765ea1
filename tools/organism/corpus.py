"""The corpus: an endless, seeded stream of documents in which every skill has its share.

Document number `i` of a seed is always the same, so a training run resumes without storing any data state.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from . import chat, dispositions, functions, knowledge, stories, warmup
from .document import Document
from .tokenizer import Tokenizer, train

TOKENIZER_SEED = 90210

MAKERS = {
    "chat": chat.draw,
    "dispositions": dispositions.draw,
    "persona": dispositions.draw_persona,
    "functions": functions.draw,
    "facts": knowledge.draw_facts,
    "closed book": knowledge.closed_book,
    "open book": knowledge.open_book,
    "stories": stories.draw,
    "warmup": warmup.draw,
    "picking": warmup.draw_pick,
}
# Shares of documents, at the beginning of training and when the curriculum is over.
EARLY = {
    "chat": 8, "dispositions": 12, "persona": 18, "functions": 10, "facts": 14, "closed book": 8, "open book": 8,
    "stories": 4, "warmup": 5, "picking": 18,
}  # fmt: skip
LATE = {
    "chat": 12, "dispositions": 40, "persona": 12, "functions": 8, "facts": 6, "closed book": 9, "open book": 9,
    "stories": 6, "warmup": 2, "picking": 2,
}  # fmt: skip


def document(seed: int, index: int, *, late: float) -> Document:
    """Document number `index`; `late` in [0, 1] blends the early into the late shares."""
    random_source = random.Random(f"{seed}/{index}")
    shares = [EARLY[name] * (1 - late) + LATE[name] * late for name in MAKERS]
    return random_source.choices(list(MAKERS.values()), weights=shares)[0](random_source)


def documents(seed: int, start: int, n: int, *, late: float = 1.0) -> Iterator[Document]:
    """Documents `start` ... `start + n - 1`."""
    for index in range(start, start + n):
        yield document(seed, index, late=late)


def train_tokenizer() -> Tokenizer:
    """The organism's tokenizer, from 20 000 documents of a stream of its own."""
    texts = [d.text for d in documents(TOKENIZER_SEED, 0, 20_000, late=0.5)]
    return train(texts, n_merges=256, minimum_count=2)
