"""Does a judge prefer the same text whichever is shown first?

Question: can comparisons by this judge be believed?
Source: Zheng et al. 2023, arXiv:2306.05685 (position bias of judges).
Formula: mean over pairs of 1 where ``p > 1/2`` in one order and ``p < 1/2`` in the other, p the probability that the
text shown first is preferred; or where p is exactly 1/2 in both.
Unit: share of pairs. Range: [0, 1]; 1 is best; a judge that always takes the first text scores 0, one that guesses 1/2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.rating_scales import readable_preferences
from pysteer.metrics.scores import share_score
from pysteer.score import Score


@metrics.register(
    "swap_consistency",
    needs=("preferences", "swapped_preferences"),
    better="higher",
    unit="share of pairs",
    theme="judge",
    version=1,
)
def swap_consistency(
    preferences: npt.ArrayLike,
    swapped_preferences: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of pairs of which the same text is preferred in both orders.

    Parameters
    ----------
    preferences : float, shape (n_pairs,)
        Probability in [0, 1] that the judge prefers the text shown first; NaN where it could not be read.
    swapped_preferences : float, shape (n_pairs,)
        The same with the two texts swapped: of the text that is now shown first.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Returns
    -------
    Score
        ``failures`` are pairs of which one is NaN, which are not in n.

    Raises
    ------
    MeasurementError
        Unequal lengths, no pair that could be read, or a value outside [0, 1].

    Examples
    --------
    >>> swap_consistency([0.9, 0.8], [0.2, 0.7]).value
    0.5
    """
    first, second, failures = readable_preferences(preferences, swapped_preferences)
    return share_score(
        "swap_consistency",
        np.sign(first - 0.5) == -np.sign(second - 0.5),
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
