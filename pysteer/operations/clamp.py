"""Hold the component along the direction at one value."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, norm_of, operations, unit


@operations.register("clamp", at_zero="ablated", is_control_vector=False)
def clamp(direction: Direction, coefficient: float) -> EditSpec:
    """Hold the component along the direction at one value: ``x . u := c |v|``, ``u = v / |v|``.

    As a formula ``x <- x + (c |v| - x . u) u``. What is orthogonal to ``v`` stays as it is.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, not normalised, residual-stream units.
    coefficient : float
        ``c``, in multiples of ``|v|``. **0 is not the unsteered model**: the component is held at 0, which is full
        ablation. To hold it at a value ``a`` in residual-stream units pass ``a / |v|``.

    Raises
    ------
    SteeringError
        The direction is zero, or the coefficient is not finite.

    References
    ----------
    Templeton et al. 2024, "Scaling Monosemanticity", which clamps dictionary features; here the feature is a
    direction that is read and written alike.
    """
    u = unit(direction)
    return EditSpec.rank_one(u, u, coefficient * norm_of(direction), -1.0)
