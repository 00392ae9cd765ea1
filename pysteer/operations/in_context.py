"""The in-context-vector rule."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, finite_float32, operations, unit


@operations.register("in_context", at_zero="unchanged to rounding", is_control_vector=False)
def in_context(direction: Direction, coefficient: float) -> EditSpec:
    """Turn the row towards the direction, more where it points away: the in-context-vector (ICV) rule.

    With ``u = v / |v|``: ``y = c (1 + max(0, cos(x, -v))) u``, then ``x <- unit(unit(x) + y) |x|``. The row keeps its
    norm. The authors apply it to the MLP output (site mlp_out) of every block, at every token.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, the in-context vector of one task at this block; its length does not matter.
    coefficient : float
        ``c``, relative to a row of length 1; the authors' examples use 0.10 to 0.12. 0 leaves the row unchanged up
        to float32 rounding. Several tasks at once are `EditSpec.in_context` with one row and strength per task.

    Raises
    ------
    SteeringError
        The direction is zero, or the coefficient is not finite.

    References
    ----------
    Liu et al. 2023, "In-context Vectors: Making In Context Learning More Effective and Controllable Through Latent
    Space Steering", arXiv:2311.06668.
    """
    return EditSpec.in_context(unit(direction)[None, :], [finite_float32(coefficient, "coefficient")])
