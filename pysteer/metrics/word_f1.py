"""How many words does the answer share with the right one?

Question: as `exact_match`, with credit for what is partly right.
Source: "Comparing Bottom-Up and Top-Down Steering Approaches on In-Context Learning Tasks", arXiv:2411.07213, after
Todd et al. 2023, arXiv:2310.15213. Rajpurkar et al. 2016, arXiv:1606.05250.
Formula: mean of ``2 p r / (p + r)``, p and r the shares of the answer's and of the target's words that the other has,
too, each word as often as it stands there; 0 where they share none.
Unit: F1. Range: [0, 1].
Convention: the answer is the first run of letters, digits, blanks and full stops (`pysteer.metrics.answer_text`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pysteer.metrics.answer_text import best_of
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score
from pysteer.score import Score


def _f1(answer: list[str], target: list[str]) -> float:
    n_common = (Counter(answer) & Counter(target)).total()
    return 2.0 * n_common / (len(answer) + len(target))


@metrics.register(
    "word_f1",
    needs=("texts", "targets"),
    better="higher",
    unit="F1",
    theme="text quality",
    version=1,
)
def word_f1(
    texts: Sequence[str],
    targets: Sequence[str | Sequence[str]],
    *,
    keep_case: bool = False,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean F1 of the words of answer and target.

    Parameters
    ----------
    texts : sequence of str
        What the model wrote.
    targets : sequence of str, or of sequences of str
        Right answer to each; of several right ones the best counts.
    keep_case : bool
        Upper and lower case differ: for tasks that ask for capitals.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        No text, unequal lengths, something else than texts, or a target without a word (articles count as words where
        there is no other). Also a single text.

    Examples
    --------
    >>> word_f1(["red car", "blue"], ["red bus", "blue"], seed=0).per_example
    array([0.5, 1. ])
    """
    per_text = best_of(texts, targets, _f1, keep_case=keep_case)
    return mean_score("word_f1", per_text, seed=seed, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
