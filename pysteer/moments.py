"""Running count, mean and covariance of rows: statistics of any amount of data in constant memory.

Batches are merged with the pairwise update of Chan, Golub & LeVeque (1979), in float64, which does not lose digits
when the mean is large against the spread, as it is in a residual stream.
"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.errors import MeasurementError, ShapeError


class Moments:
    """Running moments of rows of ``width`` values.

    Parameters
    ----------
    width : int
    covariance : bool
        Keep the (width, width) sum of products, too.

    Examples
    --------
    >>> moments = Moments(1, covariance=True)
    >>> moments.update(np.array([[1.0], [3.0]], dtype=np.float32))
    >>> moments.count, moments.mean, moments.covariance()
    (2, array([2.]), array([[2.]]))
    """

    def __init__(self, width: int, *, covariance: bool = False) -> None:
        self.width = width
        self.count = 0
        self._mean = np.zeros(width)
        self._scatter = np.zeros((width, width)) if covariance else None

    def update(self, rows: Float32Array) -> None:
        """Add rows, float32 (n, width); ShapeError for another shape or values that are not finite."""
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise ShapeError(f"expected rows of {self.width} values, got shape {rows.shape}")
        if not np.isfinite(rows).all():
            raise ShapeError("rows hold values that are NaN or infinite")
        if len(rows) == 0:
            return
        batch = rows.astype(np.float64)
        mean = batch.mean(axis=0)
        scatter = None
        if self._scatter is not None:
            centred = batch - mean
            scatter = centred.T @ centred
        self._merge(len(rows), mean, scatter)

    def merge(self, other: Moments) -> None:
        """Add what another object has seen."""
        if other.width != self.width or (other._scatter is None) != (self._scatter is None):
            raise ShapeError("only moments of the same kind can be merged")
        if other.count:
            self._merge(other.count, other._mean, other._scatter)

    def _merge(self, count: int, mean: Float64Array, scatter: Float64Array | None) -> None:
        total = self.count + count
        step = mean - self._mean
        if self._scatter is not None and scatter is not None:
            self._scatter += scatter + np.outer(step, step) * (self.count * count / total)
        self._mean = self._mean + step * (count / total)
        self.count = total

    @property
    def mean(self) -> Float64Array:
        """float64, (width,); MeasurementError before the first row."""
        if self.count == 0:
            raise MeasurementError("no row was seen, so there is no mean")
        mean: Float64Array = self._mean.copy()
        return mean

    def covariance(self) -> Float64Array:
        """Unbiased covariance, float64, (width, width); MeasurementError with fewer than two rows."""
        if self._scatter is None:
            raise MeasurementError("covariance was not kept: make Moments(width, covariance=True)")
        if self.count < 2:
            raise MeasurementError(f"a covariance needs at least two rows, got {self.count}")
        return self._scatter / (self.count - 1)
