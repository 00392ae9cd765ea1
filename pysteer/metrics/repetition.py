"""What share of a text has been said before in it?

Question: does the steered model loop? Loops are the usual end of too much steering.
Source: Welleck et al. 2019, arXiv:1908.04319 (seq-rep-4).
Formula: per text ``1 - different 4-grams / 4-grams``; then the mean.
Unit: share of 4-grams. Range: [0, 1); 0 where nothing is repeated. It grows with the length, so compare texts of one
length only.
Convention: words and punctuation marks as `pysteer.metrics.text_checks` splits them, in the case they have. A text of
fewer than four words is a failure.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.metrics.text_checks import check_texts, n_grams, words
from pysteer.score import Score


def _repeated(tokens: list[str]) -> float:
    found = n_grams(tokens, 4)
    return 1.0 - len(set(found)) / len(found) if found else math.nan


@metrics.register(
    "repetition",
    needs=("texts",),
    better="lower",
    unit="share of 4-grams",
    theme="text quality",
    version=1,
)
def repetition(
    texts: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean share of a text's 4-grams that repeat an earlier one.

    Parameters
    ----------
    texts : sequence of str
        What the model wrote.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``failures`` are texts that are too short, which are not in n.

    Raises
    ------
    MeasurementError
        No text, something else than texts, or fewer than two texts that are long enough.

    Examples
    --------
    >>> repetition(["a b c d a b c d a b c d", "a b c d e f"], seed=0).per_example.round(3)
    array([0.556, 0.   ])
    """
    per_text = [_repeated(words(text)) for text in check_texts(texts, what="texts")]
    measured, failures = without_failures(per_text, what="repetition")
    return mean_score(
        "repetition",
        measured,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
