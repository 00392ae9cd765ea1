"""The interval that says whether a behaviour is steered: of few items it must not be too narrow.

With few items the percentiles of bootstrap means are too narrow (those of eight, drawn from a normal distribution,
hold the true mean in nine of ten cases rather than 19 of 20), so that what is not steered would often count as steered.
There Student's interval is taken.
"""

from __future__ import annotations

import math

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, bootstrap_mean

_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101,
)  # fmt: skip
"""Standard errors in half of Student's 95 % interval, by degrees of freedom from 1 on."""
FEW = len(_STUDENT) + 2
"""From so many items on, the bootstrap."""


def judged_mean(values: Float64Array, *, seed: int) -> Interval:
    """Return the mean of items with its 95 % interval: Student's for fewer than `FEW`, bootstrap for more.

    Parameters
    ----------
    values : float64, shape (n,)

    Raises
    ------
    MeasurementError
        Fewer than two items: the interval would be a point.

    Examples
    --------
    >>> import numpy as np
    >>> found = judged_mean(np.array([1.0, 2.0, 3.0]), seed=0)
    >>> round(found.low, 2), found.mean, round(found.high, 2)
    (-0.48, 2.0, 4.48)
    """
    n = len(values)
    if n < 2:
        raise MeasurementError(f"an interval needs two items, got {n}")
    if n >= FEW:
        return bootstrap_mean(values, seed=seed)
    mean = float(values.mean())
    half = _STUDENT[n - 2] * float(values.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n, 0.95)
