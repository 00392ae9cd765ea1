"""The interval of a number from what it would have been on other draws of the same units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics.interval import Interval

_ENOUGH = 0.9
"""Share of the draws that must have a number: a statistic that is often undefined has no interval."""


def drawn_interval(
    value: float, draws: Sequence[float] | npt.NDArray[np.float64], n: int, *, confidence: float = 0.95
) -> Interval:
    """Return a value with the percentiles of its draws; the value itself always lies inside.

    Parameters
    ----------
    value : float
        On all units as they are.
    draws : sequence of float
        On units drawn anew; NaN where it is not defined.
    n : int
        Units.

    Raises
    ------
    MeasurementError
        No finite value, or fewer than nine in ten draws with a number.

    Examples
    --------
    >>> drawn_interval(1.0, [0.0, 1.0, 2.0], 3, confidence=0.5)
    Interval(mean=1.0, low=0.5, high=1.5, n=3, confidence=0.5)
    """
    drawn = np.asarray(draws, dtype=np.float64)
    known = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or known.size == 0 or known.size < _ENOUGH * drawn.size:
        raise MeasurementError("it is not defined on these units, or not on enough draws of them")
    tail = round((1.0 - confidence) / 2.0, 12)  # 0.025, not 0.025000000000000022
    low, high = map(float, np.quantile(known, [tail, 1.0 - tail]))
    return Interval(float(value), min(low, float(value)), max(high, float(value)), n, confidence)
