"""Contrast pairs and data sets in memory."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from pysteer.errors import DataError
from pysteer.pairs import ContrastPair, Dataset

PAIR = ContrastPair("Q?", " Yes", " No")


def dataset(n_pairs: int) -> Dataset:
    return Dataset(tuple(ContrastPair(f"Question {i}?", " Yes", " No") for i in range(n_pairs)), "demo")


@pytest.mark.parametrize(
    ("positive", "negative", "message"),
    [
        ("", "no", "positive: expected an answer"),
        ("yes", " \n", "negative: expected an answer"),
        ("same", "same", "nothing to contrast"),
        (3, "no", "positive: expected text, got int"),
        ("yes", None, "negative: expected text, got NoneType"),
        ("\ud800", "no", "surrogate"),
    ],
)
def test_a_pair_without_two_different_answers_is_a_data_error(positive: str, negative: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ContrastPair("", positive, negative)


def test_whole_texts_are_prompt_and_answer_joined_as_they_are() -> None:
    assert (PAIR.positive_text, PAIR.negative_text) == ("Q? Yes", "Q? No")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [((), "no pair"), ((PAIR, PAIR), "pairs 0 and 1 are the same"), (("Q",), "expected a ContrastPair")],
)
def test_an_empty_or_doubled_data_set_is_a_data_error(pairs: tuple[ContrastPair, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Dataset(pairs, "demo")


def test_slices_are_data_sets_and_indices_are_pairs() -> None:
    data = dataset(5)
    assert data[1:3].pairs == data.pairs[1:3]
    assert data[-1] == data.pairs[-1]
    assert list(data) == list(data.pairs)
    with pytest.raises(DataError):
        data[5:]


def test_data_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAIR.prompt = ""  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset(1).name = ""  # type: ignore[misc]


def test_the_hash_is_the_documented_one() -> None:
    data = Dataset((ContrastPair("a", "ü\n", '"'),), "x")
    assert data.content_hash == hashlib.sha256('[["a","ü\\n","\\""]]'.encode()).hexdigest()


def test_the_hash_depends_on_texts_and_order_but_not_on_the_name() -> None:
    data = dataset(3)
    assert Dataset(data.pairs, "other").content_hash == data.content_hash
    assert Dataset(data.pairs[::-1], "demo").content_hash != data.content_hash
    assert dataset(2).content_hash != data.content_hash


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_split_fraction_outside_0_and_1_is_a_data_error(fraction: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        dataset(4).split(fraction, seed=0)


def test_a_split_that_leaves_nothing_to_test_on_is_a_data_error() -> None:
    with pytest.raises(DataError, match="nothing to test on"):
        dataset(1).split(0.5, seed=0)
    one_prompt = Dataset(tuple(ContrastPair("same", f"+{i}", f"-{i}") for i in range(5)), "demo")
    with pytest.raises(DataError, match="1 groups"):
        one_prompt.split(0.5, seed=0)


def test_split_has_the_asked_size_and_keeps_the_order() -> None:
    train, test = dataset(10).split(0.4, seed=3)
    assert (len(train), len(test)) == (4, 6)
    assert list(train.pairs) == [pair for pair in dataset(10) if pair in set(train)]
    assert (train.name, test.name) == ("demo.train", "demo.test")


def test_split_depends_on_the_seed_and_on_nothing_else() -> None:
    splits = {dataset(30).split(0.5, seed=seed)[0].content_hash for seed in (0, 0, 1, 2)}
    assert len(splits) == 3
