"""Linearity, monotonicity and multiplier ranges of propensities: perfect, chance, and oracles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pysteer.errors import MeasurementError
from pysteer.metrics.fit_r_squared import fit_r_squared
from pysteer.metrics.fit_rmse import fit_rmse
from pysteer.metrics.monotonicity import monotonicity
from pysteer.metrics.multiplier_ranges import multiplier_ranges
from pysteer.metrics.range_agreement import range_agreement

STANDARD = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
NOISE = np.random.default_rng(0).standard_normal((500, 7))


def test_rmse_is_the_residual_of_polyfit() -> None:
    residuals = np.array([np.polyfit(STANDARD, row, 1, full=True)[1][0] for row in NOISE])
    np.testing.assert_allclose(fit_rmse(STANDARD, NOISE, seed=0).per_example, np.sqrt(residuals / 7), rtol=1e-9)


def test_r_squared_is_the_squared_correlation() -> None:
    correlations = np.array([np.corrcoef(STANDARD, row)[0, 1] for row in NOISE])
    np.testing.assert_allclose(fit_r_squared(STANDARD, NOISE, seed=0).per_example, correlations**2, atol=1e-12)


def test_monotonicity_is_scipy_s_spearman_of_each_row_also_with_ties() -> None:
    table = np.round(NOISE[:60] * 2)
    theirs = [stats.spearmanr(STANDARD, row).statistic for row in table]
    np.testing.assert_allclose(monotonicity(STANDARD, table, seed=0).per_example, theirs, atol=1e-12)


def test_lines_fit_perfectly_whatever_their_slope() -> None:
    lines = np.outer([3.0, -2.0, 0.1], STANDARD) + 5.0
    assert fit_rmse(STANDARD, lines, seed=0).value == pytest.approx(0.0, abs=1e-12)
    assert fit_r_squared(STANDARD, lines, seed=0).per_example == pytest.approx(np.ones(3))
    np.testing.assert_array_equal(monotonicity(STANDARD, lines, seed=0).per_example, [1.0, -1.0, 1.0])


def test_monotonicity_sees_order_only() -> None:
    bent = np.array([np.exp(3 * STANDARD), np.sign(STANDARD) * STANDARD**4])
    np.testing.assert_array_equal(monotonicity(STANDARD, bent, seed=0).per_example, [1.0, 1.0])
    assert fit_r_squared(STANDARD, bent, seed=0).value < 0.9


def test_noise_gives_chance() -> None:
    rmse = np.sqrt(5 / 7)  # seven points, two parameters; the mean root is a little below the root of the mean
    assert fit_rmse(STANDARD, NOISE, seed=0).value == pytest.approx(rmse, rel=0.1)
    share = fit_r_squared(STANDARD, NOISE, seed=0)
    assert share.low < 1 / 6 < share.high
    order = monotonicity(STANDARD, NOISE, seed=0)
    assert order.low < 0.0 < order.high


@pytest.mark.parametrize("metric", [fit_r_squared, monotonicity])
def test_an_item_that_does_not_move_is_a_counted_failure(metric: object) -> None:
    score = metric(STANDARD, [np.full(7, 0.1), STANDARD, 2 * STANDARD], seed=0)  # type: ignore[operator]
    assert (score.n, score.failures) == (2, 1)
    with pytest.raises(MeasurementError, match="all 3 examples failed"):
        metric(STANDARD, np.full((3, 7), 0.1), seed=0)  # type: ignore[operator]


def test_ranges_take_the_coefficients_up_to_their_size() -> None:
    found = multiplier_ranges(STANDARD, NOISE, ranges=(1.5, 0.5, 1.0))
    assert found.ranges == (0.5, 1.0, 1.5)
    for row, inner in zip(found.slopes, (slice(2, 5), slice(1, 6), slice(0, 7)), strict=True):
        np.testing.assert_allclose(row, np.polyfit(STANDARD[inner], NOISE[:, inner].T, 1)[0], atol=1e-12)


def test_the_ranking_of_lines_does_not_depend_on_the_range() -> None:
    lines = np.outer(np.linspace(-2, 3, 20), STANDARD)
    np.testing.assert_allclose(multiplier_ranges(STANDARD, lines).correlations(), np.ones((3, 3)))
    assert range_agreement(STANDARD, lines).value == 1.0


def test_a_response_that_turns_round_gives_ranges_that_disagree() -> None:
    strengths = np.linspace(1, 2, 20)[:, None]
    inner = np.where(np.abs(STANDARD) <= 0.5, STANDARD, -3 * STANDARD)
    assert range_agreement(STANDARD, strengths * inner).value == -1.0


def test_noise_leaves_only_what_ranges_share() -> None:
    # Two of seven coefficients carry the narrow slope, with 0.5 of the spread 7: correlation sqrt(0.5/7).
    assert range_agreement(STANDARD, NOISE).value == pytest.approx(np.sqrt(0.5 / 7), abs=0.12)


@pytest.mark.parametrize("ranges", [(0.4,), (), (float("nan"),)])
def test_a_range_without_a_slope_is_an_error(ranges: tuple[float, ...]) -> None:
    with pytest.raises(MeasurementError, match="range"):
        multiplier_ranges(STANDARD, NOISE, ranges=ranges)
