"""Contrastive activation addition: the average step from negative to positive."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.extractors.extractor import check_pairs, extractors


@extractors.register("mean_difference", from_means=True)
def mean_difference(positive: Float32Array, negative: Float32Array) -> Direction:
    """Average step from a pair's negative activation to its positive one.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units.

    Returns
    -------
    float32, shape (d_model,)
        Not normalised: adding it once moves the average negative activation onto the average positive one.
        Summed in float64.

    Raises
    ------
    ShapeError
        The arrays differ in shape, or hold no pair.

    References
    ----------
    Rimsky et al. 2023, "Steering Llama 2 via Contrastive Activation Addition", arXiv:2312.06681.

    Examples
    --------
    >>> positive = np.array([[3.0, 0.0], [5.0, 0.0]], dtype=np.float32)
    >>> negative = np.array([[1.0, 0.0], [1.0, 0.0]], dtype=np.float32)
    >>> mean_difference(positive, negative)
    array([3., 0.], dtype=float32)
    """
    check_pairs(positive, negative)
    mean: Direction = (positive.astype(np.float64) - negative).mean(axis=0).astype(np.float32)
    return mean
