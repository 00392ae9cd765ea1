"""By how much does a judge contradict itself when it is asked again?

Question: how small a difference between two ratings means nothing?
Source: test-retest reliability; an addition to arXiv:2602.04903, whose judge is asked once.
Formula: mean over texts of ``|first rating - second rating|``: other seeds, another wording, another order of examples.
Unit: rating. Range: [0, width of the scale]; 0 is best. A judge that rates at random on a scale from 0 to 1 scores 1/3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.rating_scales import readable_pairs
from pysteer.metrics.scores import mean_score
from pysteer.score import Score


@metrics.register(
    "repeat_difference",
    needs=("ratings", "repeated_ratings"),
    better="lower",
    unit="rating",
    theme="judge",
    version=1,
)
def repeat_difference(
    ratings: npt.ArrayLike,
    repeated_ratings: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean absolute difference between two ratings of the same text.

    Parameters
    ----------
    ratings, repeated_ratings : float, shape (n_texts,)
        On one scale; NaN where no rating could be read. At least two pairs that could.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``failures`` are pairs of which one is NaN, which are not in n.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than two pairs, or an infinite rating.

    Examples
    --------
    >>> repeat_difference([4.0, 2.0], [4.0, 3.0], seed=0).value
    0.5
    """
    first, second, failures = readable_pairs(ratings, repeated_ratings, what=("ratings", "repeated_ratings"))
    return mean_score(
        "repeat_difference",
        np.abs(first - second),
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
