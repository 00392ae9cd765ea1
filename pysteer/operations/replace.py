"""Put other values in the row's place."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, operations, scaled
from pysteer.operations.row_slice import checked_slice


@operations.register("replace", at_zero="zeroed", is_control_vector=False)
def replace(direction: Direction, coefficient: float, *, begin: int = 0, end: int | None = None) -> EditSpec:
    """Replace the row, or a slice of it such as one attention head: ``x[begin:end] <- c v[begin:end]``.

    Parameters
    ----------
    direction : float32, shape (d,)
        ``v``, as wide as the row: d_model, or n_heads * head_dim at head_out, where head ``h`` is the slice from
        ``h * head_dim`` to ``(h + 1) * head_dim``.
    coefficient : float
        ``c``. 1 puts ``v`` in as it is (activation patching). **0 is not the unsteered model**: it writes zeros.
    begin, end : int
        Half-open slice, ``0 <= begin < end <= d``; the whole row by default.

    Raises
    ------
    ShapeError
        The slice is empty or reaches past the row.
    SteeringError
        The coefficient, or its product with the direction, is not finite.

    References
    ----------
    Todd et al. 2023, "Function Vectors in Large Language Models", arXiv:2310.15213 (replacing one head's output).
    """
    return EditSpec.replace(begin, scaled(direction, coefficient)[checked_slice(direction, begin, end)])
