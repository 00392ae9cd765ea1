"""Take the direction out, then add it at a chosen strength."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, norm_of, operations, unit


@operations.register("ablate_then_add", at_zero="ablated", is_control_vector=False)
def ablate_then_add(direction: Direction, coefficient: float) -> EditSpec:
    """Take the direction out, then add it: ``x <- x - (x . u) u + c v``, ``u = v / |v|``.

    The same map as `clamp`, under the name that the literature gives it.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, not normalised, residual-stream units.
    coefficient : float
        ``c``, in multiples of ``v``. **0 is not the unsteered model**: it is full ablation. The unit direction comes
        from the unscaled ``v``, so the result is finite there; code that divides ``c v`` by its norm yields NaN.

    Raises
    ------
    SteeringError
        The direction is zero, or the coefficient is not finite.

    References
    ----------
    The operator of that name in the steering-vectors library, used by Tan et al. 2024, "Analyzing the Generalization
    and Reliability of Steering Vectors", arXiv:2407.12404.
    """
    u = unit(direction)
    return EditSpec.rank_one(u, u, coefficient * norm_of(direction), -1.0)
