"""How much of the steerability is left under another prompt?

Question: as `ood_correlation`, which a uniform loss does not touch.
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (.70 to
.98, by shift).
Formula: mean over data sets of steerability where prompt settings differ, over the mean where they are the same.
Unit: ratio. Range: unbounded; 1 where nothing is lost, 0 where nothing is left, negative where steering backfires.
Convention: ratio of means, because the mean of ratios is ruled by data sets that are hardly steerable at all. Data sets
are resampled, both numbers of one together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_ratio


@metrics.register(
    "ood_ratio",
    needs=("id_steerability", "ood_steerability"),
    better="higher",
    unit="ratio of steerabilities",
    theme="reliability",
    version=1,
)
def ood_ratio(
    id_steerability: npt.ArrayLike,
    ood_steerability: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean steerability out of distribution over that in distribution.

    Parameters
    ----------
    id_steerability, ood_steerability : float, shape (n_datasets,)
        Dataset steerability, in the same order; at least two data sets.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each data set's steerability out of distribution over the mean in distribution.

    Raises
    ------
    MeasurementError
        Fewer than two data sets, unequal lengths, or a mean in distribution whose interval holds 0.

    Examples
    --------
    >>> ood_ratio([1.0, 2.0, 3.0], [0.5, 1.0, 1.5], seed=0).value
    0.5
    """
    interval = bootstrap_ratio(ood_steerability, id_steerability, is_paired=True, seed=seed, confidence=confidence)
    inside, outside = np.asarray(id_steerability, np.float64), np.asarray(ood_steerability, np.float64)
    return score_of(
        "ood_ratio", interval, outside / inside.mean(), seed=seed, model_hash=model_hash, data_hash=data_hash
    )
