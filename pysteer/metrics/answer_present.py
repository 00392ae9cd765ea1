"""Does the right answer stand anywhere in the text?

Question: as `first_word_match`, for texts that say more than the answer.
Source: "Comparing Bottom-Up and Top-Down Steering Approaches on In-Context Learning Tasks", arXiv:2411.07213, after
Todd et al. 2023, arXiv:2310.15213. There a target of several words can never match, because it is looked for in a list
of single words; here its words have to stand in the text one after the other.
Formula: mean of 1 where the normalised words of a target are a run of the normalised words of the whole text.
Unit: share of texts. Range: [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.answer_text import best_of
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score
from pysteer.score import Score


def _holds(text: list[str], target: list[str]) -> float:
    return float(any(text[i : i + len(target)] == target for i in range(len(text) - len(target) + 1)))


@metrics.register(
    "answer_present",
    needs=("texts", "targets"),
    better="higher",
    unit="share of texts",
    theme="text quality",
    version=1,
)
def answer_present(
    texts: Sequence[str],
    targets: Sequence[str | Sequence[str]],
    *,
    keep_case: bool = False,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of texts that hold a target.

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
    >>> answer_present(["She lives in New York, I think.", "In Newark."], ["New York", "New York"]).value
    0.5
    """
    hits = best_of(texts, targets, _holds, keep_case=keep_case, is_whole=True)
    return share_score("answer_present", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
