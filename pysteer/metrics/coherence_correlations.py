"""Coherence against accuracy, response by response and arm by arm.

Question: do incoherent responses and wrong answers go together, and do arms that lose the one lose the other?
Source: "Mind the Performance Gap", arXiv:2602.04903: Pearson and Spearman over instances and over arm means.
Formula: Pearson's and Spearman's correlation over responses; the same over the means of each arm.
Unit: correlation. Range: [-1, 1]; chance is 0.
Convention: a handful of arms gives a high correlation easily, and Fisher's interval of four arms is nearly the whole
range. Responses to one question are not independent: ``by_question`` is the interval of Pearson's correlation over
responses from drawing whole questions. Responses without a rating are left out and counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Correlation, Interval, pearson, spearman
from pysteer.statistics.bootstrap import IndexArray, bootstrap_ends


@dataclass(frozen=True, eq=False)
class CoherenceCorrelations:
    """Correlations of coherence with accuracy.

    Parameters
    ----------
    pearson, spearman : Correlation
        Over responses.
    by_question : Interval
        Pearson's with its interval from drawing questions; ``n`` is their number.
    arm_pearson, arm_spearman : Correlation or None
        Over the means of the arms; None with fewer than four arms, or arms that are all alike.
    failures : int
        Responses without a rating.
    """

    pearson: Correlation
    spearman: Correlation
    by_question: Interval
    arm_pearson: Correlation | None
    arm_spearman: Correlation | None
    failures: int


def coherence_correlations(
    coherence: npt.ArrayLike,
    accuracy: npt.ArrayLike,
    *,
    arms: Sequence[Hashable],
    questions: Sequence[Hashable],
    seed: int,
    confidence: float = 0.95,
) -> CoherenceCorrelations:
    """Return the correlations on both levels.

    Parameters
    ----------
    coherence, accuracy : float, shape (n,)
        Of each response: rating (NaN: none could be read), and 1 (right) or 0.
    arms, questions : sequence of hashable, length n
        What each response belongs to; at least two questions.
    seed : int
        Of the bootstrap over questions.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than four responses with a rating, all alike in one of the two, or SciPy is not
        installed.
    """
    ratings, hits = np.asarray(coherence, dtype=np.float64), np.asarray(accuracy, dtype=np.float64)
    if ratings.ndim != 1 or not len(ratings) == len(hits) == len(arms) == len(questions):
        raise MeasurementError(
            f"expected an arm and a question for each of {ratings.size} responses, got {hits.size} hits, "
            f"{len(arms)} arms, {len(questions)} questions"
        )
    kept = np.flatnonzero(~np.isnan(ratings))
    x, y = ratings[kept], hits[kept]
    over_responses = pearson(x, y, confidence=confidence)
    sums = _sums_by_group(x, y, [questions[i] for i in kept.tolist()])
    low, high = bootstrap_ends(
        lambda draw: _pearson_of_sums(sums, draw), len(sums), seed=seed, confidence=confidence, n_resamples=2000
    )
    by_question = Interval(
        over_responses.value, min(low, over_responses.value), max(high, over_responses.value), len(sums), confidence
    )
    groups = _sums_by_group(x, y, [arms[i] for i in kept.tolist()])
    means = groups[:, 1:3] / groups[:, :1]
    has_arms = len(means) >= 4 and bool((np.ptp(means, axis=0) > 0.0).all())
    return CoherenceCorrelations(
        over_responses,
        spearman(x, y, confidence=confidence),
        by_question,
        pearson(means[:, 0], means[:, 1], confidence=confidence) if has_arms else None,
        spearman(means[:, 0], means[:, 1], confidence=confidence) if has_arms else None,
        failures=len(ratings) - len(kept),
    )


def _sums_by_group(x: Float64Array, y: Float64Array, groups: Sequence[Hashable]) -> Float64Array:
    """Return n, sums of x, y, xx, yy, xy of each group, (n_groups, 6)."""
    place: dict[Hashable, int] = {}
    index = np.array([place.setdefault(group, len(place)) for group in groups])
    columns = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([np.bincount(index, weights=column) for column in columns], axis=1)


def _pearson_of_sums(sums: Float64Array, draw: IndexArray) -> Float64Array:
    """Return Pearson's correlation of the responses of drawn groups: draw (k, n_groups), result (k,).

    A draw in which all responses are alike in one of the two has no correlation: 0.
    """
    n, x, y, xx, yy, xy = np.moveaxis(sums[draw].sum(axis=1), 1, 0)
    spread = np.maximum(n * xx - x * x, 0.0) * np.maximum(n * yy - y * y, 0.0)
    is_defined = spread > 1e-12 * np.maximum(n * xx * n * yy, 1e-300)
    root = np.sqrt(np.where(is_defined, spread, 1.0))
    result: Float64Array = np.where(is_defined, (n * xy - x * y) / root, 0.0)
    return result
