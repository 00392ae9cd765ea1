"""Ranks of tokens: the check that rank metrics share. Not a metric itself."""

from __future__ import annotations

import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import finite_values


def check_ranks(ranks: npt.ArrayLike, *, what: str) -> Float64Array:
    """Return ranks (n_items,) as float64: how many tokens are more probable, so whole numbers of at least 0.

    Raises
    ------
    MeasurementError
        No rank, or anything else.
    """
    values = finite_values(ranks, n_dims=1, what=what)
    if values.min() < 0.0 or (values != values.round()).any():
        raise MeasurementError(f"{what}: expected whole numbers of at least 0")
    return values
