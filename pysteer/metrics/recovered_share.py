"""How much of the capability that steering costs does a mitigation win back?

Question: worked examples, an open book, another layer: is the gap between behaviour and capability closed?
Source: an addition to "Mind the Performance Gap", arXiv:2602.04903, which compares arms without mitigation.
Formula: ``mean(mitigated - steered) / mean(control - steered)`` over the same items.
Unit: share of the loss. Range: unbounded; 0: nothing, 1: everything; above 1 the mitigation does better than no
steering.
Convention: only at the same gain in behaviour (`pysteer.statistics.bootstrap_difference` of the two gains): a
mitigation that undoes the steering wins everything back. Items are resampled with all three numbers.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_ratio, paired_values


@metrics.register(
    "recovered_share",
    needs=("control", "steered", "mitigated"),
    better="higher",
    unit="share of the loss",
    theme="trade-off",
    version=1,
)
def recovered_share(
    control: npt.ArrayLike,
    steered: npt.ArrayLike,
    mitigated: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of the capability lost to steering that a mitigation wins back.

    Parameters
    ----------
    control, steered, mitigated : float, shape (n_items,)
        Capability of each item without steering, with it, and with steering and the mitigation; at least two items.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds what each item wins back over the mean loss.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than two items, a value that is not finite, or a loss whose interval holds 0.

    Examples
    --------
    >>> recovered_share([1.0, 1.0], [0.0, 0.0], [0.5, 0.5], seed=0).value
    0.5
    """
    before, after = paired_values(control, steered, what=("control", "steered"))
    again, after = paired_values(mitigated, steered, what=("mitigated", "steered"))
    interval = bootstrap_ratio(again - after, before - after, is_paired=True, seed=seed, confidence=confidence)
    parts = (again - after) / (before - after).mean()
    return score_of("recovered_share", interval, parts, seed=seed, model_hash=model_hash, data_hash=data_hash)
