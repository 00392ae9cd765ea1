"""How far does the model's preference move per unit of coefficient?

Question: does a vector steer the behaviour, and how strongly? *Propensity* ``m_i(c)`` is how much the model prefers the
wanted answer of item ``i`` under coefficient ``c``: the log-probability (or logit) of the positive answer minus that of
the negative one.
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404. Added
here: the interval.
Formula: steerability ``s_i`` of an item is the least-squares slope of ``m_i`` over the coefficients, that of a data set
the mean of ``s_i``. For the source's coefficients, -1.5, -1, -0.5, 0, 0.5, 1, 1.5: ``s_i = sum_k c_k m_i(c_k) / 7``.
Unit: propensity per unit of coefficient. Range: unbounded; chance, a direction that does not matter, is 0.
Convention: per unit of coefficient, not per unit of norm. With vectors that are not normalised, as in the paper,
steerability grows with the vector's norm, so compare only what is scaled alike.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.metrics.metric import check_propensities, metrics
from pysteer.score import Score
from pysteer.statistics import bootstrap_mean, slope


def slopes(coefficients: npt.ArrayLike, propensities: npt.ArrayLike) -> Float64Array:
    """Return every item's steerability.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.

    Returns
    -------
    float64, shape (n_items,)
        Propensity per unit of coefficient. Negative: steering moved the item the wrong way.

    Raises
    ------
    MeasurementError
        No item, another shape, a value that is not finite, or fewer than two different coefficients.

    Examples
    --------
    >>> slopes([-1.0, 0.0, 1.0], [[-2.0, 0.0, 2.0], [1.0, 0.5, 0.0]])
    array([ 2. , -0.5])
    """
    return slope(*check_propensities(coefficients, propensities))


@metrics.register(
    "steerability",
    needs=("coefficients", "propensities"),
    better="higher",
    unit="propensity per unit of coefficient",
    theme="behaviour",
    version=1,
)
def steerability(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean slope of propensity over coefficient.

    Parameters
    ----------
    coefficients, propensities
        As in `slopes`; at least two items.
    seed : int
        Of the bootstrap over items.
    confidence : float
        Of the interval.
    model_hash, data_hash : str
        Stored in the score.

    Returns
    -------
    Score
        ``per_example`` holds the items' slopes. Chance, a direction that does not matter, is 0.

    Raises
    ------
    MeasurementError
        As `slopes`, or a single item, which has no interval.
    """
    per_item = slopes(coefficients, propensities)
    interval = bootstrap_mean(per_item, seed=seed, confidence=confidence)
    return Score(
        name="steerability",
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        n=interval.n,
        unit="propensity per unit of coefficient",
        better="higher",
        per_example=per_item,
        seed=seed,
        model_hash=model_hash,
        data_hash=data_hash,
    )
