"""Add the direction and give the row its old length back."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, operations, scaled


@operations.register("norm_preserving_add", at_zero="unchanged", is_control_vector=False)
def norm_preserving_add(direction: Direction, coefficient: float) -> EditSpec:
    """Add the direction and restore the norm: ``x <- (x + c v) |x| / |x + c v|``.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, not normalised, residual-stream units.
    coefficient : float
        ``c``, in multiples of ``v``. 0 leaves the model unchanged. Large values turn the row towards ``v`` without
        ever making it longer.

    Raises
    ------
    SteeringError
        The coefficient, or its product with the direction, is not finite.
    """
    return EditSpec.norm_preserving(scaled(direction, coefficient))
