"""Laws of the statistics: scaling, shifting, and how often an interval holds the truth."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.statistics import bootstrap_difference, bootstrap_mean, slope

VALUES = np.random.default_rng(0).standard_normal(40)


def test_the_interval_moves_and_stretches_with_the_values() -> None:
    plain, moved = bootstrap_mean(VALUES, seed=0), bootstrap_mean(3 * VALUES + 7, seed=0)
    assert (moved.mean, moved.low, moved.high) == pytest.approx(
        (3 * plain.mean + 7, 3 * plain.low + 7, 3 * plain.high + 7)
    )


def test_a_difference_from_nothing_is_the_mean_and_swapping_turns_the_sign() -> None:
    nothing = np.zeros_like(VALUES)
    assert bootstrap_difference(VALUES, nothing, seed=0) == bootstrap_mean(VALUES, seed=0)
    swapped = bootstrap_difference(nothing, VALUES, seed=0)
    plain = bootstrap_mean(VALUES, seed=0)
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low))


def test_more_confidence_is_a_wider_interval_around_the_narrower() -> None:
    wide, narrow = (bootstrap_mean(VALUES, seed=0, confidence=confidence) for confidence in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


@pytest.mark.parametrize(("n", "share"), [(5, 0.84), (20, 0.93), (50, 0.94)])
def test_intervals_hold_the_true_mean_as_often_as_documented(n: int, share: float) -> None:
    generator = np.random.default_rng(n)
    intervals = [bootstrap_mean(generator.standard_normal(n), seed=i, n_resamples=1000) for i in range(1500)]
    held = np.mean([interval.low <= 0.0 <= interval.high for interval in intervals])
    # Three standard errors of a share of 1500.
    assert held == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 1500) + 0.005)


def test_slope_is_linear_in_y_and_inverse_in_x() -> None:
    x, y, z = np.array([0.0, 1.0, 4.0]), *np.random.default_rng(0).standard_normal((2, 5, 3))
    np.testing.assert_allclose(slope(x, 2 * y - 3 * z), 2 * slope(x, y) - 3 * slope(x, z))
    np.testing.assert_allclose(slope(10 * x + 5, y), slope(x, y) / 10)


def test_the_mean_of_slopes_is_the_slope_of_the_mean() -> None:
    x, y = np.array([0.0, 1.0, 4.0]), np.random.default_rng(0).standard_normal((5, 3))
    assert slope(x, y).mean() == pytest.approx(float(slope(x, y.mean(axis=0))))
