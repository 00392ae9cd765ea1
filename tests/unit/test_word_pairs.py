"""Word-pair tasks: sizes and disjointness of a split, repeats, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysteer.errors import DataError, DroppedDataWarning
from pysteer.formats.word_pairs import WordPair, WordPairs, load_word_pairs


def task(n: int, n_inputs: int | None = None) -> WordPairs:
    return WordPairs("double", tuple(WordPair(f"w{k % (n_inputs or n)}", f"v{k}") for k in range(n)))


@pytest.mark.parametrize(
    ("n", "sizes"), [(197, (137, 42, 18)), (100, (70, 21, 9)), (10, (7, 2, 1)), (2398, (1678, 504, 216))]
)
def test_sides_have_the_sizes_of_the_reference(n: int, sizes: tuple[int, int, int]) -> None:
    assert tuple(len(side) for side in task(n).split(seed=42)) == sizes


@given(st.integers(4, 60), st.integers(0, 40), st.integers(0, 5))
def test_sides_are_disjoint_by_input_and_hold_everything(n_inputs: int, n_more: int, seed: int) -> None:
    whole = task(n_inputs + n_more, n_inputs)
    sides = whole.split(seed=seed)
    inputs = [{pair.input for pair in side} for side in sides]
    assert sum(map(len, inputs)) == len(set().union(*inputs))
    assert {pair for side in sides for pair in side} == set(whole)
    assert sides == whole.split(seed=seed)


def test_another_seed_is_another_split_and_the_hash_is_of_the_pairs() -> None:
    assert task(50).split(seed=1) != task(50).split(seed=2)
    assert task(5).content_hash == WordPairs("other name", task(5).pairs).content_hash != task(6).content_hash


def test_inputs_that_differ_in_case_only_stay_together() -> None:
    pairs = [WordPair(word, f"{word}{k}") for k in range(20) for word in (f"w{k}", f"W{k} ")]
    for side in WordPairs("case", tuple(pairs)).split(seed=0):
        assert len(side) % 2 == 0


def test_repeated_pairs_in_a_file_are_dropped_and_reported(tmp_path: Path) -> None:
    path = tmp_path / "antonym.json"
    path.write_text(json.dumps([{"input": "hot", "output": "cold"}, {"output": "cold", "input": "hot"}]))
    with pytest.warns(DroppedDataWarning, match=r"1 repeat an earlier pair \(record 2\)"):
        assert load_word_pairs(path) == WordPairs("antonym", (WordPair("hot", "cold"),))


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "at least one record"),
        ([{"input": "a"}], "record 1, output: expected text, got nothing"),
        ([{"input": "a", "output": 3}], "record 1, output: expected text, got int"),
        ([{"input": "a", "output": "b", "note": 1}], "record 1: unknown field 'note'"),
        ([{"input": " ", "output": "b"}], "input: expected a word"),
    ],
)
def test_wrong_files_are_data_errors(tmp_path: Path, records: object, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(records))
    with pytest.raises(DataError, match=message):
        load_word_pairs(path)


def test_tasks_that_are_too_small_empty_or_repeat_a_pair_are_refused() -> None:
    with pytest.raises(DataError, match="at least 4"):
        task(3).split(seed=0)
    with pytest.raises(DataError, match="holds no word pair"):
        WordPairs("none", ())
    with pytest.raises(DataError, match="pairs 0 and 1 are the same"):
        WordPairs("twice", (WordPair("a", "b"), WordPair("a", "b")))
