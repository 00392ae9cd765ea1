"""Contrast pairs: the same prompt with a wanted and an unwanted answer, or two whole texts.

A `Dataset` is frozen and has been checked: it is not empty, no pair is one-sided or says the same thing twice, and
no pair occurs twice. Files are read by `load_pairs` in `pysteer.pair_files`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np

from pysteer.errors import DataError


@dataclass(frozen=True)
class ContrastPair:
    """One prompt with a wanted and an unwanted answer.

    Parameters
    ----------
    prompt : str
        What comes before both answers. Empty: ``positive`` and ``negative`` are whole texts.
    positive, negative : str
        The answer with the behaviour, and the one without it.

    Raises
    ------
    DataError
        A field is not text that UTF-8 can hold, an answer is blank, or both answers are the same.
    """

    prompt: str
    positive: str
    negative: str

    def __post_init__(self) -> None:
        for field, text in (("prompt", self.prompt), ("positive", self.positive), ("negative", self.negative)):
            if not isinstance(text, str):
                raise DataError(f"{field}: expected text, got {type(text).__name__}")
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise DataError(f"{field}: half of a UTF-16 surrogate pair at character {error.start}") from error
            if field != "prompt" and not text.strip():
                raise DataError(f"{field}: expected an answer, got {text!r}; a pair needs both sides")
        if self.positive == self.negative:
            raise DataError(f"positive and negative are the same text {_shortened(self.positive)}: nothing to contrast")

    @property
    def positive_text(self) -> str:
        """Prompt and positive answer, joined as they are."""
        return self.prompt + self.positive

    @property
    def negative_text(self) -> str:
        """Prompt and negative answer, joined as they are."""
        return self.prompt + self.negative


@dataclass(frozen=True)
class Dataset:
    """Contrast pairs in a fixed order.

    Parameters
    ----------
    pairs : tuple of ContrastPair
        At least one, no two equal.
    name : str
        For reports; not part of `content_hash`.

    Raises
    ------
    DataError
        No pair, or a pair that occurs twice.

    Examples
    --------
    >>> pairs = tuple(ContrastPair(f"Question {i}?", " Yes.", " No.") for i in range(10))
    >>> train, test = Dataset(pairs, "demo").split(0.8, seed=0)
    >>> len(train), len(test), train.name
    (8, 2, 'demo.train')
    """

    pairs: tuple[ContrastPair, ...]
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", tuple(self.pairs))
        if not self.pairs:
            raise DataError(f"data set {self.name!r} holds no pair")
        first_at: dict[ContrastPair, int] = {}
        for index, pair in enumerate(self.pairs):
            if not isinstance(pair, ContrastPair):
                raise DataError(f"data set {self.name!r}, pair {index}: expected a ContrastPair, got {pair!r}")
            if first_at.setdefault(pair, index) != index:
                raise DataError(
                    f"data set {self.name!r}: pairs {first_at[pair]} and {index} are the same "
                    f"(positive {_shortened(pair.positive)}); remove one, it would count twice"
                )

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the pairs and their order.

        Taken over the UTF-8 bytes of ``[[prompt,positive,negative],...]`` as JSON without blanks or escapes beyond
        those that JSON demands.
        """
        rows = [[pair.prompt, pair.positive, pair.negative] for pair in self.pairs]
        canonical = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def split(self, fraction: float, *, seed: int) -> tuple[Dataset, Dataset]:
        """Return (train, test), disjoint by text.

        Pairs that share a non-empty prompt, or a whole text (prompt and answer joined), go to the same side, so that
        nothing measured on the test side was seen in training. Groups are dealt in a random order until the
        training side has ``fraction`` of the pairs; a large group can overshoot it. Both sides keep the file's order.

        Parameters
        ----------
        fraction : float
            Share of the pairs for training, between 0 and 1.
        seed : int
            Of the order in which groups are dealt.

        Raises
        ------
        DataError
            The fraction is not between 0 and 1, or one side would be empty.
        """
        if not 0.0 < fraction < 1.0:
            raise DataError(f"expected a training fraction between 0 and 1, got {fraction}")
        groups = self._groups_sharing_text()
        n_wanted = max(1, round(fraction * len(self)))
        train: set[int] = set()
        for group in np.random.default_rng(seed).permutation(len(groups)):
            if len(train) >= n_wanted:
                break
            train.update(groups[int(group)])
        if len(train) == len(self):
            raise DataError(
                f"data set {self.name!r} has {len(self)} pairs in {len(groups)} groups that share no text: "
                f"a training fraction of {fraction} leaves nothing to test on"
            )
        sides = ([i for i in range(len(self)) if (i in train) == is_train] for is_train in (True, False))
        train_side, test_side = (tuple(self.pairs[i] for i in side) for side in sides)
        return Dataset(train_side, f"{self.name}.train"), Dataset(test_side, f"{self.name}.test")

    def _groups_sharing_text(self) -> list[list[int]]:
        """Return pair indices, grouped so that no prompt and no whole text occurs in two groups."""
        leader = list(range(len(self)))

        def find(index: int) -> int:
            while leader[index] != index:
                leader[index] = leader[leader[index]]
                index = leader[index]
            return index

        seen: dict[tuple[str, str], int] = {}
        for index, pair in enumerate(self.pairs):
            keys = [("text", pair.positive_text), ("text", pair.negative_text)]
            if pair.prompt:
                keys.append(("prompt", pair.prompt))
            for key in keys:
                a, b = find(seen.setdefault(key, index)), find(index)
                leader[max(a, b)] = min(a, b)
        groups: dict[int, list[int]] = {}
        for index in range(len(self)):
            groups.setdefault(find(index), []).append(index)
        return list(groups.values())

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[ContrastPair]:
        return iter(self.pairs)

    @overload
    def __getitem__(self, index: int) -> ContrastPair: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> ContrastPair | Dataset:
        """Return one pair, or a slice as a data set of the same name (an empty slice is a DataError)."""
        return Dataset(self.pairs[index], self.name) if isinstance(index, slice) else self.pairs[index]


def _shortened(text: str) -> str:
    """Return the text's repr, cut for an error message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
