"""How fast does a vector settle as contrast pairs are added?

Question: from which number of pairs on is more data not worth it? Predicted from the scatter of the differences, and
measured by extracting from random subsets.
Source: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189 (diminishing returns at about
80 pairs); the prediction is our own.
Formula: with ``r = tr(S)/|mu|^2``, S the covariance and mu the mean of the differences, the mean of n of them has a
cosine of about ``1/sqrt(1 + r/n)`` with mu, and of about ``sqrt((1 + r/N)/(1 + r/n))`` with the mean of all N, of which
it is a part. The knee is the number of pairs at which the cosine reaches a target.
Unit: cosine; contrast pairs. Range: cosine [-1, 1]; pairs (0, inf).
Convention: both formulas hold where the scatter is spread over many directions, as in a residual stream. Only mean
differences: other extraction methods have curves of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, finite_values


@dataclass(frozen=True, eq=False)
class SampleEfficiency:
    """Cosine of vectors from few pairs with the one from all, measured and predicted.

    Parameters
    ----------
    sizes : tuple of int
        Pairs, ascending.
    cosines : float64, shape (n_repeats, n_sizes)
        Measured: each repeat takes its subsets from one random order, so they are nested.
    predicted : float64, shape (n_sizes,)
        From the moments of all pairs.
    noise_ratio : float
        r.
    n_pairs : int
        N.
    """

    sizes: tuple[int, ...]
    cosines: Float64Array
    predicted: Float64Array
    noise_ratio: float
    n_pairs: int

    def knee(self, cosine: float = 0.95, *, confidence: float = 0.95) -> Interval:
        """Return the measured number of pairs at which the mean cosine reaches a target, with its spread over repeats.

        Between sizes it is interpolated over log(n). The interval runs between quantiles of the repeats' own knees, so
        it is about subsets of these pairs, not about other pairs.

        Raises
        ------
        MeasurementError
            The mean cosine, or that of a repeat, does not reach the target, or is above it from the first size on.
        """
        tail = (1.0 - confidence) / 2.0
        knees = [_inner_crossing(self.sizes, curve, cosine) for curve in self.cosines]
        low, high = np.quantile(knees, [tail, 1.0 - tail])
        mean = _inner_crossing(self.sizes, self.cosines.mean(axis=0), cosine)
        return Interval(mean, min(float(low), mean), max(float(high), mean), len(knees), confidence)


def expected_cosine(n: npt.ArrayLike, noise_ratio: float) -> Float64Array:
    """Return the expected cosine with the true mean of a mean of ``n`` differences: ``1/sqrt(1 + r/n)``.

    Examples
    --------
    >>> expected_cosine([1, 3], 3.0).round(3)
    array([0.5  , 0.707])
    """
    sizes = finite_values(n, n_dims=None, what="n")
    if (sizes <= 0.0).any() or not noise_ratio >= 0.0:
        raise MeasurementError(f"expected pairs and a noise ratio of at least 0, got {sizes.min():g} and {noise_ratio}")
    return np.asarray(1.0 / np.sqrt(1.0 + noise_ratio / sizes), dtype=np.float64)


def pairs_for_cosine(noise_ratio: float, cosine: float) -> float:
    """Return the number of pairs at which `expected_cosine` reaches ``cosine``: ``r c^2/(1 - c^2)``.

    Examples
    --------
    >>> round(pairs_for_cosine(10.0, 0.95), 1)
    92.6
    """
    if not 0.0 < cosine < 1.0 or not noise_ratio >= 0.0:
        raise MeasurementError(f"expected a cosine between 0 and 1 and a noise ratio of at least 0, got {cosine}")
    return noise_ratio * cosine**2 / (1.0 - cosine**2)


def noise_ratio(deltas: npt.ArrayLike) -> float:
    """Return ``tr(S)/|mu|^2`` of differences, without the bias that scatter adds to the length of a mean.

    Parameters
    ----------
    deltas : float, shape (n_pairs, d_model)
        Positive minus negative activation; at least two pairs.

    Raises
    ------
    MeasurementError
        Fewer pairs, a value that is not finite, or differences without a common direction: their mean dot product,
        which estimates ``|mu|^2``, is not positive.
    """
    rows = finite_values(deltas, n_dims=2, what="deltas")
    if len(rows) < 2:
        raise MeasurementError(f"deltas: expected at least two pairs, got {len(rows)}")
    total = rows.sum(axis=0)
    return float(_ratios(total @ total, (rows**2).sum(), len(rows)))


def noise_ratios_without(deltas: npt.ArrayLike) -> Float64Array:
    """Return `noise_ratio` without each of the pairs, float64 (n_pairs,); at least three."""
    rows = finite_values(deltas, n_dims=2, what="deltas")
    if len(rows) < 3:
        raise MeasurementError(f"deltas: expected at least three pairs, got {len(rows)}")
    total, squares = rows.sum(axis=0), (rows**2).sum(axis=1)
    return _ratios(total @ total - 2.0 * rows @ total + squares, squares.sum() - squares, len(rows) - 1)


def sample_efficiency(deltas: npt.ArrayLike, *, sizes: Sequence[int], n_repeats: int, seed: int) -> SampleEfficiency:
    """Return the cosine of vectors from subsets of the pairs with the vector from all.

    Parameters
    ----------
    deltas : float, shape (n_pairs, d_model)
    sizes : sequence of int
        Pairs of the subsets, each between 1 and n_pairs.
    n_repeats : int
        Random orders, at least 2.

    Raises
    ------
    MeasurementError
        As `noise_ratio`, or a size or number of repeats out of range.
    """
    rows = finite_values(deltas, n_dims=2, what="deltas")
    wanted = tuple(sorted(set(sizes)))
    if not wanted or wanted[0] < 1 or wanted[-1] > len(rows) or n_repeats < 2:
        raise MeasurementError(f"expected sizes of 1 to {len(rows)} and at least 2 repeats, got {sizes}, {n_repeats}")
    ratio = noise_ratio(rows)
    whole = rows.mean(axis=0)
    means = nested_means(rows, wanted, n_repeats, seed)
    with np.errstate(invalid="ignore"):  # a vector of length 0 has no cosine, which is said below
        cosines = means @ whole / (np.linalg.norm(means, axis=2) * np.linalg.norm(whole))
    if not np.isfinite(cosines).all():
        raise MeasurementError("a subset's differences cancel, so its vector has length 0 and no cosine")
    predicted = np.sqrt((1.0 + ratio / len(rows)) / (1.0 + ratio / np.array(wanted)))
    return SampleEfficiency(wanted, cosines, predicted, ratio, len(rows))


def _ratios(squared_sum: npt.ArrayLike, sum_of_squares: npt.ArrayLike, n: int) -> Float64Array:
    """Return tr(S)/|mu|^2 from ``|sum d|^2`` and ``sum |d|^2`` of n differences; any number of them at once."""
    both, own = np.asarray(squared_sum, dtype=np.float64), np.asarray(sum_of_squares, dtype=np.float64)
    length = (both - own) / (n * (n - 1))
    if (length <= 0.0).any():
        raise MeasurementError("the differences have no common direction: their mean dot product is not positive")
    trace = np.maximum((own - both / n) / (n - 1), 0.0)
    return np.asarray(trace / length, dtype=np.float64)


def nested_means(deltas: Float64Array, sizes: Sequence[int], n_repeats: int, seed: int) -> Float64Array:
    """Return the means of the first pairs of random orders, (n_repeats, n_sizes, d_model)."""
    generator, places = np.random.default_rng(seed), np.array(sizes)
    orders = [generator.permutation(len(deltas)) for _ in range(n_repeats)]
    return np.stack([np.cumsum(deltas[order], axis=0)[places - 1] / places[:, None] for order in orders])


def crossing(sizes: Sequence[int], curve: Float64Array, target: float) -> float:
    """Return the size at which a curve first reaches a target, interpolated over log(n); NaN where it does not.

    Examples
    --------
    >>> crossing([1, 10, 100], np.array([0.2, 0.6, 1.0]), 0.8).__round__(1)
    31.6
    """
    above = np.flatnonzero(curve >= target)
    if above.size == 0:
        return float("nan")
    right = int(above[0])
    if right == 0:
        return float(sizes[0])
    logs = np.log(np.array(sizes[right - 1 : right + 1], dtype=np.float64))
    part = (target - curve[right - 1]) / (curve[right] - curve[right - 1])
    return float(np.exp(logs[0] + part * (logs[1] - logs[0])))


def _inner_crossing(sizes: Sequence[int], curve: Float64Array, cosine: float) -> float:
    """Return `crossing` where it lies between the sizes; an error says on which side of them it lies."""
    if curve[0] >= cosine:
        raise MeasurementError(f"the cosine {cosine:g} is reached from {sizes[0]} pairs: take other sizes")
    found = crossing(sizes, curve, cosine)
    if not np.isfinite(found):
        raise MeasurementError(f"the cosine {cosine:g} is not reached by {sizes[-1]} pairs: take other sizes")
    return found
