"""How often is the generated answer right, when no readable answer counts as wrong?

Question: what does the user of the steered model get? A model that forgets how to answer is as useless as a wrong one.
Source: "Mind the Performance Gap", arXiv:2602.04903. Parsing: `pysteer.metrics.answer_tags`.
Formula: mean over items of 1 where the letter in the first ``<answer>`` tags is the right one.
Unit: share of items. Range: [0, 1]; chance is below one over the number of choices by the share that is not readable.
Convention: an unreadable answer is a miss and stays in n; `answer_miss_rate` counts them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.metrics.answer_tags import answer_hits
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


@metrics.register(
    "answer_accuracy",
    needs=("texts", "gold_letters"),
    better="higher",
    unit="share of items",
    theme="capability",
    version=1,
)
def answer_accuracy(
    texts: Sequence[str],
    gold_letters: Sequence[str],
    *,
    letters: str = "ABCD",
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items answered right; an unreadable answer is wrong.

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
    >>> answer_accuracy(["<answer>B</answer>", "It is B."], ["B", "B"]).value
    0.5
    """
    hits = np.nan_to_num(answer_hits(texts, gold_letters, letters=letters), nan=0.0)
    return share_score("answer_accuracy", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
