"""Does more steering always mean more of the behaviour?

Question: an item can have a positive slope and still fall in between.
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404
(Spearman's correlation; its code ranks along the wrong axis, here each item is ranked by itself).
Formula: per item Spearman's rank correlation of coefficient and propensity (ties get their mean rank); then the mean.
Unit: Spearman correlation. Range: [-1, 1]; 1: rises at every step; -1: falls at every step; chance is 0.
Convention: an item whose propensity is the same at all coefficients has no ranks and is a failure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.metrics.metric import check_propensities, metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.score import Score
from pysteer.statistics.scipy_access import load


@metrics.register(
    "monotonicity",
    needs=("coefficients", "propensities"),
    better="higher",
    unit="Spearman correlation",
    theme="behaviour",
    version=1,
)
def monotonicity(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean rank correlation of coefficient and propensity, item by item.

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
        Fewer than two items that move, another shape, a value that is not finite, fewer than two different
        coefficients, or SciPy is not installed.

    Examples
    --------
    >>> monotonicity([-1.0, 0.0, 1.0], [[0.0, 1.0, 9.0], [3.0, 2.0, 1.0]], seed=0).per_example
    array([ 1., -1.])
    """
    at, values = check_propensities(coefficients, propensities)
    stats = load("scipy.stats")
    steps = stats.rankdata(at) - (at.size + 1) / 2.0
    ranks = stats.rankdata(values, axis=1) - (at.size + 1) / 2.0
    norms = np.sqrt((ranks**2).sum(axis=1) * (steps @ steps))
    rho = np.where(norms > 0.0, ranks @ steps / np.where(norms > 0.0, norms, 1.0), np.nan)
    per_item, failures = without_failures(np.clip(rho, -1.0, 1.0), what="monotonicity")
    return mean_score(
        "monotonicity",
        per_item,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
