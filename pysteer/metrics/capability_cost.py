"""How much capability is paid for a unit of behaviour?

Question: which of two vectors, operations or layers is the cheaper way to the same behaviour?
Source: "Mind the Performance Gap", arXiv:2602.04903 (capability against behaviour); the ratio is an addition.
Formula: ``mean(capability lost) / mean(behaviour gained)``.
Unit: capability per unit of behaviour. Range: unbounded; 0 where steering is free; negative where capability rises.
Convention: different items for the two, so they are resampled apart. Without a gain there is no ratio, but an error.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_ratio


@metrics.register(
    "capability_cost",
    needs=("behaviour_gain", "capability_loss"),
    better="lower",
    unit="capability per unit of behaviour",
    theme="trade-off",
    version=1,
)
def capability_cost(
    behaviour_gain: npt.ArrayLike,
    capability_loss: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Capability lost per unit of behaviour gained.

    Parameters
    ----------
    behaviour_gain : float, shape (n_items,)
        Behaviour with steering minus without, item by item, such as steerability, ratings or 0 and 1.
    capability_loss : float, shape (m_items,)
        Cost of steering, item by item: capability without steering minus with, or nats of KL or perplexity.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds the items' losses over the mean gain.

    Raises
    ------
    MeasurementError
        Fewer than two items of a kind, a value that is not finite, or a mean gain whose interval holds 0: the ratio has
        no bound then.

    Examples
    --------
    >>> capability_cost([2.0, 2.0], [0.0, 1.0, 0.0, 1.0], seed=0).value
    0.25
    """
    interval = bootstrap_ratio(capability_loss, behaviour_gain, is_paired=False, seed=seed, confidence=confidence)
    losses = np.asarray(capability_loss, dtype=np.float64)
    gain = float(np.asarray(behaviour_gain, dtype=np.float64).mean())
    return score_of("capability_cost", interval, losses / gain, seed=seed, model_hash=model_hash, data_hash=data_hash)
