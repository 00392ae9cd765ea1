"""Is steerability a property of the behaviour or of the model?

Question: does a behaviour that one model is easily steered to steer another one, too?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (.77 in
distribution, .59 out of it).
Formula: Spearman's rank correlation over data sets of the steerability in one model with that in another.
Unit: Spearman correlation. Range: [-1, 1]; chance is 0.
Convention: Fisher's interval over data sets, which are taken as independent.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import correlation_score
from pysteer.score import Score
from pysteer.statistics import spearman


@metrics.register(
    "cross_model_correlation",
    needs=("steerability_a", "steerability_b"),
    better="higher",
    unit="Spearman correlation",
    theme="reliability",
    version=1,
)
def cross_model_correlation(
    steerability_a: npt.ArrayLike,
    steerability_b: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Rank correlation over data sets of steerability in two models.

    Parameters
    ----------
    steerability_a, steerability_b : float, shape (n_datasets,)
        Dataset steerability in either model, in the same order; at least four data sets.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Fisher's interval.

    Raises
    ------
    MeasurementError
        Fewer than four data sets, unequal lengths, all values alike, one that is not finite, or SciPy is not installed.

    Examples
    --------
    >>> cross_model_correlation([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]).value
    -1.0
    """
    return correlation_score(
        "cross_model_correlation",
        spearman(steerability_a, steerability_b, confidence=confidence),
        model_hash=model_hash,
        data_hash=data_hash,
    )
