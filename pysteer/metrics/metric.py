"""The registry of metrics, and the check that they share."""

from __future__ import annotations

from collections.abc import Callable

import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.registry import Registry
from pysteer.score import Score
from pysteer.statistics import finite_values

Metric = Callable[..., Score]

metrics: Registry[Metric] = Registry("metric")
"""Facts of each: ``needs``, the name of the arrays it is given; ``better`` as in `Score`."""


def check_propensities(coefficients: npt.ArrayLike, propensities: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Return both as float64: coefficients (n_coefficients,), propensities (n_items, n_coefficients).

    Raises
    ------
    MeasurementError
        No item, another shape, a value that is not finite, or fewer than two different coefficients.
    """
    at = finite_values(coefficients, n_dims=1, what="coefficients")
    values = finite_values(propensities, n_dims=2, what="propensities")
    if values.shape[1] != at.size:
        raise MeasurementError(
            f"propensities: expected (n_items, {at.size}), a column per coefficient, got {values.shape}"
        )
    if len(set(at.tolist())) < 2:
        raise MeasurementError(
            f"steerability is a slope: it needs at least two different coefficients, got {at.tolist()}"
        )
    return at, values
