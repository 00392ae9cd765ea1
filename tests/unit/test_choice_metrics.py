"""Multiple choice: accuracy, normalised probability, completions, behaviour rates, ranks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics.behaviour_transfer import behaviour_transfer
from pysteer.metrics.choice_accuracy import choice_accuracy
from pysteer.metrics.choice_behaviour_rate import choice_behaviour_rate
from pysteer.metrics.choice_probability import choice_probability
from pysteer.metrics.completion_accuracy import completion_accuracy
from pysteer.metrics.last_word_accuracy import last_word_accuracy
from pysteer.metrics.open_behaviour_rate import displays_of, open_behaviour_rate
from pysteer.metrics.reciprocal_rank import reciprocal_rank
from pysteer.metrics.top_k_accuracy import solved, top_k_accuracy

GENERATOR = np.random.default_rng(0)
LOG_PROBS = -GENERATOR.exponential(size=(400, 4))
ANSWERS = GENERATOR.integers(0, 4, size=400)


def test_knowing_every_answer_scores_one_and_missing_every_one_zero() -> None:
    sure = np.where(np.arange(4) == ANSWERS[:, None], -0.1, -9.0)
    for accuracy in (choice_accuracy, choice_behaviour_rate):
        assert accuracy(sure, ANSWERS).value == 1.0
        assert accuracy(sure, (ANSWERS + 1) % 4).value == 0.0
    assert choice_probability(sure, ANSWERS, seed=0).value == pytest.approx(1 / (1 + 3 * math.exp(-8.9)))


def test_answers_at_random_score_chance() -> None:
    accuracy = choice_accuracy(LOG_PROBS, ANSWERS)
    assert accuracy.low < 0.25 < accuracy.high
    probability = choice_probability(LOG_PROBS, ANSWERS, seed=0)
    assert probability.low < 0.25 < probability.high


def test_a_tie_is_a_miss_and_half_the_probability() -> None:
    tied = [[-1.0, -1.0], [-2.0, -2.0]]
    assert choice_accuracy(tied, [0, 1]).value == 0.0
    assert choice_probability(tied, [0, 1], seed=0).value == 0.5


def test_probabilities_of_long_answers_do_not_underflow() -> None:
    # exp(-2000) is 0 in a float: without taking the maximum off first this would be 0/0.
    score = choice_probability([[-2000.0, -2000.0 - math.log(3)], [-1.0, -1.0]], [0, 0], seed=0)
    np.testing.assert_allclose(score.per_example, [0.75, 0.5])


def test_accuracy_of_two_answers_is_a_positive_propensity() -> None:
    wanted, other = LOG_PROBS[:, 0], LOG_PROBS[:, 1]
    score = choice_accuracy(np.stack([wanted, other], axis=1), np.zeros(400))
    np.testing.assert_array_equal(score.per_example, wanted > other)


def test_items_may_have_different_numbers_of_choices() -> None:
    ragged = [[-1.0, -2.0, -np.inf], [-1.0, -1.0, -1.0]]
    score = choice_probability(ragged, [0, 2], seed=0)
    np.testing.assert_allclose(score.per_example, [1 / (1 + math.exp(-1)), 1 / 3])
    assert choice_accuracy(ragged, [0, 2]).per_example.tolist() == [1.0, 0.0]


def test_the_interval_of_a_perfect_accuracy_still_has_a_width() -> None:
    score = choice_accuracy([[-1.0, -2.0]] * 10, [0] * 10)
    assert (score.value, score.high) == (1.0, 1.0)
    assert score.low == pytest.approx(0.722, abs=5e-4)  # Wilson at 10 of 10


@pytest.mark.parametrize(
    ("log_probs", "answers", "message"),
    [
        ([], [], "at least one item"),
        ([[-1.0, np.nan]], [0], "NaN"),
        ([[-1.0, np.inf]], [0], "inf"),
        ([-1.0, -2.0], [0], "expected \\(n_items, n_choices\\)"),
        ([[-1.0, -2.0]], [2], "expected 0 to 1, got 2"),
        ([[-1.0, -2.0]], [-1], "expected 0 to 1"),
        ([[-1.0, -2.0]], [0.5], "whole numbers"),
        ([[-1.0, -2.0]], [0, 1], "one for each item"),
        ([[-1.0, -np.inf]], [0], "fewer than two choices"),
        ([[-1.0, -2.0, -np.inf]], [2], "its right choice, 2"),
        ([[-1.0], [-1.0, -2.0]], [0, 0], "array of numbers"),
    ],
)
def test_what_is_no_choice_is_an_error(log_probs: npt.ArrayLike, answers: npt.ArrayLike, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        choice_accuracy(log_probs, answers)


def test_endings_are_compared_by_byte() -> None:
    log_probs, lengths = [[-4.0, -6.0], [-4.0, -6.0]], [[2, 6], [4, 4]]
    assert completion_accuracy(log_probs, lengths, [1, 1]).per_example.tolist() == [1.0, 0.0]
    assert (
        completion_accuracy(LOG_PROBS, np.full((400, 4), 7), ANSWERS).value == choice_accuracy(LOG_PROBS, ANSWERS).value
    )
    assert completion_accuracy([[-1.0, -3.0, -np.inf]], [[1, 1, 0]], [0]).value == 1.0
    with pytest.raises(MeasurementError, match="at least one byte"):
        completion_accuracy([[-1.0, -3.0]], [[1, 0]], [0])


def test_ratings_become_displays_and_failures_are_counted() -> None:
    displays = displays_of([5.0, 3.0, 2.9, np.nan], threshold=3.0)
    np.testing.assert_array_equal(displays, [1.0, 1.0, 0.0, np.nan])
    score = open_behaviour_rate(displays)
    assert (score.value, score.n, score.failures) == (pytest.approx(2 / 3), 3, 1)
    with pytest.raises(MeasurementError, match="0 or 1"):
        open_behaviour_rate([0.5, 1.0])
    with pytest.raises(MeasurementError, match="finite"):
        displays_of([1.0], threshold=np.nan)


def test_transfer_is_the_ratio_of_gains() -> None:
    before = GENERATOR.random(300)
    found = behaviour_transfer(before, before + 0.5, before[:200], before[:200] + 0.1, seed=0)
    assert (found.id_gain.mean, found.ood_gain.mean) == (pytest.approx(0.5), pytest.approx(0.1))
    assert found.ratio is not None
    assert found.ratio.mean == pytest.approx(0.2)


def test_there_is_no_ratio_without_a_gain_in_distribution() -> None:
    noise = GENERATOR.standard_normal(200)
    assert behaviour_transfer(np.zeros(200), noise, np.zeros(50), np.ones(50), seed=0).ratio is None
    with pytest.raises(MeasurementError, match="expected pairs"):
        behaviour_transfer([0.0, 0.0], [1.0], [0.0, 1.0], [0.0, 1.0], seed=0)


def test_ranks_below_k_count() -> None:
    ranks = [0, 1, 2, 3, 1000]
    assert [top_k_accuracy(ranks, k=k).value for k in (1, 2, 3)] == pytest.approx([0.2, 0.4, 0.6])
    assert solved(ranks, k=2).tolist() == [True, True, False, False, False]
    assert reciprocal_rank(ranks, seed=0).per_example == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 1001])
    assert last_word_accuracy(ranks).value == pytest.approx(0.2)


def test_the_filter_takes_what_is_solved_with_examples() -> None:
    with_examples, zero_shot = np.array([0, 0, 5, 0]), np.array([0, 3, 0, 0])
    assert top_k_accuracy(zero_shot[solved(with_examples)]).value == pytest.approx(2 / 3)


def test_random_ranks_give_chance() -> None:
    ranks = GENERATOR.integers(0, 1000, size=5000)
    score = top_k_accuracy(ranks, k=10)
    assert score.low < 0.01 < score.high
    expected = np.mean(1 / np.arange(1, 1001))
    assert reciprocal_rank(ranks, seed=0).value == pytest.approx(expected, rel=0.4)


@pytest.mark.parametrize("ranks", [[-1, 0], [0.5, 1.0]])
def test_ranks_are_whole_numbers_from_zero(ranks: list[float]) -> None:
    with pytest.raises(MeasurementError, match="whole numbers"):
        reciprocal_rank(ranks, seed=0)
    with pytest.raises(MeasurementError, match="at least 1"):
        top_k_accuracy([0], k=0)
