"""The arithmetic of a judge: expected ratings, parsed ratings, consistency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics.first_position_bias import first_position_bias
from pysteer.metrics.judge_agreement import judge_agreement
from pysteer.metrics.mean_rating import mean_rating
from pysteer.metrics.rating_scales import SCALES, expected_ratings, parse_rating
from pysteer.metrics.repeat_difference import repeat_difference
from pysteer.metrics.swap_consistency import swap_consistency

GENERATOR = np.random.default_rng(0)


def test_scales_have_all_their_whole_numbers() -> None:
    assert SCALES["1-5"].values.tolist() == [1, 2, 3, 4, 5]
    assert (SCALES["0-10"].values.size, SCALES["0-100"].values.size) == (11, 101)


@pytest.mark.parametrize("scale", SCALES)
def test_a_sure_judge_gives_its_rating_and_an_undecided_one_the_middle(scale: str) -> None:
    values = SCALES[scale].values
    sure = np.where(np.eye(values.size) > 0, 0.0, -np.inf)
    np.testing.assert_array_equal(expected_ratings(sure, values, min_mass=0.5).ratings, values)
    undecided = expected_ratings(np.full((1, values.size), -np.log(values.size)), values, min_mass=0.5)
    assert undecided.ratings[0] == pytest.approx(values.mean())
    assert undecided.mass[0] == pytest.approx(1.0)


def test_ratings_are_normalised_over_the_rating_tokens() -> None:
    probabilities = np.array([[0.1, 0.0, 0.0, 0.0, 0.3]])
    with np.errstate(divide="ignore"):
        found = expected_ratings(np.log(probabilities), SCALES["1-5"].values, min_mass=0.0)
    assert found.ratings[0] == pytest.approx((1 * 0.1 + 5 * 0.3) / 0.4)
    assert found.mass[0] == pytest.approx(0.4)


def test_a_judge_that_would_not_rate_gives_no_rating() -> None:
    log_probs = np.log([[0.2, 0.2], [0.01, 0.02]])
    found = expected_ratings(log_probs, [0.0, 1.0], min_mass=0.1)
    assert found.ratings[0] == 0.5
    assert np.isnan(found.ratings[1])
    assert mean_rating([*found.ratings, 1.0], seed=0).failures == 1


def test_tiny_probabilities_keep_their_digits() -> None:
    found = expected_ratings([[-2000.0, -2000.0 + np.log(3.0)]], [0.0, 1.0], min_mass=0.0)
    assert found.ratings[0] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("log_probs", "min_mass", "message"),
    [
        ([], 0.1, "expected \\(n_texts, 2\\)"),
        ([[-1.0]], 0.1, "expected \\(n_texts, 2\\)"),
        ([[-1.0, np.nan]], 0.1, "NaN"),
        ([[0.5, -1.0]], 0.1, "at most 0"),
        ([[-1.0, -1.0], [-np.inf, -np.inf]], 0.1, "text 1 are impossible"),
        ([[-1.0, -1.0]], 1.5, "expected a probability"),
        ([[-1.0, -1.0]], np.nan, "expected a probability"),
    ],
)
def test_what_is_no_rating_is_an_error(log_probs: npt.ArrayLike, min_mass: float, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        expected_ratings(log_probs, [0.0, 1.0], min_mass=min_mass)


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("<evaluation><analysis>5?</analysis><scores><coherence>4</coherence></scores></evaluation>", 4),
        ("<COHERENCE>\n 2 \n</COHERENCE>", 2),
        ("<coherence>4/5</coherence>", 4),
        ("<coherence>3.5</coherence>", 3.5),
        ("<coherence>2</coherence> then <coherence>5</coherence>", 2),
    ],
)
def test_a_rating_between_its_tags_is_read(text: str, rating: float) -> None:
    assert parse_rating(text, tag="coherence", scale=SCALES["1-5"]) == rating


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "<coherence>four</coherence>",
        "<coherence>6</coherence>",
        "<coherence>0</coherence>",
        "<coherence>-1</coherence>",
        "<coherence>4",
        "<behavior>4</behavior>",
        "<coherence>4/10</coherence>",
        "<coherence></coherence>",
    ],
)
def test_what_cannot_be_read_is_a_failure_and_not_a_number(text: str) -> None:
    assert np.isnan(parse_rating(text, tag="coherence", scale=SCALES["1-5"]))


def test_failures_are_counted_by_every_metric() -> None:
    first, second = np.array([1.0, np.nan, 3.0, 4.0, 5.0, 2.0]), np.array([1.0, 2.0, 3.0, np.nan, 4.0, 2.0])
    assert mean_rating(first, seed=0).failures == 1
    assert (repeat_difference(first, second, seed=0).failures, repeat_difference(first, second, seed=0).n) == (2, 4)
    assert judge_agreement(first, second).failures == 2
    assert swap_consistency(first / 9, second / 9).failures == 2
    with pytest.raises(MeasurementError, match="all 2 pairs failed"):
        repeat_difference([np.nan, 1.0], [1.0, np.nan], seed=0)


def test_a_judge_that_repeats_itself_differs_by_nothing_and_a_random_one_by_a_third() -> None:
    ratings, others = GENERATOR.random((2, 4000))
    assert repeat_difference(ratings, ratings, seed=0).value == 0.0
    assert repeat_difference(ratings, others, seed=0).value == pytest.approx(1 / 3, abs=0.02)


def test_a_consistent_judge_prefers_the_same_text_in_both_orders() -> None:
    preferences = GENERATOR.random(200)
    assert swap_consistency(preferences, 1 - preferences).value == 1.0
    assert first_position_bias(preferences, 1 - preferences, seed=0).value == pytest.approx(0.0, abs=1e-12)


def test_a_judge_that_always_takes_the_first_is_inconsistent_and_biased() -> None:
    assert swap_consistency(np.ones(50), np.ones(50)).value == 0.0
    assert first_position_bias(np.ones(50), np.ones(50), seed=0).value == 0.5
    assert first_position_bias(np.zeros(50), np.zeros(50), seed=0).value == -0.5


def test_a_judge_that_guesses_is_consistent_half_of_the_time() -> None:
    first, second = GENERATOR.random((2, 1000))
    score = swap_consistency(first, second)
    assert score.low < 0.5 < score.high
    bias = first_position_bias(first, second, seed=0)
    assert bias.low < 0.0 < bias.high


def test_no_preference_in_both_orders_is_consistent() -> None:
    assert swap_consistency([0.5, 0.5], [0.5, 0.9]).per_example.tolist() == [1.0, 0.0]


def test_preferences_are_probabilities() -> None:
    with pytest.raises(MeasurementError, match="swapped_preferences: expected probabilities"):
        swap_consistency([0.5, 0.5], [0.5, 1.1])


def test_a_judge_in_the_right_order_agrees_and_a_shuffled_one_does_not() -> None:
    key = GENERATOR.random(200)
    assert judge_agreement(key**3, key).value == 1.0
    chance = judge_agreement(GENERATOR.permutation(key), key)
    assert chance.low < 0.0 < chance.high
