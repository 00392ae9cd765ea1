"""How many contrast pairs are enough?

Question: from which number of pairs on does a mean-difference vector hardly change any more? Read off one pass over the
data, without extracting it again and again.
Source: a prediction of our own for the diminishing returns at about 80 pairs in arXiv:2505.03189. The measured curve:
`pysteer.metrics.sample_efficiency`.
Formula: a mean of n differences has a cosine with the true mean of about ``1/sqrt(1 + r/n)``, ``r = tr(S)/|mu|^2``, S
their covariance; so cosine c needs ``n = r c^2/(1 - c^2)`` pairs.
Unit: contrast pairs. Range: (0, inf).
Convention: ``|mu|^2`` is the mean dot product of different differences, without the bias of scatter. The interval is a
jackknife over pairs, of the logarithm.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.sample_efficiency import noise_ratio, noise_ratios_without, pairs_for_cosine
from pysteer.metrics.scores import exponential, score_of
from pysteer.score import Score
from pysteer.statistics import jackknife


@metrics.register(
    "predicted_knee",
    needs=("deltas",),
    better="lower",
    unit="contrast pairs",
    theme="trade-off",
    version=1,
)
def predicted_knee(
    deltas: npt.ArrayLike,
    *,
    cosine: float = 0.95,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Number of contrast pairs at which the vector's cosine with the true one reaches a target.

    Parameters
    ----------
    deltas : float, shape (n_pairs, d_model)
        Positive minus negative activation; at least three pairs.
    cosine : float
        Target, between 0 and 1.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; jackknife interval.

    Returns
    -------
    Score
        ``per_example`` holds the squared distance of each difference from their mean.

    Raises
    ------
    MeasurementError
        Fewer than three pairs, a value that is not finite, a target out of range, differences without a common
        direction (their mean dot product is not positive, with all pairs or without one), or SciPy is not installed.

    Examples
    --------
    >>> round(predicted_knee([[1.0, 1.0], [1.0, -1.0], [1.0, 0.5], [1.0, -0.5]]).value, 2)
    9.74
    """
    per_pair = np.log(pairs_for_cosine(1.0, cosine))
    without = np.log(noise_ratios_without(deltas)) + per_pair
    interval = jackknife(float(np.log(noise_ratio(deltas)) + per_pair), without, confidence=confidence)
    rows = np.asarray(deltas, dtype=np.float64)
    distances = ((rows - rows.mean(axis=0)) ** 2).sum(axis=1)
    return score_of(
        "predicted_knee", exponential(interval), distances, seed=None, model_hash=model_hash, data_hash=data_hash
    )
