"""Written answers as numbers, one for each question and arm: right or not, how varied, how probable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.metrics.answer_present import answer_present
from pysteer.metrics.distinct_1 import distinct_1
from pysteer.metrics.distinct_2 import distinct_2
from pysteer.metrics.first_word_match import first_word_match
from pysteer.metrics.n_gram_entropy import n_gram_entropy
from pysteer.metrics.text_checks import words
from pysteer.metrics.word_f1 import word_f1
from pysteer.score import Score

MEASURES = (
    "first word",
    "F1",
    "answer present",
    "first-token rank",
    "probability",
    "n-gram entropy",
    "distinct-1",
    "distinct-2",
)
FLUENCY = ("n-gram entropy", "distinct-1", "distinct-2")


def measure_answers(
    texts: Sequence[Sequence[str]], targets: Sequence[str], first_tokens: Float64Array, *, keep_case: bool
) -> Float64Array:
    """Return all measures, (n_measures, n_items, n_arms); NaN where a text is too short for one.

    Parameters
    ----------
    texts : sequence of (sequence of str)
        ``texts[arm][item]``.
    targets : sequence of str
        At least two.
    first_tokens : float, shape (2, n_items, n_arms)
        Rank and probability of the answer's first token.
    keep_case : bool
        The task asks for capitals.
    """
    columns = []
    for place, arm in enumerate(texts):
        columns.append(
            np.stack(
                [
                    _values(first_word_match(arm, targets, keep_case=keep_case)),
                    _values(word_f1(arm, targets, keep_case=keep_case, seed=0)),
                    _values(answer_present(arm, targets, keep_case=keep_case)),
                    first_tokens[0, :, place],
                    first_tokens[1, :, place],
                    *fluency(arm),
                ]
            )
        )
    return np.stack(columns, axis=2)


def fluency(texts: Sequence[str]) -> list[Float64Array]:
    """Return n-gram entropy, bits, distinct-1 and distinct-2 of each text; NaN where it is too short."""
    found = []
    for metric, n_least in ((n_gram_entropy, 3), (distinct_1, 1), (distinct_2, 2)):
        values = np.full(len(texts), np.nan)
        long = [index for index, text in enumerate(texts) if len(words(text)) >= n_least]
        if len(long) > 1:
            values[long] = _values(metric([texts[index] for index in long], seed=0))
        found.append(values)
    return found


def _values(score: Score) -> Float64Array:
    return np.asarray(score.per_example, dtype=np.float64)
