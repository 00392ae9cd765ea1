"""What share of the items does steering not move the right way?

Question: how often does a vector backfire, which a mean hides?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404. Added
here: the interval.
Formula: one minus the share of items whose slope is positive, so an item that does not move at all counts as
anti-steerable.
Unit: share of items. Range: [0, 1]; a direction that does not matter scores about 0.5, the number to compare with.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.steerability import slopes
from pysteer.score import Score
from pysteer.statistics import bootstrap_mean


@metrics.register(
    "anti_steerable_fraction",
    needs=("coefficients", "propensities"),
    better="lower",
    unit="share of items",
    theme="behaviour",
    version=1,
)
def anti_steerable_fraction(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of items whose propensity does not rise with the coefficient.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred; at least two items.
    seed : int
        Of the bootstrap over items.
    confidence : float
        Of the interval.
    model_hash, data_hash : str
        Stored in the score.

    Returns
    -------
    Score
        In [0, 1]. ``per_example`` is 1 for an anti-steerable item, else 0. When all items agree the bootstrap interval
        has no width; it then says nothing about items not seen.

    Raises
    ------
    MeasurementError
        No item or one, another shape, a value that is not finite, or fewer than two different coefficients.
    """
    is_anti_steerable = (slopes(coefficients, propensities) <= 0.0).astype(np.float64)
    interval = bootstrap_mean(is_anti_steerable, seed=seed, confidence=confidence)
    return Score(
        name="anti_steerable_fraction",
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        unit="share of items",
        better="lower",
        per_example=is_anti_steerable,
        seed=seed,
        model_hash=model_hash,
        data_hash=data_hash,
    )
