"""Choices scored by their log-probabilities: what choice metrics share. Not a metric itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import finite_values

IntArray = npt.NDArray[np.int64]


def check_choices(log_probs: npt.ArrayLike, answers: npt.ArrayLike) -> tuple[Float64Array, IntArray]:
    """Return log-probabilities (n_items, n_choices) and the index of each item's right choice (n_items,).

    Parameters
    ----------
    log_probs : float, shape (n_items, n_choices)
        ``-inf``: the item has no such choice (items may have different numbers of them).
    answers : int, shape (n_items,)

    Raises
    ------
    MeasurementError
        No item, another shape, NaN, an item with fewer than two choices, or an answer that is not one of them.
    """
    try:
        values: Float64Array = np.asarray(log_probs, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"log_probs: expected an array of numbers: {error}") from error
    if values.size == 0:
        raise MeasurementError("log_probs: expected at least one item, got none; nothing was measured")
    if values.ndim != 2:
        raise MeasurementError(f"log_probs: expected (n_items, n_choices), got shape {values.shape}")
    if np.isnan(values).any() or np.isposinf(values).any():
        n_bad = int(np.count_nonzero(np.isnan(values) | np.isposinf(values)))
        raise MeasurementError(f"log_probs: {n_bad} of {values.size} values are NaN or +inf")
    right = finite_values(answers, n_dims=1, what="answers")
    if right.size != len(values) or (right != np.round(right)).any():
        raise MeasurementError(f"answers: expected {len(values)} whole numbers, one for each item, got {right.size}")
    index = right.astype(np.int64)
    if index.min() < 0 or index.max() >= values.shape[1]:
        raise MeasurementError(f"answers: expected 0 to {values.shape[1] - 1}, got {index.min()} to {index.max()}")
    is_there = np.isfinite(values)
    if (is_there.sum(1) < 2).any():
        raise MeasurementError(f"item {int(np.argmax(is_there.sum(1) < 2))} has fewer than two choices")
    if not is_there[np.arange(len(index)), index].all():
        item = int(np.argmin(is_there[np.arange(len(index)), index]))
        raise MeasurementError(f"item {item}: its right choice, {index[item]}, has log-probability -inf")
    return values, index


def is_best(log_probs: Float64Array, answers: IntArray) -> npt.NDArray[np.bool_]:
    """Return where the right choice alone is most probable (n_items,); a tie is not a hit."""
    rows = np.arange(len(answers))
    others = log_probs.copy()
    others[rows, answers] = -np.inf
    hits: npt.NDArray[np.bool_] = log_probs[rows, answers] > others.max(1)
    return hits
