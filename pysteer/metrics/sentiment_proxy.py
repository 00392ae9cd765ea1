"""Does the model write in a friendly or an unfriendly tone? (Proxy: word lists.)

Question: does a vector for joy, warmth or praise change what is written, without a classifier to download?
Source: lists of our own (`pysteer.metrics.word_lists`), in place of the sentiment classifier of arXiv:2411.07213.
Formula: per text ``(p - q) / (p + q)``, p and q the numbers of friendly and unfriendly words, a word counted on the
other side when one of the three words before it negates; 0 where no word is listed; then the mean.
Unit: balance of words. Range: [-1, 1]; positive is friendly.
Limits: a proxy. It sees words, not what is meant: no irony, no comparison, English only. On 1167 labelled reviews its
area under the ROC curve is 0.81. For a conclusion ask a judge.
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score
from pysteer.metrics.text_checks import check_texts, words
from pysteer.metrics.word_lists import NEGATIVE, NEGATORS, POSITIVE
from pysteer.score import Score


def _balance(text: str) -> float:
    tokens = words(text.replace("’", "'").lower())
    signs = []
    for index, token in enumerate(tokens):
        sign = (token in POSITIVE) - (token in NEGATIVE)
        if sign:
            signs.append(-sign if NEGATORS.intersection(tokens[max(0, index - 3) : index]) else sign)
    return sum(signs) / len(signs) if signs else 0.0


@metrics.register(
    "sentiment_proxy",
    needs=("texts",),
    better="neither",
    unit="balance of words",
    theme="text quality",
    version=1,
)
def sentiment_proxy(
    texts: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean balance of friendly and unfriendly words (proxy).

    Parameters
    ----------
    texts : sequence of str
        What the model wrote, in English.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        No text or one, or something else than texts.

    Examples
    --------
    >>> sentiment_proxy(["What a lovely day!", "This is not good.", "A table."], seed=0).per_example
    array([ 1., -1.,  0.])
    """
    per_text = [_balance(text) for text in check_texts(texts, what="texts")]
    return mean_score(
        "sentiment_proxy", per_text, seed=seed, confidence=confidence, model_hash=model_hash, data_hash=data_hash
    )
