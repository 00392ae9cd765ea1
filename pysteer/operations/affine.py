"""Scale and shift the component along the direction."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, finite_float32, norm_of, operations, unit


@operations.register("affine", at_zero="unchanged", is_control_vector=False)
def affine(direction: Direction, coefficient: float, *, gain: float, offset: float) -> EditSpec:
    """Scale and shift the component: at ``c = 1``, ``x . u := gain (x . u) + offset |v|``, ``u = v / |v|``.

    As a formula ``x <- x + c ((gain - 1) (x . u) + offset |v|) u``: the coefficient goes from nothing (0) to the
    whole map (1). ``gain=0, offset=0`` is `ablate`, ``gain=-1, offset=0`` is `reflect`, ``gain=0`` with ``c = 1`` is
    `clamp` to ``offset``, ``gain=1`` adds ``c * offset * v``.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, not normalised, residual-stream units.
    coefficient : float
        ``c``, the share of the change that is made. 0 leaves the model unchanged.
    gain : float
        Factor on the component. 1 keeps it.
    offset : float
        Added to the component, in multiples of ``|v|``. 0 adds nothing.

    Raises
    ------
    SteeringError
        The direction is zero, or a number is not finite.

    References
    ----------
    Marshall et al. 2024, "Refusal in LLMs is an Affine Function", arXiv:2411.09003.
    """
    u, c = unit(direction), finite_float32(coefficient, "coefficient")
    return EditSpec.rank_one(u, u, c * offset * norm_of(direction), c * (gain - 1.0))
