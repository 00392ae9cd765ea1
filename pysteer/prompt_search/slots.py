"""A population in which every slot weighs naturalness differently, so that the whole trade-off is searched at once.

Slot k holds the prompt with the least ``-target + X_k * cross_entropy``. The penalties X_k are spaced evenly in their
logarithm. Source: the evolutionary prompt optimisation of Thompson et al. 2024, "Fluent dreaming for language models",
arXiv:2402.01702. A slot only ever takes a better prompt, so its cost never rises.
"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.pareto_front import pareto_front
from pysteer.prefix_tree import Int32Array
from pysteer.prompt_search.objective import Evaluated


def penalties(n: int, low: float = 0.1, high: float = 10.0) -> Float64Array:
    """Return n cross-entropy penalties from low to high, evenly spaced in their logarithm; one alone is ``low``.

    Examples
    --------
    >>> penalties(3).round(3).tolist()
    [0.1, 1.0, 10.0]
    """
    if n < 1 or not 0 < low <= high < float("inf"):
        raise MeasurementError(f"expected at least one slot and 0 < low <= high, got {n}, {low}, {high}")
    values: Float64Array = np.exp(np.linspace(np.log(low), np.log(high), n))
    return values


def costs(pool: Evaluated, weights: Float64Array) -> Float64Array:
    """Return ``-target + X * cross_entropy`` of every prompt in every slot, (n_slots, n)."""
    found: Float64Array = -pool.target[None, :] + weights[:, None] * pool.cross_entropy[None, :]
    return found


def select(pool: Evaluated, weights: Float64Array) -> Int32Array:
    """Return for each slot the index of its best prompt; of equals the first."""
    best: Int32Array = costs(pool, weights).argmin(axis=1).astype(np.int32)
    return best


def frontier(pool: Evaluated) -> Int32Array:
    """Return the indices of the prompts that none beats in both numbers, by rising cross-entropy (and so, target)."""
    unbeaten = np.flatnonzero(pareto_front(pool.target, -pool.cross_entropy))
    _, first = np.unique(pool.cross_entropy[unbeaten], return_index=True)  # children may repeat parents
    found: Int32Array = unbeaten[first].astype(np.int32)
    return found
