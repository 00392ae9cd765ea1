"""Training, validation and test parts of one data set, by position, and the certainty that they do not overlap.

The reference code of arXiv:2407.12404 writes its test split as "50:100%" and reads the ``50`` without a per cent sign
as an index: of 1000 items its test set holds items 50 to 999, 350 of its 400 training items among them. Here both ends
of a part have the same unit, and parts that overlap, by position or by text, are an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations

from pysteer.errors import DataError
from pysteer.pair_files import check_disjoint
from pysteer.pairs import Dataset

STEERING_BENCH = {"train": "0%:40%", "validation": "40%:50%", "test": "50%:100%"}
"""The parts that the paper describes."""

_BOUND = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*")


def split_range(text: str, n: int) -> range:
    """Return the positions of a part such as "40%:50%" or "100:200" (half-open) among ``n`` items.

    Parameters
    ----------
    text : str
        Two shares of the data set, both with a per cent sign, or two positions, both without.

    Raises
    ------
    DataError
        Another form, one end with and one without a per cent sign, an end beyond the data, or no item in between.

    Examples
    --------
    >>> split_range("40%:50%", 1000)
    range(400, 500)
    >>> split_range("50:100%", 1000)
    Traceback (most recent call last):
    pysteer.errors.DataError: split '50:100%': one end is a share and the other a position; write '50%:100%'
    """
    ends = [_BOUND.fullmatch(part) for part in text.split(":")]
    if len(ends) != 2 or ends[0] is None or ends[1] is None:
        raise DataError(f"expected a split such as '0%:40%' or '0:400', got {text!r}")
    (begin, is_share), (end, is_share_too) = ((match[1], match[2] == "%") for match in ends if match is not None)
    if is_share != is_share_too:
        raise DataError(f"split {text!r}: one end is a share and the other a position; write '{begin}%:{end}%'")
    positions = [_position(value, is_share, n, text) for value in (begin, end)]
    if positions[0] >= positions[1]:
        raise DataError(f"split {text!r} holds none of the {n} items")
    return range(*positions)


def _position(value: str, is_share: bool, n: int, text: str) -> int:
    number = float(value)
    position = round(number / 100.0 * n) if is_share else number
    if position != int(position) or position > n or (is_share and number > 100.0):
        raise DataError(f"split {text!r}: {value}{'%' if is_share else ''} is no position among {n} items")
    return int(position)


def split_dataset(data: Dataset, parts: Mapping[str, str] = STEERING_BENCH) -> dict[str, Dataset]:
    """Return named parts of a data set, checked to share no item and no text.

    Parameters
    ----------
    parts : mapping of str to str
        Name and range of each, such as ``{"train": "0%:40%", "test": "50%:100%"}``.

    Raises
    ------
    DataError
        A range is malformed, two parts share an item, or items of two parts share a prompt or a whole text.
        `Dataset.split` deals items so that this cannot happen.

    Examples
    --------
    >>> from pysteer.pairs import ContrastPair
    >>> data = Dataset(tuple(ContrastPair(f"Question {i}?", " Yes.", " No.") for i in range(10)), "demo")
    >>> {name: len(part) for name, part in split_dataset(data).items()}
    {'train': 4, 'validation': 1, 'test': 5}
    """
    ranges = {name: split_range(text, len(data)) for name, text in parts.items()}
    for first, second in combinations(ranges, 2):
        shared = set(ranges[first]) & set(ranges[second])
        if shared:
            raise DataError(
                f"{first} ({parts[first]}) and {second} ({parts[second]}) share {len(shared)} of the {len(data)} items "
                f"of {data.name!r}, the first is item {min(shared)}"
            )
    chosen = {
        name: Dataset(tuple(data.pairs[i] for i in positions), f"{data.name}.{name}")
        for name, positions in ranges.items()
    }
    for one, other in combinations(chosen.values(), 2):
        check_disjoint(one, other)
    return chosen
