"""How often does the model refuse? (Proxy: phrases.)

Question: has steering made the model refuse what it should answer, or the other way round?
Source: phrase matching as in Zou et al. 2023, arXiv:2307.15043, with a list of our own
(`pysteer.metrics.refusal_phrases`).
Formula: mean over texts of 1 where a refusing phrase stands in the first 40 words.
Unit: share of texts. Range: [0, 1].
Limits: a proxy. It knows English stock phrases only: a refusal in other words is missed, and a quoted one counts. Of
the refusing answers in the CAA refusal set it finds 60 %, and of the others it takes 2 % for refusals.
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.metrics.metric import metrics
from pysteer.metrics.refusal_phrases import is_refusal
from pysteer.metrics.scores import share_score
from pysteer.metrics.text_checks import check_texts
from pysteer.score import Score


@metrics.register(
    "refusal_rate",
    needs=("texts",),
    better="neither",
    unit="share of texts",
    theme="capability",
    version=1,
)
def refusal_rate(
    texts: Sequence[str],
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of texts with a refusing phrase at their beginning (proxy).

    Parameters
    ----------
    texts : sequence of str
        What the model wrote.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Raises
    ------
    MeasurementError
        No text, or something else than texts.

    Examples
    --------
    >>> refusal_rate(["I'm sorry, but I can't help with that.", "Sure! First, boil the water."]).value
    0.5
    """
    hits = [is_refusal(text) for text in check_texts(texts, what="texts")]
    return share_score("refusal_rate", hits, confidence=confidence, model_hash=model_hash, data_hash=data_hash)
