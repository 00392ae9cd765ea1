"""How near to the top of the vocabulary is the first token of the answer?

Question: as `top_k_accuracy`, without a k: steering that lifts the answer from rank 1000 to 3 shows.
Source: mean reciprocal rank (Voorhees 1999); the ranks of Todd et al. 2023, arXiv:2310.15213.
Formula: mean over items of ``1 / (rank + 1)``, rank the number of tokens that are more probable.
Unit: reciprocal rank. Range: (0, 1]; 1 is best; chance is about ln(V)/V for V tokens.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score
from pysteer.metrics.token_ranks import check_ranks
from pysteer.score import Score


@metrics.register(
    "reciprocal_rank",
    needs=("ranks",),
    better="higher",
    unit="reciprocal rank",
    theme="text quality",
    version=1,
)
def reciprocal_rank(
    ranks: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean of one over the place of the first answer token.

    Parameters
    ----------
    ranks : int, shape (n_items,)
        How many tokens are more probable than the answer's first one; 0 is best.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        No item or one, or a rank that is not a whole number of at least 0.

    Examples
    --------
    >>> reciprocal_rank([0, 1], seed=0).value
    0.75
    """
    return mean_score(
        "reciprocal_rank",
        1.0 / (check_ranks(ranks, what="ranks") + 1.0),
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
    )
