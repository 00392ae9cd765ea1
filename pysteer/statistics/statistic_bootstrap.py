"""How sure is any number that a function makes of examples: SciPy's bias-corrected and accelerated bootstrap.

Efron 1987. Against the percentile interval it corrects for a skewed statistic; it fails where all resamples agree.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics.checks import check_resampling, finite_values
from pysteer.statistics.interval import Interval
from pysteer.statistics.scipy_access import load


def bootstrap_statistic(
    arrays: Sequence[npt.ArrayLike],
    statistic: Callable[..., float],
    *,
    seed: int,
    confidence: float = 0.95,
    n_resamples: int = 2000,
) -> Interval:
    """Return ``statistic(*arrays)`` with its BCa interval over examples.

    Parameters
    ----------
    arrays : sequence of float, shape (n,) each
        Entry ``i`` of all of them is the same example; they are resampled together.
    statistic : callable
        Takes as many arrays (n,) and returns a number.
    seed, confidence, n_resamples
        As in `bootstrap_mean`.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than two examples, a value that is not finite, a statistic without an interval, or SciPy
        is not installed.

    Examples
    --------
    >>> bootstrap_statistic([[1.0, 2.0, 3.0, 4.0, 10.0]], np.median, seed=0).mean
    3.0
    """
    columns = [finite_values(array, n_dims=1, what=f"array {index}") for index, array in enumerate(arrays)]
    check_resampling(confidence, n_resamples)
    sizes = sorted({column.size for column in columns})
    if len(sizes) != 1 or sizes[0] < 2:
        raise MeasurementError(f"expected arrays of one length, at least 2, got lengths {sizes}")
    value = float(statistic(*columns))
    with warnings.catch_warnings():  # SciPy's, where the resamples agree: the ends are NaN, refused below
        warnings.simplefilter("ignore")
        result = load("scipy.stats").bootstrap(
            tuple(columns),
            statistic,
            paired=True,
            vectorized=False,
            n_resamples=n_resamples,
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    low, high = map(float, result.confidence_interval)
    if not (math.isfinite(value) and math.isfinite(low) and math.isfinite(high)):
        raise MeasurementError(f"the statistic {value} has no interval: its resamples agree, or are not finite")
    return Interval(value, low, high, sizes[0], confidence)
