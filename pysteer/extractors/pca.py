"""The direction along which pairs differ most, with the differences not centred."""

from __future__ import annotations

from pysteer.arrays import Direction, Float32Array
from pysteer.extractors.extractor import differences, extractors
from pysteer.extractors.principal_component import first_component, toward_positive


@extractors.register("pca")
def pca(positive: Float32Array, negative: Float32Array) -> Direction:
    """First principal component of the differences and their negatives: the direction in which pairs differ most.

    Taking every difference with both signs makes their mean zero, so nothing is subtracted: pairs that all differ in
    the same way give that way, which a centred analysis would remove.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units.

    Returns
    -------
    float32, shape (d_model,)
        Norm 1. The mean projection of the differences is positive. With one pair: its difference, normalised.

    Raises
    ------
    ShapeError
        The arrays differ in shape, hold no pair, or all pairs are alike; or the differences cancel along the direction.

    References
    ----------
    steering-vectors' ``pca`` aggregator, as used for arXiv:2407.12404.

    Examples
    --------
    >>> import numpy as np
    >>> positive = np.array([[3.0, 0.0], [5.0, 0.5]], dtype=np.float32)
    >>> negative = np.array([[1.0, 0.0], [1.0, 0.5]], dtype=np.float32)
    >>> pca(positive, negative)
    array([1., 0.], dtype=float32)
    """
    deltas = differences(positive, negative)
    return toward_positive(first_component(deltas), 0.0, deltas)
