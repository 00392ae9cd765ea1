"""How often is the right ending the most probable one for its length?

Question: common-sense completion (HellaSwag, PIQA) where the endings differ in length, so that their summed
log-probabilities favour the short ones.
Source: Zellers et al. 2019, arXiv:1905.07830 (data); normalising by the length in bytes is the habit of evaluation
harnesses (``acc_norm``), so that the number does not depend on the tokenizer.
Formula: mean over items of 1 where ``log p(c) / bytes(c)`` is largest for the right choice. A tie is a miss.
Unit: share of items. Range: [0, 1]; chance is one over the number of choices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.choices import check_choices, is_best
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score
from pysteer.statistics import finite_values


@metrics.register(
    "completion_accuracy",
    needs=("log_probs", "lengths", "answers"),
    better="higher",
    unit="share of items",
    theme="capability",
    version=1,
)
def completion_accuracy(
    log_probs: npt.ArrayLike,
    lengths: npt.ArrayLike,
    answers: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items whose right ending is the most probable one per byte.

    Parameters
    ----------
    log_probs : float, shape (n_items, n_choices)
        Of each ending given the context, summed over its tokens; ``-inf`` where an item has no such ending.
    lengths : int, shape (n_items, n_choices)
        Bytes of each ending in UTF-8, at least 1 (any where there is no such ending).
    answers : int, shape (n_items,)
        Index of the right ending.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        As `check_choices`, or a length that is not positive.

    Examples
    --------
    >>> completion_accuracy([[-4.0, -6.0]], [[2, 6]], [1]).value  # -2 against -1 a byte
    1.0
    """
    values, right = check_choices(log_probs, answers)
    sizes = finite_values(lengths, n_dims=2, what="lengths")
    if sizes.shape != values.shape:
        raise MeasurementError(f"lengths: expected the shape of log_probs, {values.shape}, got {sizes.shape}")
    if (sizes[np.isfinite(values)] <= 0.0).any():
        raise MeasurementError("lengths: expected at least one byte for every ending")
    per_byte = np.where(np.isfinite(values), values / np.maximum(sizes, 1.0), -np.inf)
    return share_score(
        "completion_accuracy",
        is_best(per_byte, right),
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
    )
