"""By how much does steering change the rate of refusals? (Proxy: phrases.)

Question: is refusing more, or less, a side effect of a vector that is about something else?
Source: as `refusal_rate`; the same prompts with and without steering.
Formula: mean over prompts of ``1[steered refuses] - 1[unsteered refuses]``.
Unit: difference of shares. Range: [-1, 1]; 0 where steering changes nothing, positive where it refuses more.
Limits: a proxy, as `refusal_rate`. Gains and losses cancel: ``per_example`` shows them (-1, 0, 1), and
`pysteer.statistics.mcnemar_test` tests them.
"""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.refusal_phrases import is_refusal
from pysteer.metrics.scores import mean_score
from pysteer.metrics.text_checks import check_texts
from pysteer.score import Score


@metrics.register(
    "refusal_drift",
    needs=("texts", "base_texts"),
    better="neither",
    unit="difference of shares",
    theme="capability",
    version=1,
)
def refusal_drift(
    texts: Sequence[str],
    base_texts: Sequence[str],
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Change of the share of refusing texts (proxy).

    Parameters
    ----------
    texts, base_texts : sequence of str
        What the model wrote with steering and without, to the same prompts; at least two.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        No text, a single one, unequal lengths, or something else than texts.

    Examples
    --------
    >>> refusal_drift(["I cannot help with that.", "Yes."], ["Sure.", "Yes."], seed=0).value
    0.5
    """
    steered, base = check_texts(texts, what="texts"), check_texts(base_texts, what="base_texts")
    if len(steered) != len(base):
        raise MeasurementError(f"expected texts to the same prompts, got {len(steered)} and {len(base)} base_texts")
    change = [float(is_refusal(ours)) - float(is_refusal(before)) for ours, before in zip(steered, base, strict=True)]
    return mean_score(
        "refusal_drift", change, seed=seed, confidence=confidence, model_hash=model_hash, data_hash=data_hash
    )
