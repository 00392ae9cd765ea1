"""How varied is the text, from word to word?

Question: has steering made the model repeat itself? Repetition lowers the entropy of neighbouring words.
Source: Meng et al. 2022, arXiv:2202.05262 (ROME's fluency), as used in arXiv:2411.07213.
Formula: per text ``(2/3 H_2 + 4/3 H_3) / 2``, H_n the entropy in bits of its distribution of n-grams; then the mean.
Unit: bits. Range: [0, log2 of the number of n-grams]: it grows with the length, so compare texts of one length only.
Convention: words and punctuation marks as `pysteer.metrics.text_checks` splits them, which differs from NLTK's
tokenizer in the source. A text of fewer than three words has no 3-gram and is a failure (NaN in the source).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.metrics.text_checks import check_texts, n_grams, words
from pysteer.score import Score


def _entropy(tokens: list[str]) -> float:
    if len(tokens) < 3:
        return math.nan
    bits = []
    for n in (2, 3):
        counts = np.array(list(Counter(n_grams(tokens, n)).values()), dtype=np.float64)
        shares = counts / counts.sum()
        bits.append(float(shares @ np.log2(1.0 / shares)))
    return (2.0 / 3.0 * bits[0] + 4.0 / 3.0 * bits[1]) / 2.0


@metrics.register(
    "n_gram_entropy",
    needs=("texts",),
    better="higher",
    unit="bits",
    theme="text quality",
    version=1,
)
def n_gram_entropy(
    texts: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean weighted entropy of the 2-grams and 3-grams of a text.

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
    >>> n_gram_entropy(["a a a a a", "a b c d"], seed=0).per_example.round(3)
    array([0.   , 1.195])
    """
    per_text = [_entropy(words(text)) for text in check_texts(texts, what="texts")]
    measured, failures = without_failures(per_text, what="n_gram_entropy")
    return mean_score(
        "n_gram_entropy",
        measured,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
