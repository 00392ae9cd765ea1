"""Bootstrap intervals and slopes: known answers, SciPy as an oracle, and what is refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pysteer.errors import MeasurementError
from pysteer.statistics import bootstrap_difference, bootstrap_mean, slope

VALUES = np.random.default_rng(0).exponential(size=60)


def test_values_that_agree_have_an_interval_without_width() -> None:
    interval = bootstrap_mean(np.full(10, 2.5), seed=0)
    assert (interval.mean, interval.low, interval.high, interval.n) == (2.5, 2.5, 2.5, 10)


def test_the_interval_of_two_values_is_known_exactly() -> None:
    # Resampled means are 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4: at 95 % the ends are 0 and 1, at 40 % both 1/2.
    assert bootstrap_mean([0.0, 1.0], seed=0).low == 0.0
    assert bootstrap_mean([0.0, 1.0], seed=0).high == 1.0
    narrow = bootstrap_mean([0.0, 1.0], seed=0, confidence=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_the_interval_equals_scipy_s_percentile_bootstrap() -> None:
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.bootstrap(
        (VALUES,), np.mean, method="percentile", n_resamples=20_000, random_state=1
    ).confidence_interval
    ours = bootstrap_mean(VALUES, seed=0, n_resamples=20_000)
    # The quantile of 20 000 resamples has a standard error of about 1 % of the interval's width.
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.05 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.05 * width)


def test_the_interval_is_that_of_a_plain_loop_over_resamples() -> None:
    # The oracle draws the same indices, in one piece, and takes the means one by one.
    generator = np.random.default_rng(5)
    draws = generator.integers(0, VALUES.size, size=(500, VALUES.size))
    means = sorted(sum(VALUES[i] for i in row) / VALUES.size for row in draws)
    interval = bootstrap_mean(VALUES, seed=5, n_resamples=500)
    assert interval.low == pytest.approx(np.quantile(means, 0.025))
    assert interval.high == pytest.approx(np.quantile(means, 0.975))


def test_many_examples_are_resampled_in_pieces() -> None:
    interval = bootstrap_mean(np.tile([0.0, 1.0], 50_000), seed=0, n_resamples=130)
    assert interval.low == pytest.approx(0.5 - 1.96 * 0.5 / np.sqrt(100_000), abs=1e-3)
    assert interval.low < 0.5 < interval.high


def test_the_seed_and_nothing_else_decides() -> None:
    assert bootstrap_mean(VALUES, seed=1) == bootstrap_mean(VALUES.tolist(), seed=1)
    assert bootstrap_mean(VALUES, seed=1) != bootstrap_mean(VALUES, seed=2)


def test_a_paired_difference_takes_out_what_the_examples_have_in_common() -> None:
    noise = np.random.default_rng(3).standard_normal(60)
    paired = bootstrap_difference(100 * VALUES + 1 + 0.1 * noise, 100 * VALUES, seed=0)
    assert paired.low < 1.0 < paired.high
    assert paired.high - paired.low < 0.1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "got none; nothing was measured"),
        ([1.0], "at least two examples"),
        ([[1.0, 2.0]], "expected 1 axes"),
        ([1.0, np.nan], "1 of 2 values are NaN"),
        ([1.0, np.inf], "1 of 2 values are NaN or infinite"),
        (["a", "b"], "array of numbers"),
        ([None, 1.0], "NaN|numbers"),
        ([[1.0], [1.0, 2.0]], "array of numbers"),
    ],
)
def test_values_without_a_mean_are_a_measurement_error(values: npt.ArrayLike, message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        bootstrap_mean(values, seed=0)


@pytest.mark.parametrize(
    "parameters", [{"confidence": 0.0}, {"confidence": 1.0}, {"confidence": 95}, {"n_resamples": 9}]
)
def test_a_parameter_out_of_range_is_a_measurement_error(parameters: dict[str, float]) -> None:
    with pytest.raises(MeasurementError, match="expected a confidence"):
        bootstrap_mean(VALUES, seed=0, **parameters)  # type: ignore[arg-type]


def test_a_paired_difference_needs_pairs() -> None:
    with pytest.raises(MeasurementError, match="got 2 treated and 3 control"):
        bootstrap_difference([1.0, 2.0], [1.0, 2.0, 3.0], seed=0)


def test_slope_equals_a_fit_by_polyfit() -> None:
    x = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    y = np.random.default_rng(0).standard_normal((20, 7))
    np.testing.assert_allclose(slope(x, y), np.polyfit(x, y.T, 1)[0], rtol=1e-9)


def test_slope_of_a_line_is_its_slope_and_that_of_a_constant_exactly_zero() -> None:
    x = np.array([0.1, 0.2, 0.7])
    assert slope(x, 3 * x + 5) == pytest.approx(3.0)
    # Any x, as rounding leaves a sum of deviations that is not exactly 0 for most of them.
    for x in np.random.default_rng(0).standard_normal((20, 7)):
        assert (slope(x, np.outer([0.3, 1e6, -7.7], np.ones(7))) == 0.0).all()


@pytest.mark.parametrize(
    ("x", "y"),
    [([1.0, 1.0], [1.0, 2.0]), ([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, 2.0], 3.0), ([1.0, np.nan], [1.0, 2.0])],
)
def test_points_without_a_slope_are_a_measurement_error(x: npt.ArrayLike, y: npt.ArrayLike) -> None:
    with pytest.raises(MeasurementError):
        slope(x, y)
