"""Is the first token of the answer among the k most probable ones?

Question: does a steered model do the task, read off its probabilities? And: which questions does it solve with examples
in the prompt (`solved`), so that only these are asked of the steered model?
Source: Todd et al. 2023, arXiv:2310.15213 (top-1, 2, 3).
Formula: mean over items of ``1[rank < k]``, rank the number of tokens that are more probable.
Unit: share of items. Range: [0, 1].
Convention: an answer of several tokens counts by its first; where that is a bare blank the rank says nothing about it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.metrics.token_ranks import check_ranks
from pysteer.score import Score


def solved(ranks: npt.ArrayLike, *, k: int = 1) -> npt.NDArray[np.bool_]:
    """Return which items have a rank below k, (n_items,): the filter for items that are solved with examples."""
    if k < 1:
        raise MeasurementError(f"k: expected at least 1, got {k}")
    is_solved: npt.NDArray[np.bool_] = check_ranks(ranks, what="ranks") < k
    return is_solved


@metrics.register(
    "top_k_accuracy",
    needs=("ranks",),
    better="higher",
    unit="share of items",
    theme="text quality",
    version=1,
)
def top_k_accuracy(
    ranks: npt.ArrayLike,
    *,
    k: int = 1,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items whose first answer token has a rank below k.

    Parameters
    ----------
    ranks : int, shape (n_items,)
        How many tokens are more probable than the answer's first one; 0 is best.
    k : int
        At least 1.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        No item, a rank that is not a whole number of at least 0, or k below 1.

    Examples
    --------
    >>> top_k_accuracy([0, 2, 5], k=3).value.__round__(3)
    0.667
    """
    hits = solved(ranks, k=k)
    return share_score("top_k_accuracy", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
