"""Means over behaviours, with intervals from drawing texts, and random directions, inside each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, drawn_interval

_N_RESAMPLES = 4000


def stratified_mean(groups: Sequence[Float64Array], *, seed: int) -> Interval:
    """Return the mean of the groups' means, with its interval from drawing units inside each group.

    The groups themselves are not drawn: with two or three of them the interval is about these behaviours.

    Parameters
    ----------
    groups : sequence of float64, shape (n_units,) or (n_units, n_directions)
        One for each behaviour. Random directions are drawn like units, but on their own. NaN where there is no number.

    Returns
    -------
    Interval
        ``n`` is the number of units of all groups together.

    Raises
    ------
    MeasurementError
        No group, or one with fewer than two units that have a number.
    """
    tables = [values.reshape(len(values), -1) for values in groups]
    tables = [table[np.isfinite(table).any(axis=1)] for table in tables]
    if not tables or min(map(len, tables)) < 2:
        raise MeasurementError("an interval needs at least two independent texts of each behaviour")
    generator = np.random.default_rng(seed)
    draws, means = np.zeros(_N_RESAMPLES), []
    for table in tables:
        known = np.isfinite(table)
        rows, columns = (_times_drawn(n, generator) for n in table.shape)
        total, n_known = (
            ((rows @ cells) * columns).sum(axis=1) for cells in (np.where(known, table, 0.0), known.astype(np.float64))
        )
        # A draw in which nothing is known has no mean.
        draws += np.where(n_known > 0, total / np.maximum(n_known, 1.0), np.nan) / len(tables)
        means.append(float(table[known].mean()))
    return drawn_interval(float(np.mean(means)), draws, sum(map(len, tables)))


def _times_drawn(n: int, generator: np.random.Generator) -> Float64Array:
    """Return how often each of ``n`` units is drawn when ``n`` are drawn with replacement, (n_resamples, n)."""
    if n == 1:
        return np.ones((_N_RESAMPLES, 1))
    return generator.multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES).astype(np.float64)
