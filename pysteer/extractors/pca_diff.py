"""repeng's default: centred principal component of the differences."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.errors import ShapeError
from pysteer.extractors.extractor import differences, extractors
from pysteer.extractors.principal_component import first_component, toward_positive


@extractors.register("pca_diff")
def pca_diff(positive: Float32Array, negative: Float32Array) -> Direction:
    """First principal component of the differences after their mean is taken off, as repeng computes it.

    What all pairs have in common is what is taken off. The direction is along what differs *between* the differences,
    which is the behaviour only where its strength varies more than anything else; compare it with ``mean_difference``.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units. At least two pairs.

    Returns
    -------
    float32, shape (d_model,)
        Norm 1. The positive side projects above the negative one in most pairs (repeng's rule); where the pairs are
        split evenly, by the mean projection (repeng leaves the sign to chance).

    Raises
    ------
    ShapeError
        Fewer than two pairs, or all differences are the same: nothing is left after the mean. Also as `pca`.

    References
    ----------
    repeng, ``ControlVector.train(method="pca_diff")``; Zou et al. 2023, "Representation Engineering", arXiv:2310.01405.
    """
    deltas = differences(positive, negative)
    centred = deltas - deltas.mean(axis=0)
    # Rounding leaves specks of the mean; they must not become a direction.
    if len(deltas) < 2 or np.abs(centred).max() <= 1e-12 * np.abs(deltas).max():
        raise ShapeError(
            f"pca_diff takes the mean of the differences off, and with {len(deltas)} pairs nothing is left; "
            "use more pairs, or mean_difference, pca or pca_center"
        )
    direction = first_component(centred)
    return toward_positive(direction, float(np.sign(deltas @ direction).sum()), deltas)
