"""Parts of a data set: both ends in one unit, and nothing shared, by position or by text."""

from __future__ import annotations

import pytest

from pysteer.errors import DataError
from pysteer.pairs import ContrastPair, Dataset
from pysteer.splits import STEERING_BENCH, split_dataset, split_range


def items(n: int, *, same_prompt: bool = False) -> Dataset:
    prompt = "The same question?" if same_prompt else "Question {i}?"
    return Dataset(tuple(ContrastPair(prompt.format(i=i), f" Yes {i}.", f" No {i}.") for i in range(n)), "items")


def test_the_reference_codes_string_is_an_error_and_not_an_index() -> None:
    with pytest.raises(DataError, match=r"one end is a share and the other a position; write '50%:100%'"):
        split_range("50:100%", 1000)
    with pytest.raises(DataError, match="50:100%"):
        split_dataset(items(1000), {"train": "0%:40%", "validation": "40%:50%", "test": "50:100%"})


def test_what_the_reference_code_reads_into_it_overlaps_by_position() -> None:
    with pytest.raises(DataError, match="share 350 of the 1000 items of 'items', the first is item 50"):
        split_dataset(items(1000), {"train": "0:400", "test": "50:1000"})


def test_the_papers_parts_are_disjoint_and_cover_everything() -> None:
    data = items(1000)
    parts = split_dataset(data, STEERING_BENCH)
    assert [len(part) for part in parts.values()] == [400, 100, 500]
    assert [pair for part in parts.values() for pair in part] == list(data)
    assert [part.name for part in parts.values()] == ["items.train", "items.validation", "items.test"]


def test_parts_of_other_positions_that_share_a_text_are_an_error() -> None:
    with pytest.raises(DataError, match="share a prompt"):
        split_dataset(items(10, same_prompt=True), {"train": "0:5", "test": "5:10"})


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [("0%:40%", 10, range(4)), ("33.3%:100%", 3, range(1, 3)), (" 2 : 5 ", 5, range(2, 5)), ("0:1", 1, range(1))],
)
def test_ranges(text: str, n: int, expected: range) -> None:
    assert split_range(text, n) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "5:", ":5", "0%:101%", "0:11", "3:3", "5:3", "0.5:2", "a:b", "-1:3", "0:1:2"]
)
def test_anything_else_is_an_error(text: str) -> None:
    with pytest.raises(DataError):
        split_range(text, 10)
