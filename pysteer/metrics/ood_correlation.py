"""Does a data set that is steerable in its own setting stay so under another prompt?

Question: can one tell from a test in distribution which vectors will generalise?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (.89 and
.69 for two models).
Formula: Spearman's rank correlation over data sets of steerability where vector and test have the same prompt setting
with steerability where they differ.
Unit: Spearman correlation. Range: [-1, 1]; chance is 0.
Convention: Fisher's interval over data sets, which are taken as independent. All settings:
`pysteer.metrics.shift_table`.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import correlation_score
from pysteer.score import Score
from pysteer.statistics import spearman


@metrics.register(
    "ood_correlation",
    needs=("id_steerability", "ood_steerability"),
    better="higher",
    unit="Spearman correlation",
    theme="reliability",
    version=1,
)
def ood_correlation(
    id_steerability: npt.ArrayLike,
    ood_steerability: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Rank correlation over data sets of steerability in and out of distribution.

    Parameters
    ----------
    id_steerability, ood_steerability : float, shape (n_datasets,)
        Dataset steerability, in the same order; at least four data sets.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Fisher's interval.

    Raises
    ------
    MeasurementError
        Fewer than four data sets, unequal lengths, all values alike, one that is not finite, or SciPy is not installed.

    Examples
    --------
    >>> ood_correlation([1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.1, 3.0]).value
    1.0
    """
    return correlation_score(
        "ood_correlation",
        spearman(id_steerability, ood_steerability, confidence=confidence),
        model_hash=model_hash,
        data_hash=data_hash,
    )
