"""Put zeros in the row's place."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Direction
from pysteer.errors import SteeringError
from pysteer.operations.edit_spec import EditSpec, check_direction, operations
from pysteer.operations.row_slice import checked_slice


@operations.register("zero", at_zero="unchanged", is_control_vector=False)
def zero(direction: Direction, coefficient: float, *, begin: int = 0, end: int | None = None) -> EditSpec:
    """Write zeros into the row, or into a slice of it such as one attention head: ``x[begin:end] <- 0``.

    Parameters
    ----------
    direction : float32, shape (d,)
        Only its width is used.
    coefficient : float
        1 writes the zeros, 0 leaves the model unchanged. There is nothing in between.
    begin, end : int
        Half-open slice, ``0 <= begin < end <= d``; the whole row by default.

    Raises
    ------
    ShapeError
        The slice is empty or reaches past the row.
    SteeringError
        A coefficient other than 0 or 1.
    """
    part = np.zeros_like(check_direction(direction))[checked_slice(direction, begin, end)]
    if coefficient == 1.0:
        return EditSpec.replace(begin, part)
    if coefficient == 0.0:
        return EditSpec.rank_one(None, np.zeros_like(direction), 0.0, 0.0)
    raise SteeringError(f"zero is done (coefficient 1) or not done (coefficient 0), got coefficient {coefficient}")
