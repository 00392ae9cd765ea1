"""Does steering push towards the letter A rather than towards the behaviour?

Question: a data set with balanced letters can give a vector that moves items whose wanted answer is (A) much more than
the others.
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404, sections
on spurious factors.
Formula: mean steerability of items whose wanted answer is A minus that of items where it is B.
Unit: propensity per unit of coefficient. Range: unbounded; 0 without a bias; positive: towards A. Compare it with the
steerability itself: at twice the steerability, the vector moves the letter only.
Convention: the interval resamples each kind of item by itself.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.answer_factors import check_factor
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.metrics.steerability import slopes
from pysteer.score import Score
from pysteer.statistics import bootstrap_group_difference


@metrics.register(
    "letter_bias",
    needs=("coefficients", "propensities", "is_a"),
    better="neither",
    unit="propensity per unit of coefficient",
    theme="reliability",
    version=1,
)
def letter_bias(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    is_a: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Steerability of items whose wanted answer is A minus that of the others.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least two different ones.
    propensities : float, shape (n_items, n_coefficients)
        Nats (or logits), positive where the wanted answer is preferred.
    is_a : bool, shape (n_items,)
        The wanted answer is option A; see `pysteer.metrics.answer_factors`. Both kinds have to occur.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds the items' slopes, with the sign of their letter and weighted so that its mean is the
        value.

    Raises
    ------
    MeasurementError
        As `slopes`; ``is_a`` of another length, or fewer than two items of a kind.

    Examples
    --------
    >>> propensities = [[-3.0, 3.0], [-3.0, 3.0], [-1.0, 1.0], [-1.0, 1.0]]
    >>> letter_bias([-1.0, 1.0], propensities, [True, True, False, False], seed=0).value
    2.0
    """
    per_item = slopes(coefficients, propensities)
    letter_a = check_factor(is_a, per_item.size, what="is_a")
    n_a = int(letter_a.sum())
    if min(n_a, per_item.size - n_a) < 2:
        raise MeasurementError(f"is_a: expected at least two items of each kind, got {n_a} and {per_item.size - n_a}")
    interval = bootstrap_group_difference(per_item[letter_a], per_item[~letter_a], seed=seed, confidence=confidence)
    sign = np.where(letter_a, per_item.size / n_a, -per_item.size / (per_item.size - n_a))
    return score_of("letter_bias", interval, sign * per_item, seed=seed, model_hash=model_hash, data_hash=data_hash)
