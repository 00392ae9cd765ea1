"""Take the direction out."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, operations, unit


@operations.register("ablate", at_zero="unchanged", is_control_vector=False)
def ablate(direction: Direction, coefficient: float) -> EditSpec:
    """Take the direction out: ``x <- x - c (x . u) u``, ``u = v / |v|``.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``; only where it points matters, not its length or sign.
    coefficient : float
        ``c``, the share of the component that is removed. 1 removes all of it, 0 leaves the model unchanged.

    Raises
    ------
    SteeringError
        The direction is zero, or the coefficient is not finite.

    References
    ----------
    Arditi et al. 2024, "Refusal in Language Models Is Mediated by a Single Direction", arXiv:2406.11717.
    """
    u = unit(direction)
    return EditSpec.rank_one(u, u, 0.0, -coefficient)
