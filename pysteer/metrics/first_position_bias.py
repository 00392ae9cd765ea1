"""How much does a judge favour the text that is shown first?

Question: as `swap_consistency`, with the direction of the bias, and for judges whose preferences are close to 1/2.
Source: Zheng et al. 2023, arXiv:2306.05685 (position bias of judges).
Formula: mean over pairs of ``(p + p') / 2 - 1/2``, p and p' the probabilities that the text shown first is preferred,
in the one order and in the other; without a bias they add up to 1.
Unit: probability. Range: [-1/2, 1/2]; 0 is best; 1/2 always takes the first text.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.rating_scales import readable_preferences
from pysteer.metrics.scores import mean_score
from pysteer.score import Score


@metrics.register(
    "first_position_bias",
    needs=("preferences", "swapped_preferences"),
    better="neither",
    unit="probability",
    theme="judge",
    version=1,
)
def first_position_bias(
    preferences: npt.ArrayLike,
    swapped_preferences: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean excess probability of the text shown first.

    Parameters
    ----------
    preferences : float, shape (n_pairs,)
        Probability in [0, 1] that the judge prefers the text shown first; NaN where it could not be read.
    swapped_preferences : float, shape (n_pairs,)
        The same with the two texts swapped: of the text that is now shown first.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``failures`` are pairs of which one is NaN, which are not in n.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than two pairs that could be read, or a value outside [0, 1].

    Examples
    --------
    >>> round(first_position_bias([0.9, 0.8], [0.2, 0.7], seed=0).value, 3)
    0.15
    """
    first, second, failures = readable_preferences(preferences, swapped_preferences)
    return mean_score(
        "first_position_bias",
        (first + second) / 2.0 - 0.5,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
