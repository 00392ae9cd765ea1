"""The first principal component of rows, by way of the smaller of their two Gram matrices."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Direction, Float64Array
from pysteer.errors import ShapeError


def first_component(rows: Float64Array) -> Float64Array:
    """Return the unit vector along which uncentred rows vary most; its sign means nothing.

    Parameters
    ----------
    rows : float64, shape (n_rows, d_model)
        Not all zero. One matrix of min(n_rows, d_model) squared is made, and no copy of the rows.
    """
    n_rows, d_model = rows.shape
    if n_rows < d_model:
        component = rows.T @ np.linalg.eigh(rows @ rows.T)[1][:, -1]
    else:
        component = np.linalg.eigh(rows.T @ rows)[1][:, -1]
    return np.asarray(component / np.linalg.norm(component))


def toward_positive(direction: Float64Array, vote: float, deltas: Float64Array) -> Direction:
    """Return the direction with the sign under which ``vote`` is positive, float32.

    Parameters
    ----------
    vote : float
        Says on which side *positive* lies. Where it is 0, the mean of the projections decides.
    deltas : float64, shape (n_pairs, d_model)
        Positive minus negative.

    Raises
    ------
    ShapeError
        Both are 0: positive lies on neither side.
    """
    side = vote or float((deltas @ direction).mean())
    if side == 0.0:
        raise ShapeError(
            "the differences of the pairs cancel along their main direction, so neither end of it is the positive one"
        )
    return np.asarray(direction if side > 0 else -direction, dtype=np.float32)
