"""How steep a line is: least squares."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics.checks import finite_values


def slope(x: npt.ArrayLike, y: npt.ArrayLike) -> Float64Array:
    """Return the least-squares slope of ``y`` over ``x``, for every row of ``y``.

    Parameters
    ----------
    x : float, shape (k,)
        At least two different values.
    y : float, shape (..., k)

    Returns
    -------
    float64, shape (...)
        Units of y per unit of x.

    Raises
    ------
    MeasurementError
        The last axis of ``y`` is not k long, all x are equal, or a value is not finite.

    Examples
    --------
    >>> slope([0.0, 1.0, 2.0], [[1.0, 3.0, 5.0], [0.0, 0.0, 0.0]])
    array([2., 0.])
    """
    at = finite_values(x, n_dims=1, what="x")
    values = finite_values(y, n_dims=None, what="y")
    if values.ndim == 0 or values.shape[-1] != at.size:
        raise MeasurementError(f"expected one y per x on the last axis ({at.size}), got shape {values.shape}")
    centred = at - at.mean()
    spread = float(centred @ centred)
    if np.unique(at).size < 2 or spread == 0.0:
        raise MeasurementError(f"a slope needs at least two different x, got {np.unique(at).tolist()}")
    # The first value is taken off so that a flat line has a slope of exactly 0; a constant does not change a slope.
    result: Float64Array = np.asarray((values - values[..., :1]) @ centred / spread, dtype=np.float64)
    return result
