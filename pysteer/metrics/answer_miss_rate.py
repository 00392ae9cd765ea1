"""How often does the generated text hold no readable answer?

Question: is an accuracy low because the model is wrong, or because it no longer answers in the form it was asked for?
Source: "Mind the Performance Gap", arXiv:2602.04903, whose code counts such texts as "Miss". Parsing:
`pysteer.metrics.answer_tags`.
Formula: mean over items of 1 where there are no ``<answer>`` tags, or no letter of the choices stands first in them.
Unit: share of items. Range: [0, 1]; 0 is best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.metrics.answer_tags import answer_hits
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


@metrics.register(
    "answer_miss_rate",
    needs=("texts", "gold_letters"),
    better="lower",
    unit="share of items",
    theme="capability",
    version=1,
)
def answer_miss_rate(
    texts: Sequence[str],
    gold_letters: Sequence[str],
    *,
    letters: str = "ABCD",
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of texts without a readable answer.

    Parameters
    ----------
    texts : sequence of str
        What the model wrote.
    gold_letters : sequence of str
        Letter of each item's right choice.
    letters : str
        The choices.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        As `answer_hits`.

    Examples
    --------
    >>> answer_miss_rate(["<answer>B</answer>", "It is B."], ["B", "B"]).value
    0.5
    """
    misses = np.isnan(answer_hits(texts, gold_letters, letters=letters))
    return share_score("answer_miss_rate", misses, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
