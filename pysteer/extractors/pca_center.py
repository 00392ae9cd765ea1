"""repeng's alternative: principal component of both sides, centred on the middle of their pair."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.extractors.extractor import differences, extractors
from pysteer.extractors.principal_component import first_component, toward_positive


@extractors.register("pca_center")
def pca_center(positive: Float32Array, negative: Float32Array) -> Direction:
    """First principal component of both sides, each centred on the middle of its pair, as repeng computes it.

    A pair's centred sides are plus and minus half its difference. So this is the direction of ``pca``; the rule for the
    sign is another.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units.

    Returns
    -------
    float32, shape (d_model,)
        Norm 1. The positive side projects above the negative one in most pairs (repeng's rule); where the pairs are
        split evenly, by the mean projection.

    Raises
    ------
    ShapeError
        As `pca`.

    References
    ----------
    repeng, ``ControlVector.train(method="pca_center")``.
    """
    deltas = differences(positive, negative)
    direction = first_component(deltas)
    return toward_positive(direction, float(np.sign(deltas @ direction).sum()), deltas)
