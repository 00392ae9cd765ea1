"""A control: what pairs of this kind give when nobody says which side is the positive one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.errors import ShapeError
from pysteer.extractors.extractor import differences, extractors


@extractors.register("shuffled_labels", seed="pairs")
def shuffled_labels(positive: Float32Array, negative: Float32Array, *, seed: Sequence[int]) -> Direction:
    """Control: mean difference with both sides swapped in half of the pairs, scaled to the norm of the true one.

    Which half is drawn at random (rounded down), so that what all pairs have in common cancels, and what is left is the
    differences between them. The draw is the same at every site: it is the pairs that are mislabelled.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units. At least two pairs.
    seed : sequence of int
        Of the draw.

    Returns
    -------
    float32, shape (d_model,)
        Neither end of it is the positive one.

    Raises
    ------
    ShapeError
        Fewer than two pairs, or nothing is left of the mean after swapping. Also as `mean_difference`.
    """
    deltas = differences(positive, negative)
    n_pairs = len(deltas)
    signs = np.ones(n_pairs)
    signs[np.random.default_rng(seed).permutation(n_pairs)[: n_pairs // 2]] = -1.0
    mean = signs @ deltas / n_pairs
    norm = np.linalg.norm(mean)
    if n_pairs < 2 or norm <= 1e-12 * np.abs(deltas).max():
        raise ShapeError(
            f"shuffled_labels swaps half of the pairs, and with {n_pairs} that differ alike nothing is left; "
            "use more pairs, or the control 'random'"
        )
    return np.asarray(mean * (np.linalg.norm(deltas.mean(axis=0)) / norm), dtype=np.float32)
