"""Intervals over questionnaires for numbers that are no means: medians, shares of the worst, slopes over cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, drawn_interval
from pysteer.statistics.correlation import spearman

_N_RESAMPLES = 4000


def bootstrap_over(
    statistic: Callable[[np.ndarray], float], n: int, *, seed: int, n_resamples: int = _N_RESAMPLES
) -> Interval:
    """Return ``statistic(indices)`` with its percentile interval from drawing ``n`` units with replacement.

    Parameters
    ----------
    statistic : callable
        Takes indices of units, int (n,), and returns a number; NaN for draws on which it is not defined.

    Raises
    ------
    MeasurementError
        Fewer than two units, no number for all of them, or for fewer than nine in ten draws.
    """
    if n < 2:
        raise MeasurementError(f"an interval needs at least two units, got {n}")
    value = float(statistic(np.arange(n)))
    generator = np.random.default_rng(seed)
    return drawn_interval(value, [statistic(generator.integers(0, n, size=n)) for _ in range(n_resamples)], n)


def median_over(values: Float64Array, *, seed: int) -> Interval:
    """Return the median of one number per questionnaire, with its interval over questionnaires."""
    return bootstrap_over(lambda drawn: float(np.median(values[drawn])), len(values), seed=seed)


def clustered_spearman(x: Sequence[Float64Array], y: Sequence[Float64Array], *, seed: int) -> Interval:
    """Return the rank correlation over all cells, with its interval from drawing questionnaires.

    Parameters
    ----------
    x, y : sequence of float arrays
        One pair of arrays for each questionnaire, of the same length; pairs with a NaN are left out.

    Returns
    -------
    Interval
        ``n`` is the number of cells.

    Raises
    ------
    MeasurementError
        Fewer than four cells or two questionnaires, or all values are alike.
    """
    pairs = [(a[np.isfinite(a + b)], b[np.isfinite(a + b)]) for a, b in zip(x, y, strict=True)]
    pairs = [pair for pair in pairs if pair[0].size]
    if len(pairs) < 2:
        raise MeasurementError(f"cells of {len(pairs)} questionnaires have numbers; a correlation needs two")
    whole = spearman(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))

    def statistic(drawn: np.ndarray) -> float:
        first = np.concatenate([pairs[index][0] for index in drawn])
        second = np.concatenate([pairs[index][1] for index in drawn])
        return rank_correlation(first, second)

    found = bootstrap_over(statistic, len(pairs), seed=seed, n_resamples=1000)
    return Interval(whole.value, found.low, found.high, whole.n, 0.95)


def rank_correlation(x: Float64Array, y: Float64Array) -> float:
    """Return Spearman's correlation; NaN where one side is constant."""
    ranks = [_ranks(values) for values in (x, y)]
    if any(np.ptp(values) == 0.0 for values in ranks):
        return float("nan")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: Float64Array) -> Float64Array:
    """Return mean ranks, ties sharing theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse], dtype=np.float64)
