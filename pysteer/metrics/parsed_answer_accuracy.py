"""How often is the generated answer right, among those that can be read?

Question: did steering take away the knowledge, or only the form of the answer? Read it next to `answer_miss_rate`:
where many answers are missing, the ones that are left are a selection.
Source: an addition to "Mind the Performance Gap", arXiv:2602.04903. Parsing: `pysteer.metrics.answer_tags`.
Formula: mean of 1 where the letter is right, over items with a readable letter.
Unit: share of readable answers. Range: [0, 1]; chance is one over the number of choices.
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.answer_tags import answer_hits
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score, without_failures
from pysteer.score import Score


@metrics.register(
    "parsed_answer_accuracy",
    needs=("texts", "gold_letters"),
    better="higher",
    unit="share of readable answers",
    theme="capability",
    version=1,
)
def parsed_answer_accuracy(
    texts: Sequence[str],
    gold_letters: Sequence[str],
    *,
    letters: str = "ABCD",
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of readable answers that are right.

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

    Returns
    -------
    Score
        ``failures`` are the unreadable answers, which are not in n.

    Raises
    ------
    MeasurementError
        As `answer_hits`, or no answer can be read.

    Examples
    --------
    >>> score = parsed_answer_accuracy(["<answer>B</answer>", "It is B."], ["B", "B"])
    >>> score.value, score.failures
    (1.0, 1)
    """
    hits, failures = without_failures(answer_hits(texts, gold_letters, letters=letters), what="parsed_answer_accuracy")
    return share_score(
        "parsed_answer_accuracy",
        hits,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
