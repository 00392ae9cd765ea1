"""How sure is a number that is no mean of examples: leave each example out once (Tukey 1958).

The pseudo-values ``n t - (n - 1) t_i``, with ``t_i`` the number without example ``i``, behave like examples whose mean
is the number, so the interval is Student's around it. It suits smooth numbers such as mean pairwise cosines, for which
drawing examples with replacement counts an example as similar to itself; it is wrong for medians.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics.checks import check_confidence, finite_values
from pysteer.statistics.interval import Interval
from pysteer.statistics.scipy_access import load


def jackknife(value: float, without: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return ``value`` with Student's interval of its pseudo-values.

    Parameters
    ----------
    value : float
        From all n examples.
    without : float, shape (n,)
        Entry ``i``: the same number computed without example ``i``; n >= 3.

    Raises
    ------
    MeasurementError
        Fewer than three examples, a value that is not finite, or SciPy is not installed.

    Examples
    --------
    >>> interval = jackknife(2.0, [2.5, 2.0, 1.5])  # the mean of 1, 2, 3 without each of them
    >>> round(interval.low, 3), interval.mean, round(interval.high, 3)
    (-0.484, 2.0, 4.484)
    """
    check_confidence(confidence)
    left_out = finite_values(without, n_dims=1, what="without")
    if not math.isfinite(value) or left_out.size < 3:
        raise MeasurementError(f"a jackknife needs a finite number and three examples, got {value}, {left_out.size}")
    n = left_out.size
    error = math.sqrt((n - 1) / n * float(((left_out - left_out.mean()) ** 2).sum()))
    half = float(load("scipy.stats").t.ppf((1.0 + confidence) / 2.0, n - 1)) * error
    return Interval(value, value - half, value + half, n, confidence)


def leave_one_out_means(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the means of ``values`` (n, ...) without row ``i``, for every i; n >= 2."""
    rows = np.asarray(values, dtype=np.float64)
    result: npt.NDArray[np.float64] = (rows.sum(axis=0) - rows) / (len(rows) - 1)
    return result
