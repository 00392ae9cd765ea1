"""How far are the propensities from a straight line over the coefficient?

Question: is a slope a fair summary of what steering does to an item?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (residual
of the linear fit, plotted against steerability).
Formula: per item ``sqrt(mean_k (m(c_k) - fit(c_k))^2)``, fit the least-squares line; then the mean over items.
Unit: that of propensity (nats). Range: [0, inf); 0 on a line. With two coefficients it is always 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.linear_fit import residuals
from pysteer.metrics.metric import check_propensities, metrics
from pysteer.metrics.scores import mean_score
from pysteer.score import Score


@metrics.register(
    "fit_rmse",
    needs=("coefficients", "propensities"),
    better="lower",
    unit="propensity",
    theme="behaviour",
    version=1,
)
def fit_rmse(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean distance of an item's propensities from their line.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Raises
    ------
    MeasurementError
        No item or one, another shape, a value that is not finite, or fewer than two different coefficients.

    Examples
    --------
    >>> fit_rmse([-1.0, 0.0, 1.0], [[-1.0, 0.0, 1.0], [1.0, -2.0, 1.0]], seed=0).per_example.round(3)
    array([0.   , 1.414])
    """
    at, values = check_propensities(coefficients, propensities)
    per_item = np.sqrt((residuals(at, values) ** 2).mean(axis=1))
    return mean_score(
        "fit_rmse",
        per_item,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
    )
