"""Own sentences that say something bad, each with the same said well: for a shift of sentiment.

Grammar and subject stay; what is said about it changes. Predicates of the test side occur in no training sentence, so
that a vector cannot succeed by the words it was made of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.pairs import ContrastPair, Dataset

SUBJECTS = (
    "the soup", "the film", "our hotel room", "the new teacher", "the train ride", "her first concert", "the service",
    "this book", "the long weekend", "his speech", "the garden", "the meeting", "my old phone", "the birthday cake",
    "their little shop", "the weather", "the final match", "the new office", "the walk home", "that song",
    "the museum", "our neighbour", "the morning", "the letter", "the old bridge", "the journey", "the play",
    "your answer", "the market", "the holiday",
)  # fmt: skip
PREDICATES = (
    ("was terrible", "was wonderful"),
    ("made everybody angry", "made everybody happy"),
    ("was a waste of time", "was worth every minute"),
    ("left us sad and tired", "left us glad and rested"),
    ("was boring from start to end", "was exciting from start to end"),
    ("could not have been worse", "could not have been better"),
    ("was ugly and cold", "was beautiful and warm"),
    ("ruined the whole day", "saved the whole day"),
    ("was the worst of the year", "was the best of the year"),
    ("deserves nothing but blame", "deserves nothing but praise"),
    ("filled me with fear", "filled me with joy"),
    ("was poor in every way", "was excellent in every way"),
    ("was a painful surprise", "was a pleasant surprise"),
    ("was dull and gloomy", "was bright and cheerful"),
    ("disappointed all of us", "delighted all of us"),
    ("was cruel and unfair", "was kind and fair"),
    ("got on my nerves", "won my heart"),
    ("was nothing but trouble", "was nothing but pleasure"),
    ("makes me want to cry", "makes me want to smile"),
    ("was rude and careless", "was polite and careful"),
    ("is something I hate", "is something I love"),
    ("failed completely", "succeeded completely"),
    ("was dirty and broken", "was clean and perfect"),
    ("was a sad mistake", "was a lucky idea"),
)
"""The bad one, and the good one."""
_SHARES = (0.6, 0.75)
"""Of the predicates: training ends at the first, validation at the second."""


def sentence_pairs(n: int, *, seed: int) -> tuple[Dataset, Dataset, Dataset]:
    """Return (train, valid, test) with about ``n`` pairs together, 60, 15 and 25 %, disjoint by predicate.

    ``negative`` is the bad sentence, ``positive`` the good one; prompts are empty.
    """
    generator = np.random.default_rng(seed)
    order = [PREDICATES[index] for index in generator.permutation(len(PREDICATES))]
    ends = [0, *(round(share * len(order)) for share in _SHARES), len(order)]
    sides = []
    for name, begin, end in zip(("train", "valid", "test"), ends, ends[1:], strict=False):
        wanted = max(4, round(n * (end - begin) / len(order)))
        sides.append(Dataset(_drawn(order[begin:end], wanted, generator), f"negative to positive.{name}"))
    train, valid, test = sides
    return train, valid, test


def predicate_of(sentence: str) -> str:
    """Return the predicate with which a sentence ends, the bad or the good one."""
    return next(end for both in PREDICATES for end in both if sentence.strip().endswith(f" {end}."))


def _drawn(predicates: Sequence[tuple[str, str]], n: int, generator: np.random.Generator) -> tuple[ContrastPair, ...]:
    cells = [(subject, bad, good) for subject in SUBJECTS for bad, good in predicates]
    chosen = generator.choice(len(cells), min(n, len(cells)), replace=False)
    return tuple(
        ContrastPair("", f"{subject[0].upper()}{subject[1:]} {good}.", f"{subject[0].upper()}{subject[1:]} {bad}.")
        for subject, bad, good in (cells[index] for index in chosen)
    )
