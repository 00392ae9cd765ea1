"""How does a judge rate the texts?

Question: does the text show the behaviour, is it coherent?
Source: "Mind the Performance Gap", arXiv:2602.04903 (behaviour and coherence, 1 to 5); Rimsky et al. 2023,
arXiv:2312.06681 (0 to 10). Ratings come from `pysteer.metrics.rating_scales`: expected values over rating tokens, or
parsed texts.
Formula: mean of the ratings that could be read.
Unit: rating. Range: that of the scale (1-5, 0-10, 0-100).
Convention: texts whose rating could not be read are counted in ``failures``, never left out in silence.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.score import Score


@metrics.register(
    "mean_rating",
    needs=("ratings",),
    better="higher",
    unit="rating",
    theme="judge",
    version=1,
)
def mean_rating(
    ratings: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean rating of the texts that the judge rated.

    Parameters
    ----------
    ratings : float, shape (n_texts,)
        On one scale; NaN where no rating could be read. At least two that could.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``failures`` are the NaN, which are not in n.

    Raises
    ------
    MeasurementError
        Fewer than two ratings, or an infinite one.

    Examples
    --------
    >>> score = mean_rating([4.0, 2.0, float("nan")], seed=0)
    >>> score.value, score.failures
    (3.0, 1)
    """
    values, failures = without_failures(ratings, what="mean_rating")
    return mean_score(
        "mean_rating",
        values,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
