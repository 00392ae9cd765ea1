"""Turn the component along the direction around."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, operations, unit


@operations.register("reflect", at_zero="unchanged", is_control_vector=False)
def reflect(direction: Direction, coefficient: float) -> EditSpec:
    """Turn the component around: ``x <- x - 2 c (x . u) u``, ``u = v / |v|``.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``; only where it points matters, not its length or sign.
    coefficient : float
        ``c``. 1 is the Householder reflection: the component changes its sign, the row keeps its norm, and doing it
        twice does nothing. 0 leaves the model unchanged, 0.5 is full ablation.

    Raises
    ------
    SteeringError
        The direction is zero, or the coefficient is not finite.
    """
    u = unit(direction)
    return EditSpec.rank_one(u, u, 0.0, -2.0 * coefficient)
