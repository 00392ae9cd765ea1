"""How much of the choices' probability lies on the right one?

Question: as `choice_accuracy`, but graded: an answer that wins narrowly counts less than a sure one.
Source: Tan et al. 2024, arXiv:2407.12404 (normalised positive probability); Rimsky et al. 2023, arXiv:2312.06681
(``p(match) / (p(A) + p(B))``, averaged over items).
Formula: mean over items of ``p(right) / sum_c p(c)``, with the largest log-probability taken off before ``exp``, so
that answers of any length keep their digits.
Unit: probability. Range: [0, 1]; one over the number of choices where the model has no preference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.metrics.choices import check_choices
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score
from pysteer.score import Score


def normalised_probabilities(log_probs: Float64Array) -> Float64Array:
    """Return ``p(c) / sum p`` of each choice, (n_items, n_choices), from their log-probabilities."""
    weights = np.exp(log_probs - log_probs.max(axis=1, keepdims=True))
    result: Float64Array = weights / weights.sum(axis=1, keepdims=True)
    return result


@metrics.register(
    "choice_probability",
    needs=("log_probs", "answers"),
    better="higher",
    unit="probability",
    theme="behaviour",
    version=1,
)
def choice_probability(
    log_probs: npt.ArrayLike,
    answers: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean probability of the right choice, normalised over the choices.

    Parameters
    ----------
    log_probs : float, shape (n_items, n_choices)
        Of each choice, summed over its tokens; ``-inf`` where an item has no such choice. At least two items.
    answers : int, shape (n_items,)
        Index of the right (or wanted) choice.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        As `check_choices`, or a single item.

    Examples
    --------
    >>> choice_probability([[-1000.0, -1000.0], [-5.0, -5.0]], [0, 1], seed=0).value
    0.5
    """
    values, right = check_choices(log_probs, answers)
    probabilities = normalised_probabilities(values)[np.arange(len(right)), right]
    return mean_score(
        "choice_probability",
        probabilities,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
    )
