"""Add the direction."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.operations.edit_spec import EditSpec, operations, scaled


@operations.register("add", at_zero="unchanged", is_control_vector=True)
def add(direction: Direction, coefficient: float) -> EditSpec:
    """Add the direction: ``x <- x + c v``.

    Parameters
    ----------
    direction : float32, shape (d_model,)
        ``v``, not normalised, residual-stream units.
    coefficient : float
        ``c``, in multiples of ``v``. 0 leaves the model unchanged, exactly.

    Returns
    -------
    EditSpec
        rank_one with ``write = float32(c) * v``, rounded once, offset 1 and gain 0: the additions of llama.cpp's own
        control vector holding the same numbers, bit for bit.

    References
    ----------
    Rimsky et al. 2023, "Steering Llama 2 via Contrastive Activation Addition", arXiv:2312.06681.
    """
    return EditSpec.rank_one(None, scaled(direction, coefficient), 1.0, 0.0)
