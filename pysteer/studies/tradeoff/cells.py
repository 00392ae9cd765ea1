"""Means over cells: one number for each style and item, (n_styles, n_items), NaN where there is none.

Items are about the same questions or requests under every style, so that intervals come from drawing items.
"""

from __future__ import annotations

import math

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import Interval, bootstrap_clusters, wilson_interval


def clustered_mean(values: Float64Array, *, seed: int) -> Interval | None:
    """Return the mean over all cells (n_styles, n_items) that have a number, items drawn with replacement.

    None with fewer than two items that have one.
    """
    items = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    known = ~np.isnan(values)
    clusters = items[known].tolist()
    if len(set(clusters)) < 2:
        return None
    return bootstrap_clusters(values[known], clusters, seed=seed, n_resamples=2000)


def widened(interval: Interval, *, is_change: bool) -> Interval:
    """Return an interval that admits what was not seen, where all items are alike; others as they are.

    Drawing items that are all alike again and again shows no spread, however few they are. Wilson's interval of a share
    that is 0 in n items says how large it may be all the same; a change may be as large as that in both directions.
    """
    if interval.low < interval.high:
        return interval
    most = wilson_interval(0, interval.n).high
    lowest = -1.0 if is_change else 0.0
    low, high = max(lowest, interval.mean - most), min(1.0, interval.mean + most)
    return Interval(interval.mean, low, high, interval.n, interval.confidence)


def n_without(values: Float64Array) -> int:
    """Return the number of items that have no number under any style, of cells (n_styles, n_items)."""
    return int(np.isnan(values).all(axis=0).sum())


def told_of_cells(values: Float64Array) -> str:
    """Return the note about cells (n_styles, n_items) without a number; "" where all have one, or whole items none."""
    n_missing = int(np.isnan(values).sum())
    if n_missing == n_without(values) * len(values):
        return ""
    return f"{n_missing} of {values.size} cells (style by item) have no number"


def known_mean(values: Float64Array) -> float:
    """Return the mean of what has a number; NaN where nothing has.

    >>> known_mean(np.array([1.0, np.nan, 2.0]))
    1.5
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def item_means(values: Float64Array) -> Float64Array:
    """Return the mean over styles of every item, (n_items,); NaN where no style has a number."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    return np.asarray(np.divide(sums, n, out=np.full(values.shape[1], math.nan), where=n > 0), dtype=np.float64)
