"""Accuracy at the same behaviour gain: curves over strength, read where they reach a gain, with intervals.

The gain is behaviour at a strength minus behaviour without steering. A curve is read at the smallest strength at which
its running maximum reaches the gain, linearly between strengths: behind its peak more strength gives no more behaviour,
and nobody would go there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, drawn_interval

N_RESAMPLES = 2000


def accuracy_at(gain: float, gains: Float64Array, accuracies: Float64Array) -> float:
    """Return the accuracy where the curve of gains first reaches ``gain``; NaN where it never does.

    Parameters
    ----------
    gains, accuracies : float, shape (n_strengths,)
        The first strength is 0, where the gain is 0.

    Examples
    --------
    >>> accuracy_at(0.5, np.array([0.0, 1.0, 0.2]), np.array([1.0, 0.8, 0.0]))
    0.9
    """
    if gain <= gains[0]:
        return float(accuracies[0])
    for place in range(1, len(gains)):
        if gains[place] >= gain:
            before = max(float(gains[:place].max()), float(gains[0]))
            start = int(np.argmax(gains[:place]))
            share = (gain - before) / (gains[place] - before)
            return float(accuracies[start] + share * (accuracies[place] - accuracies[start]))
    return float("nan")


def bootstrap_two(
    statistic: Callable[[np.ndarray, np.ndarray], float], n_first: int, n_second: int, *, seed: int
) -> Interval:
    """Return ``statistic(first indices, second indices)`` with its interval from drawing both kinds of items anew.

    Raises
    ------
    MeasurementError
        Fewer than two items of a kind, no number for all of them, or for fewer than nine in ten draws.
    """
    if min(n_first, n_second) < 2:
        raise MeasurementError("an interval needs at least two questions and two requests")
    value = float(statistic(np.arange(n_first), np.arange(n_second)))
    generator = np.random.default_rng(seed)
    drawn = [
        statistic(generator.integers(0, n_first, n_first), generator.integers(0, n_second, n_second))
        for _ in range(N_RESAMPLES)
    ]
    try:
        return drawn_interval(value, drawn, n_first)
    except MeasurementError as error:
        raise MeasurementError(
            "the plain vector reaches no such behaviour gain at any strength that was tried, or not in enough draws"
        ) from error


def mean_curve(cells: Float64Array, drawn: np.ndarray) -> Float64Array:
    """Return the mean over styles and drawn items of cells (n_styles, n_items, n_strengths), NaN left out."""
    chosen = cells[:, drawn]
    known = ~np.isnan(chosen)
    sums, counts = np.where(known, chosen, 0.0).sum(axis=(0, 1)), known.sum(axis=(0, 1))
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0), dtype=np.float64)
