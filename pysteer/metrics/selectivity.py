"""How much behaviour does a unit of cost buy?

Question: is a vector selective: strong on its behaviour, weak on everything else?
Source: an index of our own; the quantities of "Mind the Performance Gap", arXiv:2602.04903 and arXiv:2505.03189.
Formula: ``mean(behaviour gained) / mean(cost)``, the cost in nats of KL or of log perplexity, or in accuracy lost.
Unit: behaviour per unit of cost. Range: unbounded; 0 where steering does nothing but harm.
Convention: different items for the two, so they are resampled apart. Where steering costs nothing that can be told from
0 there is no ratio, but an error: then say that it is free. Indices with different costs cannot be compared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_ratio


@metrics.register(
    "selectivity",
    needs=("behaviour_gain", "capability_loss"),
    better="higher",
    unit="behaviour per unit of cost",
    theme="trade-off",
    version=1,
)
def selectivity(
    behaviour_gain: npt.ArrayLike,
    capability_loss: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Behaviour gained per unit of cost.

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
        ``per_example`` holds the items' gains over the mean cost.

    Raises
    ------
    MeasurementError
        Fewer than two items of a kind, a value that is not finite, or a mean cost whose interval holds 0: the ratio has
        no bound then.

    Examples
    --------
    >>> selectivity([2.0, 2.0], [0.5, 0.5, 0.5], seed=0).value
    4.0
    """
    interval = bootstrap_ratio(behaviour_gain, capability_loss, is_paired=False, seed=seed, confidence=confidence)
    gains = np.asarray(behaviour_gain, dtype=np.float64)
    cost = float(np.asarray(capability_loss, dtype=np.float64).mean())
    return score_of("selectivity", interval, gains / cost, seed=seed, model_hash=model_hash, data_hash=data_hash)
