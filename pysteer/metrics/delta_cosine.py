"""Do the pairs of a data set agree on a direction?

Question: is there one direction behind the differences, before anything is steered? Read off one pass over the data.
Source: concept metrics of the code of Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering
Vectors", arXiv:2407.12404. Further numbers: `pysteer.metrics.dispersion`.
Formula: mean over all pairs i < j of ``cos(d_i, d_j)``, d the positive minus the negative activation.
Unit: cosine. Range: [-1/(n-1), 1]; 1: all point the same way; chance is 0.
Convention: the interval is a jackknife over contrast pairs, because drawing a pair twice would count it as similar to
itself.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.dispersion import mean_cosines
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import jackknife


@metrics.register(
    "delta_cosine",
    needs=("deltas",),
    better="higher",
    unit="cosine",
    theme="reliability",
    version=1,
)
def delta_cosine(
    deltas: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean cosine between the differences of two contrast pairs.

    Parameters
    ----------
    deltas : float, shape (n_pairs, d_model)
        Positive minus negative activation; at least three pairs, none of length 0.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; jackknife interval.

    Returns
    -------
    Score
        ``per_example`` holds each pair's mean cosine with the others.

    Raises
    ------
    MeasurementError
        Fewer than three pairs, a delta of length 0, a value that is not finite, or SciPy is not installed.

    Examples
    --------
    >>> round(delta_cosine([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]]).value, 6)
    0.333333
    """
    with_others = mean_cosines(deltas)
    n, value = with_others.size, float(with_others.mean())
    # Without pair i its n - 1 cosines are gone from the n (n - 1) / 2.
    without = (n * value - 2.0 * with_others) / (n - 2)
    interval = jackknife(value, without, confidence=confidence)
    return score_of("delta_cosine", interval, with_others, seed=None, model_hash=model_hash, data_hash=data_hash)
