"""Arrays that can be measured: not empty, finite, of the expected axes and lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError


def finite_values(values: npt.ArrayLike, *, n_dims: int | None, what: str) -> Float64Array:
    """Return ``values`` as float64 after checking them: not empty, finite, ``n_dims`` axes (None: any).

    Raises
    ------
    MeasurementError
        Anything else; the message says how many values are not finite.
    """
    try:
        array: Float64Array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"{what}: expected an array of numbers: {error}") from error
    if array.size == 0:
        raise MeasurementError(f"{what}: expected at least one value, got none; nothing was measured")
    if n_dims is not None and array.ndim != n_dims:
        raise MeasurementError(f"{what}: expected {n_dims} axes, got shape {array.shape}")
    if not np.isfinite(array).all():
        n_bad = int(np.count_nonzero(~np.isfinite(array)))
        raise MeasurementError(f"{what}: {n_bad} of {array.size} values are NaN or infinite")
    return array


def paired_values(
    first: npt.ArrayLike, second: npt.ArrayLike, *, what: tuple[str, str], n_min: int = 1
) -> tuple[Float64Array, Float64Array]:
    """Return two arrays (n,) of which entry ``i`` is the same example, as float64.

    Raises
    ------
    MeasurementError
        They differ in length, hold fewer than ``n_min`` examples, or break the rules of `finite_values`.
    """
    one, two = (finite_values(values, n_dims=1, what=name) for values, name in zip((first, second), what, strict=True))
    if one.shape != two.shape:
        raise MeasurementError(
            f"expected pairs: entry i of {what[0]} and of {what[1]} is the same example, got {one.size} and {two.size}"
        )
    if one.size < n_min:
        raise MeasurementError(f"{what[0]} and {what[1]}: expected at least {n_min} pairs, got {one.size}")
    return one, two


def check_confidence(confidence: float) -> None:
    """Raise MeasurementError unless the confidence lies between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise MeasurementError(f"expected a confidence between 0 and 1, got {confidence}")


def check_resampling(confidence: float, n_resamples: int) -> None:
    """Raise MeasurementError unless the confidence lies between 0 and 1 and there are at least 100 resamples."""
    if not 0.0 < confidence < 1.0 or n_resamples < 100:
        raise MeasurementError(
            f"expected a confidence between 0 and 1 and at least 100 resamples, got {confidence} and {n_resamples}"
        )
