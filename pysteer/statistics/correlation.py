"""How closely do two lists of numbers go together, and how sure is that?

Interval: Fisher's transformation (Fisher 1921): ``atanh(r)`` is nearly normal with standard error ``1/sqrt(n - 3)``.
For Spearman's rho the standard error is ``sqrt((1 + rho^2/2) / (n - 3))`` (Bonett & Wright 2000), because plain
Fisher is too narrow for ranks. Both assume independent pairs: data sets that share questions are not. At exactly 1 or
-1, which few pairs reach by chance, the interval has no width and says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics.checks import check_confidence, paired_values
from pysteer.statistics.scipy_access import load


@dataclass(frozen=True, eq=False)
class Correlation:
    """A correlation in [-1, 1] with its interval.

    Parameters
    ----------
    value, low, high : float
        Correlation, and Fisher's interval.
    p : float
        Two-sided, against no correlation.
    n : int
        Pairs.
    confidence : float
        Of the interval.
    contributions : float64, shape (n,)
        Products of the standardised values (for Spearman of the standardised ranks); their mean is ``value``.
    """

    value: float
    low: float
    high: float
    p: float
    n: int
    confidence: float
    contributions: Float64Array


def pearson(x: npt.ArrayLike, y: npt.ArrayLike, *, confidence: float = 0.95) -> Correlation:
    """Return Pearson's correlation of the pairs ``x[i], y[i]``.

    Parameters
    ----------
    x, y : float, shape (n,)
        At least four pairs; neither constant.

    Raises
    ------
    MeasurementError
        Fewer pairs, a constant list, a value that is not finite, or SciPy is not installed.

    Examples
    --------
    >>> round(pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value, 3)
    0.8
    """
    return _correlation(x, y, confidence, is_ranked=False)


def spearman(x: npt.ArrayLike, y: npt.ArrayLike, *, confidence: float = 0.95) -> Correlation:
    """Return Spearman's rank correlation (ties get their mean rank). Parameters and errors as in `pearson`.

    Examples
    --------
    >>> spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 125]).value
    1.0
    """
    return _correlation(x, y, confidence, is_ranked=True)


def _correlation(x: npt.ArrayLike, y: npt.ArrayLike, confidence: float, *, is_ranked: bool) -> Correlation:
    check_confidence(confidence)
    one, two = paired_values(x, y, what=("x", "y"), n_min=4)
    for values, name in ((one, "x"), (two, "y")):
        if np.unique(values).size < 2:
            raise MeasurementError(f"no correlation: all {values.size} values of {name} are {values[0]}")
    stats = load("scipy.stats")
    result = stats.spearmanr(one, two) if is_ranked else stats.pearsonr(one, two)
    value = float(result.statistic)
    if not math.isfinite(value):
        raise MeasurementError("no correlation: the values of x or y hardly differ")
    if abs(value) > 1.0 - 1e-12:  # rounding
        value = math.copysign(1.0, value)
    low, high = _fisher_ends(value, one.size, confidence, is_ranked=is_ranked)
    if is_ranked:
        one, two = stats.rankdata(one), stats.rankdata(two)
    return Correlation(
        value, low, high, float(result.pvalue), one.size, confidence, _standardised(one) * _standardised(two)
    )


def _fisher_ends(value: float, n: int, confidence: float, *, is_ranked: bool) -> tuple[float, float]:
    if abs(value) == 1.0:  # atanh is infinite: n points on a line say that the correlation is 1, or that n is small
        return value, value
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    half = z * math.sqrt((1.0 + value**2 / 2.0 if is_ranked else 1.0) / (n - 3))
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)


def _standardised(values: Float64Array) -> Float64Array:
    centred = values - values.mean()
    result: Float64Array = np.asarray(centred / np.sqrt((centred**2).mean()), dtype=np.float64)
    return result
