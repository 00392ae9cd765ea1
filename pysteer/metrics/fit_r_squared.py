"""What share of an item's response to steering does a straight line explain?

Question: as `fit_rmse`, but free of units: a slope of 0.1 nats with noise of 1 is no line.
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (linear
fit); coefficient of determination.
Formula: per item ``1 - sum_k (m - fit)^2 / sum_k (m - mean(m))^2``; then the mean over items.
Unit: share of variance. Range: [0, 1]; 1 on a line; of noise at k coefficients 1/(k - 1) on average, 1/6 at seven.
Convention: an item whose propensity is the same at all coefficients has no variance to explain and is a failure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.linear_fit import residuals
from pysteer.metrics.metric import check_propensities, metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.score import Score


@metrics.register(
    "fit_r_squared",
    needs=("coefficients", "propensities"),
    better="higher",
    unit="share of variance",
    theme="behaviour",
    version=1,
)
def fit_r_squared(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean share of an item's variance over coefficients that its line explains.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``failures`` are items that do not move at all, which are not in n.

    Raises
    ------
    MeasurementError
        Fewer than two items that move, another shape, a value that is not finite, or fewer than two different
        coefficients.

    Examples
    --------
    >>> fit_r_squared([-1.0, 0.0, 1.0], [[-1.0, 0.0, 1.0], [1.0, -2.0, 1.0]], seed=0).per_example
    array([1., 0.])
    """
    at, values = check_propensities(coefficients, propensities)
    spread = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    moves = np.ptp(values, axis=1) > 0.0
    left = (residuals(at, values) ** 2).sum(axis=1)
    shares = np.where(moves, 1.0 - left / np.where(moves, spread, 1.0), np.nan)
    per_item, failures = without_failures(np.clip(shares, 0.0, 1.0), what="fit_r_squared")
    return mean_score(
        "fit_r_squared",
        per_item,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
