"""Does the answer begin with the right word?

Question: does a steered model do the task (antonym, capital, past tense), where what comes after the answer does not
matter?
Source: "Comparing Bottom-Up and Top-Down Steering Approaches on In-Context Learning Tasks", arXiv:2411.07213, after
Todd et al. 2023, arXiv:2310.15213.
Formula: mean of 1 where the first normalised word of the answer is that of a target. The answer is the first run of
letters, digits, blanks and full stops (`pysteer.metrics.answer_text`).
Unit: share of texts. Range: [0, 1].
Convention: two answers without a word do not match, other than in the source: a target without a word is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.answer_text import best_of
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


def _same_first_word(answer: list[str], target: list[str]) -> float:
    return float(answer[:1] == target[:1])


@metrics.register(
    "first_word_match",
    needs=("texts", "targets"),
    better="higher",
    unit="share of texts",
    theme="text quality",
    version=1,
)
def first_word_match(
    texts: Sequence[str],
    targets: Sequence[str | Sequence[str]],
    *,
    keep_case: bool = False,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of answers whose first word is the right one.

    Parameters
    ----------
    texts : sequence of str
        What the model wrote.
    targets : sequence of str, or of sequences of str
        Right answer to each; of several right ones the best counts.
    keep_case : bool
        Upper and lower case differ: for tasks that ask for capitals.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        No text, unequal lengths, something else than texts, or a target without a word (articles count as words where
        there is no other).

    Examples
    --------
    >>> first_word_match(["Unhappy people", "a glad cat"], ["unhappy", "sad"]).value
    0.5
    """
    hits = best_of(texts, targets, _same_first_word, keep_case=keep_case)
    return share_score("first_word_match", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
