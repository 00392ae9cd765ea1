"""How much of the spread of steerability comes from the letter and from Yes/No, and not from the item?

Question: is an item steerable because of what it says, or because its wanted answer happens to be (A) and Yes?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (variance
decomposition). Parts: `decompose_variance`.
Formula: ``1 - var(residual) / var(s)`` of the least-squares fit ``s = a + b isA + c isYes`` over items: R squared.
Unit: share of variance. Range: [0, 1]; chance is about 2/(n - 1) for n items.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.answer_factors import check_factor
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.metrics.steerability import slopes
from pysteer.metrics.variance_shares import decompose_variance, explained_shares, fitted_slopes
from pysteer.score import Score
from pysteer.statistics import Interval
from pysteer.statistics.bootstrap import bootstrap_ends


@metrics.register(
    "spurious_variance",
    needs=("coefficients", "propensities", "is_a", "is_yes"),
    better="lower",
    unit="share of variance",
    theme="reliability",
    version=1,
)
def spurious_variance(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    is_a: npt.ArrayLike,
    is_yes: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of the variance of slopes that letter and Yes/No explain.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.
    is_a : bool, shape (n_items,)
        The wanted answer is option A; see `pysteer.metrics.answer_factors`. Both kinds have to occur.
    is_yes : bool, shape (n_items,)
        The wanted answer says Yes. With all alike the share is that of the letter alone.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds the items' shares of the explained variance; their mean is the value.

    Raises
    ------
    MeasurementError
        As `slopes`; factors of another length; fewer than four items, or slopes that are all alike.

    Examples
    --------
    >>> propensities = [[-3.0, 3.0], [-3.0, 3.0], [-1.0, 1.0], [-1.0, 1.0]]
    >>> letters, yes = [True, True, False, False], [True, False, True, False]
    >>> round(spurious_variance([-1.0, 1.0], propensities, letters, yes, seed=0).value, 6)
    1.0
    """
    per_item = slopes(coefficients, propensities)
    letter_a, yes = (check_factor(f, per_item.size, what=w) for f, w in ((is_a, "is_a"), (is_yes, "is_yes")))
    shares = decompose_variance(per_item, letter_a, yes)
    low, high = bootstrap_ends(
        lambda draw: explained_shares(per_item[draw], letter_a[draw], yes[draw]),
        per_item.size,
        seed=seed,
        confidence=confidence,
        n_resamples=2000,
    )
    interval = Interval(shares.explained / shares.total, low, high, per_item.size, confidence)
    parts = (fitted_slopes(per_item, letter_a, yes) - per_item.mean()) ** 2 / shares.total
    return score_of("spurious_variance", interval, parts, seed=seed, model_hash=model_hash, data_hash=data_hash)
