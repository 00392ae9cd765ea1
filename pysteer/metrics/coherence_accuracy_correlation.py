"""Does the steered model get questions wrong because it no longer makes sense?

Question: do incoherent responses and wrong answers go together?
Source: "Mind the Performance Gap", arXiv:2602.04903 (.302 and .307 over instances, .977 and .994 over arm means, for
two models). Both levels and both correlations: `coherence_correlations`.
Formula: Pearson's correlation over responses of the judge's coherence with 1 (right) or 0 (wrong).
Unit: correlation. Range: [-1, 1]; chance is 0.
Convention: Fisher's interval takes responses as independent; several to one question are not: `coherence_correlations`
draws whole questions.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.rating_scales import readable_pairs
from pysteer.metrics.scores import correlation_score
from pysteer.score import Score
from pysteer.statistics import pearson


@metrics.register(
    "coherence_accuracy_correlation",
    needs=("coherence", "accuracy"),
    better="neither",
    unit="correlation",
    theme="trade-off",
    version=1,
)
def coherence_accuracy_correlation(
    coherence: npt.ArrayLike,
    accuracy: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Correlation of coherence with being right, over responses.

    Parameters
    ----------
    coherence : float, shape (n,)
        Rating of each response; NaN where none could be read. At least four that could.
    accuracy : float, shape (n,)
        1 where the same response is right, else 0.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Fisher's interval.

    Returns
    -------
    Score
        ``failures`` are responses without a rating, which are not in n.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than four responses, all alike in one of the two, or SciPy is not installed.

    Examples
    --------
    >>> round(coherence_accuracy_correlation([5.0, 4.0, 2.0, 1.0], [1.0, 1.0, 0.0, 0.0]).value, 3)
    0.949
    """
    ratings, hits, failures = readable_pairs(coherence, accuracy, what=("coherence", "accuracy"))
    return correlation_score(
        "coherence_accuracy_correlation",
        pearson(ratings, hits, confidence=confidence),
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
