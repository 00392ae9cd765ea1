"""Numbers over behaviours, with intervals that draw behaviours anew, and what lies within them.

All behaviours are read on the same windows of text, so these are drawn once for all; items belong to their behaviour
and are drawn within it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, drawn_interval
from pysteer.studies.rows import Label, Origin, Row, no_number, row_of

N_RESAMPLES = 1000
Indices = npt.NDArray[np.int64]
Crossed = Callable[..., float]
"""Takes drawn behaviours and drawn windows, and further kinds where there are any; `Indices` each."""
Nested = Callable[[Sequence[int], Sequence[Sequence[Indices]]], float]
"""Takes drawn behaviours, and for each of these its drawn items of every kind."""


def bootstrap_crossed(
    statistic: Crossed, n_behaviours: int, *others: int, seed: int, n_resamples: int = N_RESAMPLES
) -> Interval:
    """Return ``statistic(behaviours, windows)`` with its interval from drawing both with replacement.

    With one behaviour only windows are drawn, and the interval is about that behaviour.

    Parameters
    ----------
    statistic : callable
    others : int
        Numbers of windows, and of what else all behaviours meet, such as random directions; drawn once for all.

    Returns
    -------
    Interval
        ``n`` is the number of behaviours.

    Raises
    ------
    MeasurementError
        No behaviour, fewer than two windows or other units, or a statistic that is not finite for all of them, or for
        more than one in ten draws.
    """
    sizes = (n_behaviours, *others)
    if n_behaviours < 1 or min(others) < 2:
        raise MeasurementError(f"expected a behaviour and two of each other unit, got {', '.join(map(str, sizes))}")
    generator = np.random.default_rng(seed)
    value = float(statistic(*map(np.arange, sizes)))
    draws = [statistic(*(_drawn(generator, size) for size in sizes)) for _ in range(n_resamples)]
    return drawn_interval(value, draws, n_behaviours)


def bootstrap_nested(
    statistic: Nested,
    sizes: Sequence[Sequence[int]],
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """Return a statistic of behaviours with its interval from drawing behaviours, and items within each.

    With one behaviour only its items are drawn, and the interval is about that behaviour.

    Parameters
    ----------
    statistic : callable
        Of drawn behaviours, and their drawn items; NaN where it is not defined.
    sizes : sequence of (sequence of int)
        For each behaviour the numbers of items of each kind, such as in and out of distribution, at least two of each;
        kinds are drawn apart.

    Returns
    -------
    Interval
        ``n`` is the number of behaviours.

    Raises
    ------
    MeasurementError
        No behaviour, one with fewer than two items, or a statistic that is not finite for all of them, or for more than
        one in ten draws.
    """
    if not sizes or min(min(kinds) for kinds in sizes) < 2:
        raise MeasurementError(f"expected behaviours with two items of each kind, got {list(sizes)}")
    generator, n = np.random.default_rng(seed), len(sizes)
    whole: list[list[Indices]] = [[np.arange(size, dtype=np.int64) for size in kinds] for kinds in sizes]
    value = float(statistic(range(n), whole))

    def draw() -> float:
        chosen = generator.integers(0, n, n).tolist()
        items = [[_drawn(generator, size) for size in sizes[index]] for index in chosen]
        return float(statistic(chosen, items))

    return drawn_interval(value, [draw() for _ in range(n_resamples)], n)


def _drawn(generator: np.random.Generator, n: int) -> Indices:
    return np.asarray(generator.integers(0, n, n), dtype=np.int64)


def rank_correlations(x: Float64Array, curves: Float64Array) -> Float64Array:
    """Return Spearman's correlation of every curve with ``x``, (n_curves,); 0 for a curve that is level.

    Parameters
    ----------
    x : float64, shape (n,)
        Not level itself.
    curves : float64, shape (n_curves, n)
    """
    ranks = _ranks(np.concatenate([x[None, :], curves]))
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    lengths = np.sqrt((centred**2).sum(axis=1))
    along = centred[1:] @ centred[0]
    correlations = np.divide(along, lengths[1:] * lengths[0], out=np.zeros_like(along), where=lengths[1:] > 0.0)
    return np.asarray(correlations, dtype=np.float64)


def _ranks(rows: Float64Array) -> Float64Array:
    """Return ranks within each row, ties sharing theirs."""
    below = (rows[:, :, None] > rows[:, None, :]).sum(axis=2)
    alike = (rows[:, :, None] == rows[:, None, :]).sum(axis=2)
    return np.asarray(below + (alike - 1) / 2.0, dtype=np.float64)


def pooled_row(
    interval: Callable[[], Interval],
    origin: Origin,
    quantity: str,
    *,
    unit: str,
    labels: Mapping[str, Label],
    note: str = "",
    failures: int = 0,
) -> Row:
    """Return the row of an interval, or of the reason why there is none."""
    try:
        return row_of(interval(), origin, quantity=quantity, unit=unit, labels=labels, note=note, failures=failures)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit=unit, labels=labels, failures=failures)
