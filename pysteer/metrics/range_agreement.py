"""Does the choice of multipliers change which items count as steerable?

Question: would a narrower range of coefficients have given the same ranking?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (ranges up
to 0.5, 1 and 1.5). All ranges: `pysteer.metrics.multiplier_ranges`.
Formula: Spearman's rank correlation over items of the slope within the narrowest range with that over all coefficients.
Unit: Spearman correlation. Range: [-1, 1]; 1: the range does not matter.
Convention: the narrowest range is the smallest ``|c|`` that leaves two different coefficients. Both slopes share
measurements, so items without any slope do not give 0 but a positive number.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.multiplier_ranges import multiplier_ranges
from pysteer.metrics.scores import correlation_score
from pysteer.score import Score
from pysteer.statistics import spearman


@metrics.register(
    "range_agreement",
    needs=("coefficients", "propensities"),
    better="higher",
    unit="Spearman correlation",
    theme="reliability",
    version=1,
)
def range_agreement(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Rank correlation of slopes over a narrow range with those over all coefficients.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Fisher's interval.

    Raises
    ------
    MeasurementError
        As `slopes`; fewer than four items, all slopes alike, or SciPy is not installed.

    Examples
    --------
    >>> lines = [[-0.2, -0.1, 0.1, 0.2], [-2.0, -1.0, 1.0, 2.0], [3.0, 2.0, -2.0, -3.0], [0.0, 0.0, 0.0, 0.0]]
    >>> range_agreement([-2.0, -1.0, 1.0, 2.0], lines).value
    1.0
    """
    per_range = multiplier_ranges(coefficients, propensities).slopes
    return correlation_score(
        "range_agreement",
        spearman(per_range[0], per_range[-1], confidence=confidence),
        model_hash=model_hash,
        data_hash=data_hash,
    )
