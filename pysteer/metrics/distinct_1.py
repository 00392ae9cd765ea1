"""How many different words does a text have?

Question: has steering made the model repeat itself, or fall back on few words?
Source: Li et al. 2016, arXiv:1510.03055; with the normalisation of arXiv:2411.07213.
Formula: per text the number of different 1-grams over the number of words; then the mean.
Unit: ratio. Range: (0, 1]. It falls with the length, so compare texts of one length only.
Convention: words and punctuation marks as `pysteer.metrics.text_checks` splits them, in the case they have. A text
without a word is a failure (0 in the source).
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.metrics.text_checks import check_texts, distinct_share, words
from pysteer.score import Score


@metrics.register(
    "distinct_1",
    needs=("texts",),
    better="higher",
    unit="different per word",
    theme="text quality",
    version=1,
)
def distinct_1(
    texts: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean number of different words over the number of words.

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
    >>> distinct_1(["a a a a", "a b c d"], seed=0).per_example
    array([0.25, 1.  ])
    """
    per_text = [distinct_share(words(text), 1) for text in check_texts(texts, what="texts")]
    measured, failures = without_failures(per_text, what="distinct_1")
    return mean_score(
        "distinct_1",
        measured,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
