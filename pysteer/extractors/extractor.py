"""What a method gets and returns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pysteer.arrays import Direction, Float32Array, Float64Array
from pysteer.errors import ShapeError
from pysteer.registry import Registry

Extractor = Callable[..., Direction]
"""``method(positive, negative) -> direction``; both float32 (n_pairs, d_model), row i of both from the same pair.
A method with the fact ``seed`` also takes a keyword argument ``seed``, a sequence of integers."""

extractors: Registry[Extractor] = Registry("method")
"""Facts of each: ``from_means``, whether the direction follows from the two means alone (rows need not be kept);
``seed``, for a method that draws at random: "site" (each site draws anew) or "pairs" (all sites share one draw)."""


def check_pairs(positive: Float32Array, negative: Float32Array) -> None:
    """Raise ShapeError unless both are float32 (n_pairs, d_model) with at least one pair, all values finite."""
    for name, rows in (("positive", positive), ("negative", negative)):
        if rows.dtype != np.float32 or rows.ndim != 2 or rows.size == 0:
            raise ShapeError(f"{name}: expected float32 of shape (n_pairs, d_model), got {rows.dtype} {rows.shape}")
        if not np.isfinite(rows).all():
            raise ShapeError(f"{name}: {np.count_nonzero(~np.isfinite(rows))} values are NaN or infinite")
    if positive.shape != negative.shape:
        raise ShapeError(f"positive has shape {positive.shape}, negative {negative.shape}: expected the same pairs")


def differences(positive: Float32Array, negative: Float32Array) -> Float64Array:
    """Return positive - negative, float64 (n_pairs, d_model); ShapeError if they are no pairs, or all are alike."""
    check_pairs(positive, negative)
    deltas: Float64Array = np.subtract(positive, negative, dtype=np.float64)
    if not deltas.any():
        raise ShapeError(f"positive and negative rows are the same in all {len(deltas)} pairs: there is no direction")
    return deltas
