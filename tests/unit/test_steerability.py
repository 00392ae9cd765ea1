"""Steerability and the anti-steerable fraction: empty, invalid, perfect and chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics import metrics
from pysteer.metrics.anti_steerable_fraction import anti_steerable_fraction
from pysteer.metrics.steerability import slopes, steerability

STANDARD = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
NOISE = np.random.default_rng(0).standard_normal((400, 7))
MEASURES = (steerability, anti_steerable_fraction)


def test_with_the_standard_coefficients_the_slope_is_the_closed_form() -> None:
    # Their mean is 0 and their squares sum to 7, so the least-squares slope is sum(c * m) / 7.
    np.testing.assert_allclose(slopes(STANDARD, NOISE), (STANDARD * NOISE).sum(axis=1) / 7, rtol=1e-12, atol=1e-15)


def test_slopes_equal_polyfit_for_other_coefficients() -> None:
    at = np.array([0.0, 1.0, 5.0])
    np.testing.assert_allclose(slopes(at, NOISE[:, :3]), np.polyfit(at, NOISE[:, :3].T, 1)[0], rtol=1e-9, atol=1e-12)


def test_steerability_is_the_mean_slope_with_an_interval_around_it() -> None:
    score = steerability(STANDARD, NOISE + 2 * STANDARD, seed=0, model_hash="aa", data_hash="bb")
    np.testing.assert_array_equal(score.per_example, slopes(STANDARD, NOISE + 2 * STANDARD))
    assert score.value == score.per_example.mean()
    assert score.low < score.value < score.high
    assert score.low < 2.0 < score.high
    assert (score.n, score.seed, score.model_hash, score.data_hash) == (400, 0, "aa", "bb")


def test_perfect_items_give_their_common_slope_and_no_anti_steerable_one() -> None:
    propensities = np.arange(5.0)[:, None] + 3 * STANDARD
    assert steerability(STANDARD, propensities, seed=0).value == pytest.approx(3.0)
    assert anti_steerable_fraction(STANDARD, propensities, seed=0).value == 0.0
    assert anti_steerable_fraction(STANDARD, -propensities, seed=0).value == 1.0


def test_chance_gives_steerability_zero_and_half_the_items_anti_steerable() -> None:
    score = steerability(STANDARD, NOISE, seed=0)
    assert score.low < 0.0 < score.high
    fraction = anti_steerable_fraction(STANDARD, NOISE, seed=0)
    assert fraction.low < 0.5 < fraction.high
    assert fraction.value == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(400))


def test_shuffled_coefficients_give_chance() -> None:
    generator = np.random.default_rng(1)
    shuffled = np.stack([generator.permutation(row) for row in NOISE + 5 * STANDARD])
    assert steerability(STANDARD, shuffled, seed=0).value == pytest.approx(0.0, abs=0.6)
    assert anti_steerable_fraction(STANDARD, shuffled, seed=0).value == pytest.approx(0.5, abs=0.1)


def test_an_item_that_does_not_move_is_anti_steerable_as_in_the_paper() -> None:
    propensities = np.array([np.full(7, 0.3), STANDARD])
    assert anti_steerable_fraction(STANDARD, propensities, seed=0).value == 0.5


def test_the_mean_hides_an_item_that_moved_the_wrong_way_and_the_fraction_does_not() -> None:
    propensities = np.array([10 * STANDARD, 10 * STANDARD, -STANDARD])
    assert steerability(STANDARD, propensities, seed=0).value > 6
    assert anti_steerable_fraction(STANDARD, propensities, seed=0).value == pytest.approx(1 / 3)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("coefficients", "propensities", "message"),
    [
        (STANDARD, np.empty((0, 7)), "got none"),
        ([], np.empty((3, 0)), "got none"),
        (STANDARD, NOISE[0], "expected 2 axes"),
        (STANDARD, NOISE[:, :6], r"expected \(n_items, 7\)"),
        (STANDARD, np.where(NOISE > 3, np.nan, NOISE), "NaN"),
        ([1.0, 1.0], np.ones((3, 2)), "at least two different coefficients"),
        ([1.0], np.ones((3, 1)), "at least two different coefficients"),
        (STANDARD, NOISE[:1], "at least two examples"),
    ],
    ids=["no item", "no coefficient", "one axis", "a column short", "nan", "equal", "single", "one item"],
)
def test_what_has_no_slope_is_a_measurement_error(
    measure: object, coefficients: npt.ArrayLike, propensities: npt.ArrayLike, message: str
) -> None:
    with pytest.raises(MeasurementError, match=message):
        measure(coefficients, propensities, seed=0)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["steerability", "anti_steerable_fraction"])
def test_metrics_are_registered_under_the_name_and_order_that_their_scores_carry(name: str) -> None:
    score = metrics.get(name)(STANDARD, NOISE, seed=0)
    assert (score.name, score.better) == (name, metrics.facts(name)["better"])
