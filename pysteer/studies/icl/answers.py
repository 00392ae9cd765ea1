"""Written answers as numbers, one for each question and arm: right or not, how varied, how probable.

A text that reached its number of tokens is a text, and so is an empty one. One that the model's context cut off, or had
no room for, is none: it has no numbers (NaN) and is counted, as it would else be taken for a wrong answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.generation import Generation
from pysteer.measurements.written_texts import STOPPED, stop_failures
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
UNFINISHED = ("context", "too long")
"""``stop_reason`` of texts that could not be written as far as was asked."""


def finished(text: Generation) -> str | None:
    """Return what was written, None where it could not be finished."""
    return None if text.stop_reason in UNFINISHED else text.text


def unfinished(texts: Sequence[Generation]) -> dict[str, int]:
    """Return how many texts could not be finished, by the reason in words; reasons that there were."""
    counts = stop_failures(texts)
    return {STOPPED[reason]: counts[STOPPED[reason]] for reason in UNFINISHED if counts[STOPPED[reason]]}


def measure_answers(
    texts: Sequence[Sequence[str | None]], targets: Sequence[str], first_tokens: Float64Array, *, keep_case: bool
) -> Float64Array:
    """Return all measures, (n_measures, n_items, n_arms); NaN where a text is too short for one, or is none.

    Parameters
    ----------
    texts : sequence of (sequence of str)
        ``texts[arm][item]``; None: it could not be finished.
    targets : sequence of str
        At least two.
    first_tokens : float, shape (2, n_items, n_arms)
        Rank and probability of the answer's first token.
    keep_case : bool
        The task asks for capitals.
    """
    columns = []
    for place, arm in enumerate(texts):
        said = [text or "" for text in arm]
        column = np.stack(
            [
                _values(first_word_match(said, targets, keep_case=keep_case)),
                _values(word_f1(said, targets, keep_case=keep_case, seed=0)),
                _values(answer_present(said, targets, keep_case=keep_case)),
                first_tokens[0, :, place],
                first_tokens[1, :, place],
                *fluency(said),
            ]
        )
        column[:, [text is None for text in arm]] = np.nan
        columns.append(column)
    return np.stack(columns, axis=2)


def fluency(texts: Sequence[str]) -> list[Float64Array]:
    """Return n-gram entropy, bits, distinct-1 and distinct-2 of each text; NaN where it is too short."""
    found = []
    for metric, n_least in ((n_gram_entropy, 3), (distinct_1, 1), (distinct_2, 2)):
        values = np.full(len(texts), np.nan)
        long = [index for index, text in enumerate(texts) if len(words(text)) >= n_least]
        if long:
            # A metric is a mean with an interval and wants two texts: a single one is given twice.
            asked = [texts[index] for index in long] if len(long) > 1 else [texts[long[0]]] * 2
            values[long] = _values(metric(asked, seed=0))[: len(long)]
        found.append(values)
    return found


def _values(score: Score) -> Float64Array:
    return np.asarray(score.per_example, dtype=np.float64)
