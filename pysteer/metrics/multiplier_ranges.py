"""Does the range of multipliers change which items, or data sets, are steerable?

Question: would slopes over ``|c| <= 0.5`` rank them as those over ``|c| <= 1.5``?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404
(multiplier ablation: 0.5, 1 and 1.5).
Formula: slopes by least squares over the coefficients within each range; Spearman's rank correlation between ranges.
Unit: propensity per unit of coefficient; the correlation has none. Range: correlation [-1, 1].
Convention: ranges share their measurements, so correlations are above 0 even without any steering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.metric import check_propensities
from pysteer.statistics import slope, spearman


@dataclass(frozen=True, eq=False)
class MultiplierRanges:
    """Slopes within ranges of multipliers.

    Parameters
    ----------
    ranges : tuple of float
        Largest ``|c|`` of each, ascending.
    slopes : float64, shape (n_ranges, n_items)
        Propensity per unit of coefficient.
    """

    ranges: tuple[float, ...]
    slopes: Float64Array

    def correlations(self) -> Float64Array:
        """Return Spearman's correlations between the ranges over items, float64 (n_ranges, n_ranges).

        Raises
        ------
        MeasurementError
            Fewer than four items, slopes that are all alike, or SciPy is not installed.
        """
        table = np.eye(len(self.ranges))
        for row in range(len(self.ranges)):
            for column in range(row):
                table[row, column] = table[column, row] = spearman(self.slopes[row], self.slopes[column]).value
        return table


def multiplier_ranges(
    coefficients: npt.ArrayLike, propensities: npt.ArrayLike, *, ranges: Sequence[float] | None = None
) -> MultiplierRanges:
    """Return the slopes of every item within each range of multipliers.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
    propensities : float, shape (n_items, n_coefficients)
        Of items, or mean curves of data sets.
    ranges : sequence of float, optional
        Largest ``|c|`` of each range. Default: every one that leaves at least two different coefficients.

    Raises
    ------
    MeasurementError
        As `check_propensities`, or a range with fewer than two different coefficients.

    Examples
    --------
    >>> found = multiplier_ranges([-1.0, -0.5, 0.5, 1.0], [[-9.0, -1.0, 1.0, 9.0]])
    >>> found.ranges, found.slopes.round(2).tolist()
    ((0.5, 1.0), [[2.0], [7.6]])
    """
    at, values = check_propensities(coefficients, propensities)
    if ranges is None:
        chosen = tuple(size for size in sorted(set(np.abs(at).tolist())) if _n_within(at, size) > 1)
    else:
        chosen = tuple(sorted(float(size) for size in ranges))
    for size in chosen:
        if not _n_within(at, size) > 1:
            raise MeasurementError(f"the range |c| <= {size:g} holds fewer than two different coefficients")
    if not chosen:
        raise MeasurementError("expected at least one range of multipliers")
    found = [slope(at[np.abs(at) <= size], values[:, np.abs(at) <= size]) for size in chosen]
    return MultiplierRanges(chosen, np.stack(found))


def _n_within(coefficients: Float64Array, size: float) -> int:
    return len(set(coefficients[np.abs(coefficients) <= size].tolist()))
