"""What is left of propensities when their line is taken off: shared by the metrics of the fit. Not a metric itself."""

from __future__ import annotations

from pysteer.arrays import Float64Array
from pysteer.statistics import slope


def residuals(coefficients: Float64Array, propensities: Float64Array) -> Float64Array:
    """Return propensity minus its least-squares line, (n_items, n_coefficients); each item sums to 0.

    Examples
    --------
    >>> import numpy as np
    >>> residuals(np.array([-1.0, 0.0, 1.0]), np.array([[1.0, -2.0, 1.0]]))
    array([[ 1., -2.,  1.]])
    """
    at = coefficients - coefficients.mean()
    centred = propensities - propensities.mean(axis=1, keepdims=True)
    left: Float64Array = centred - slope(coefficients, propensities)[:, None] * at
    return left
