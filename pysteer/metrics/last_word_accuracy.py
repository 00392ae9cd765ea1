"""Can the model still say the last word of a passage?

Question: does steering cost the use of a long context?
Source: Paperno et al. 2016, arXiv:1606.06031 (LAMBADA).
Formula: mean over passages of 1 where every token of the last word is the most probable one: what greedy decoding says.
Unit: share of passages. Range: [0, 1].
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.metrics.token_ranks import check_ranks
from pysteer.score import Score


@metrics.register(
    "last_word_accuracy",
    needs=("word_ranks",),
    better="higher",
    unit="share of passages",
    theme="capability",
    version=1,
)
def last_word_accuracy(
    word_ranks: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of passages whose last word greedy decoding says.

    Parameters
    ----------
    word_ranks : int, shape (n_items,)
        The worst rank among the tokens of the last word; 0 where each is the most probable one.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        No passage, or a rank that is not a whole number of at least 0.

    Examples
    --------
    >>> last_word_accuracy([0, 7]).value
    0.5
    """
    hits = check_ranks(word_ranks, what="word_ranks") == 0
    return share_score("last_word_accuracy", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
