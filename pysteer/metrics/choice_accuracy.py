"""How often is the right choice the most probable one?

Question: does the model, steered or not, still know the answer (MMLU, TruthfulQA, ARC), read off its probabilities
without generating anything? For two-answer items: how often does it prefer the wanted answer?
Source: Tan et al. 2024, arXiv:2407.12404 (``1[log p(y+) > log p(y-)]``); Hendrycks et al. 2021, arXiv:2009.03300.
Formula: mean over items of 1 where ``log p(right) > log p(c)`` for every other choice ``c``. A tie is a miss.
Unit: share of items. Range: [0, 1]; chance is one over the number of choices.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.choices import check_choices, is_best
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


@metrics.register(
    "choice_accuracy",
    needs=("log_probs", "answers"),
    better="higher",
    unit="share of items",
    theme="capability",
    version=1,
)
def choice_accuracy(
    log_probs: npt.ArrayLike,
    answers: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items whose right choice is the most probable one.

    Parameters
    ----------
    log_probs : float, shape (n_items, n_choices)
        Of each choice, summed over its tokens; ``-inf`` where an item has no such choice.
    answers : int, shape (n_items,)
        Index of the right choice.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        As `check_choices`.

    Examples
    --------
    >>> choice_accuracy([[-1.0, -2.0], [-3.0, -0.1]], [0, 0]).value
    0.5
    """
    values, right = check_choices(log_probs, answers)
    return share_score(
        "choice_accuracy", is_best(values, right), confidence=confidence, model_hash=model_hash, data_hash=data_hash
    )
