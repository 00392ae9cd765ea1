"""The NumPy types of the package, named once, and the one way to make an array of them read-only."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pysteer.errors import ShapeError

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
Direction: TypeAlias = npt.NDArray[np.float32]
"""One direction: float32, shape (d_model,), residual-stream units, not normalised."""


def frozen_float32(values: npt.ArrayLike, *, n_dims: int, what: str) -> Float32Array:
    """Return a read-only, C-contiguous float32 copy.

    Parameters
    ----------
    values : numbers, ``n_dims`` axes, none of them empty
        Real numbers of any width; they are rounded to float32.
    what : str
        The noun that errors use.

    Raises
    ------
    ShapeError
        Not real numbers, another number of axes, an empty axis, or a value that is not finite in float32.
    """
    try:
        given = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{what}: expected an array of numbers, got a ragged sequence") from error
    if given.dtype.kind not in "fiu":
        raise ShapeError(f"{what}: expected real numbers, got dtype {given.dtype}")
    if given.ndim != n_dims or given.size == 0:
        raise ShapeError(f"{what}: expected a non-empty array with {n_dims} axes, got shape {given.shape}")
    with np.errstate(over="ignore"):
        array = np.array(given, dtype=np.float32, order="C")
    if not np.isfinite(array).all():
        n_bad = int(np.count_nonzero(~np.isfinite(array)))
        raise ShapeError(f"{what}: {n_bad} of {array.size} values are NaN or infinite in float32")
    array.flags.writeable = False
    return array
