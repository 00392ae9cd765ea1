"""How often does the model pick the answer that matches the behaviour?

Question: does the model, steered or not, act as the behaviour says, on multiple-choice items?
Source: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189 (share of held-out items).
Formula: mean over items of 1 where the matching choice alone is the most probable one: `choice_accuracy` with what the
behaviour wants in place of what is true.
Unit: share of items. Range: [0, 1]; one over the number of choices where the model does not care.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.choices import check_choices, is_best
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


@metrics.register(
    "choice_behaviour_rate",
    needs=("log_probs", "answers"),
    better="higher",
    unit="share of items",
    theme="behaviour",
    version=1,
)
def choice_behaviour_rate(
    log_probs: npt.ArrayLike,
    answers: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items whose matching choice is the most probable one.

    Parameters
    ----------
    log_probs : float, shape (n_items, n_choices)
        Of each choice, summed over its tokens; ``-inf`` where an item has no such choice.
    answers : int, shape (n_items,)
        Index of the choice that matches the behaviour.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        As `check_choices`.

    Examples
    --------
    >>> choice_behaviour_rate([[-1.0, -2.0], [-3.0, -0.1]], [0, 0]).value
    0.5
    """
    values, matching = check_choices(log_probs, answers)
    return share_score(
        "choice_behaviour_rate",
        is_best(values, matching),
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
    )
