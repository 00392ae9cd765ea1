"""Does the judge put the texts in the right order?

Question: is a small local model good enough as a judge? Ask it about texts whose rating is known.
Source: Spearman 1904; an addition to arXiv:2602.04903, whose judge is not checked.
Formula: Spearman's rank correlation of the judge's ratings with the known ones.
Unit: correlation. Range: [-1, 1]; 1 is best; chance is 0.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.rating_scales import readable_pairs
from pysteer.metrics.scores import correlation_score
from pysteer.score import Score
from pysteer.statistics import spearman


@metrics.register(
    "judge_agreement",
    needs=("ratings", "key_ratings"),
    better="higher",
    unit="Spearman correlation",
    theme="judge",
    version=1,
)
def judge_agreement(
    ratings: npt.ArrayLike,
    key_ratings: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Rank correlation of the judge's ratings with known ones.

    Parameters
    ----------
    ratings, key_ratings : float, shape (n_texts,)
        The judge's, NaN where none could be read, and the known ones. At least four pairs.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Fisher's interval.

    Returns
    -------
    Score
        ``failures`` are texts without a rating, which are not in n.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than four pairs, all ratings alike, or SciPy is not installed.

    Examples
    --------
    >>> judge_agreement([1.0, 2.0, 2.5, 5.0], [1.0, 2.0, 4.0, 5.0]).value
    1.0
    """
    ours, key, failures = readable_pairs(ratings, key_ratings, what=("ratings", "key_ratings"))
    return correlation_score(
        "judge_agreement",
        spearman(ours, key, confidence=confidence),
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
