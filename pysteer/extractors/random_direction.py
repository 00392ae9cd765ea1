"""A control: what any push of this size does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.extractors.extractor import differences, extractors


@extractors.register("random", from_means=True, seed="site")
def random_direction(positive: Float32Array, negative: Float32Array, *, seed: Sequence[int]) -> Direction:
    """Control: a random direction, uniform over the sphere, with the norm of the mean difference.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Only the norm of their mean difference is used. Residual-stream units.
    seed : sequence of int
        The same seed gives the same direction, whatever the norm.

    Returns
    -------
    float32, shape (d_model,)
        Neither end of it is the positive one. Use ten seeds or more: the spread over them is the null distribution.

    Raises
    ------
    ShapeError
        As `mean_difference`, or the mean difference is zero.
    """
    norm = np.linalg.norm(differences(positive, negative).mean(axis=0))
    drawn = np.random.default_rng(seed).standard_normal(positive.shape[1])
    return np.asarray(drawn * (norm / np.linalg.norm(drawn)), dtype=np.float32)
