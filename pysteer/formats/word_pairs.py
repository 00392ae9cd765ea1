"""Word pairs: the tasks of "Function Vectors in Large Language Models" (Todd et al. 2023, arXiv:2310.15213).

A task is a list of inputs with one output each: "flawed" and "perfect". `load_word_pairs` reads the JSON files of that
study. Real files repeat pairs, and give some inputs several outputs; what that means for a split stands at `split`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pysteer.errors import DataError
from pysteer.formats.drops import Drops
from pysteer.formats.format import Source, formats, read_source
from pysteer.formats.json_records import check_fields, is_list_of, record_objects, text_field

_FIELDS = ("input", "output")


@dataclass(frozen=True)
class WordPair:
    """One question of a task and its answer, without the blanks that a prompt puts around them.

    Raises
    ------
    DataError
        A side is not text, or blank.
    """

    input: str
    output: str

    def __post_init__(self) -> None:
        for field, text in (("input", self.input), ("output", self.output)):
            if not isinstance(text, str):
                raise DataError(f"{field}: expected text, got {type(text).__name__}")
            if not text.strip():
                raise DataError(f"{field}: expected a word, got {text!r}")


@dataclass(frozen=True)
class WordPairs:
    """A task's word pairs in a fixed order.

    Parameters
    ----------
    name : str
        For reports; not part of `content_hash`.
    pairs : tuple of WordPair
        At least one, no two equal. An input may have several outputs.

    Raises
    ------
    DataError
        No pair, or a pair that occurs twice.

    Examples
    --------
    >>> task = WordPairs("double", tuple(WordPair(str(n), str(2 * n)) for n in range(197)))
    >>> train, test, valid = task.split(seed=42)
    >>> len(train), len(test), len(valid)
    (137, 42, 18)
    """

    name: str
    pairs: tuple[WordPair, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", tuple(self.pairs))
        if not self.pairs:
            raise DataError(f"task {self.name!r} holds no word pair")
        first_at: dict[WordPair, int] = {}
        for index, pair in enumerate(self.pairs):
            if not isinstance(pair, WordPair):
                raise DataError(f"task {self.name!r}, pair {index}: expected a WordPair, got {pair!r}")
            if first_at.setdefault(pair, index) != index:
                raise DataError(f"task {self.name!r}: pairs {first_at[pair]} and {index} are the same ({pair.input!r})")

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of ``[[input,output],...]`` as compact JSON in UTF-8."""
        rows = [[pair.input, pair.output] for pair in self.pairs]
        return hashlib.sha256(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()

    def split(self, *, seed: int) -> tuple[WordPairs, WordPairs, WordPairs]:
        """Return (train, test, valid): 70, 21 and 9 % of the inputs, disjoint by input.

        Sizes are those of the reference, which sets 30 % aside (rounded up) and 30 % of these, rounded up, for
        validation. All pairs of one input (compared without case and outer blanks) go to the same side, which the
        reference does not see to: of its tasks some give an input twice. Which inputs go where is drawn with NumPy's
        default generator, so a seed does not give the reference's own rows. Each side keeps the file's order.

        Raises
        ------
        DataError
            Fewer than 4 inputs: a side would be empty.
        """
        groups: dict[str, list[int]] = {}
        for index, pair in enumerate(self.pairs):
            groups.setdefault(pair.input.strip().casefold(), []).append(index)
        if len(groups) < 4:
            raise DataError(f"task {self.name!r} has {len(groups)} inputs; a split into three needs at least 4")
        members = list(groups.values())
        order = np.random.default_rng(seed).permutation(len(members))
        n_rest = math.ceil(0.3 * len(members) - 1e-9)
        n_valid = math.ceil(0.3 * n_rest - 1e-9)
        n_train = len(members) - n_rest
        sides = (order[:n_train], order[n_train : len(members) - n_valid], order[len(members) - n_valid :])
        names = ("train", "test", "valid")
        train, test, valid = (self._side(members, side, name) for side, name in zip(sides, names, strict=True))
        return train, test, valid

    def _side(self, members: Sequence[Sequence[int]], side: npt.NDArray[np.intp], name: str) -> WordPairs:
        chosen = sorted(index for group in side for index in members[int(group)])
        return WordPairs(f"{self.name}.{name}", tuple(self.pairs[index] for index in chosen))

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[WordPair]:
        return iter(self.pairs)

    def __getitem__(self, index: int) -> WordPair:
        return self.pairs[index]


def load_word_pairs(path: str | Path) -> WordPairs:
    """Return the task in a JSON file: a list of ``{"input": ..., "output": ...}``. It is called after the file.

    Raises
    ------
    DataError
        The file cannot be read, or breaks the format; the message names file, record, field, and what was expected.

    Warns
    -----
    DroppedDataWarning
        A pair that stands in the file several times was taken once.
    """
    return _read(read_source(path))


def _is_word_pairs(source: Source) -> bool:
    return is_list_of(source, {"input", "output"})


@formats.register("word_pairs", holds="word pairs", recognises=_is_word_pairs, files=".json")
def read_word_pairs(source: Source) -> WordPairs:
    """Tasks of the function-vector study: a list of {"input", "output"}."""
    return _read(source)


def _read(source: Source) -> WordPairs:
    drops = Drops(source.where)
    pairs: dict[WordPair, str] = {}
    for where, record in record_objects(source):
        check_fields(record, _FIELDS, where)
        sides = text_field(record, "input", where), text_field(record, "output", where)
        try:
            pair = WordPair(*sides)
        except DataError as error:
            raise DataError(f"{where}, {error}") from error
        if pair in pairs:
            drops.add("repeat an earlier pair", where)
        pairs.setdefault(pair, where)
    drops.warn(kept=len(pairs))
    return WordPairs(source.name, tuple(pairs))
