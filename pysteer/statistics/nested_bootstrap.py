"""How sure is a mean of examples that come in groups: several answers to one question, items of several data sets.

Answers to one question are alike, so they say less than as many questions would. Drawing whole groups with replacement
(Cameron, Gelbach & Miller 2008) takes that into account; the interval needs some twenty groups to be right.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics.bootstrap import bootstrap_ends
from pysteer.statistics.checks import check_resampling, finite_values
from pysteer.statistics.interval import Interval


def bootstrap_clusters(
    values: npt.ArrayLike,
    clusters: Sequence[Hashable],
    *,
    seed: int,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
) -> Interval:
    """Return the mean over all examples with its interval from drawing clusters.

    Parameters
    ----------
    values : float, shape (n,)
    clusters : sequence of hashable, length n
        Cluster of each example, such as the question's id; at least two different ones.
    seed, confidence, n_resamples
        As in `bootstrap_mean`.

    Returns
    -------
    Interval
        ``n`` is the number of clusters.

    Raises
    ------
    MeasurementError
        As `bootstrap_mean`, unequal lengths, or a single cluster.

    Examples
    --------
    >>> bootstrap_clusters([0.0, 0.0, 1.0, 1.0], ["q1", "q1", "q2", "q2"], seed=0).n
    2
    """
    examples = finite_values(values, n_dims=1, what="values")
    if len(clusters) != examples.size:
        raise MeasurementError(f"expected a cluster for each of {examples.size} values, got {len(clusters)}")
    place: dict[Hashable, int] = {}
    index = np.array([place.setdefault(cluster, len(place)) for cluster in clusters])
    if len(place) < 2:
        raise MeasurementError(f"expected at least two clusters, got one: {clusters[0]!r}")
    sums, sizes = np.bincount(index, weights=examples), np.bincount(index)
    low, high = bootstrap_ends(
        lambda draw: sums[draw].sum(1) / sizes[draw].sum(1),
        len(place),
        seed=seed,
        confidence=confidence,
        n_resamples=n_resamples,
    )
    return Interval(float(examples.mean()), low, high, len(place), confidence)


def bootstrap_datasets(
    groups: Sequence[npt.ArrayLike], *, seed: int, confidence: float = 0.95, n_resamples: int = 2000
) -> Interval:
    """Return the mean of the data sets' means, with its interval from drawing data sets and then their items.

    Every data set counts alike, however many items it has. The interval is about other data sets of this kind.

    Parameters
    ----------
    groups : sequence of float, shape (n_items,) each
        Items of each data set; at least two data sets.
    seed, confidence, n_resamples
        As in `bootstrap_mean`.

    Returns
    -------
    Interval
        ``n`` is the number of data sets.

    Raises
    ------
    MeasurementError
        Fewer than two data sets, an empty one, or a value that is not finite.

    Examples
    --------
    >>> bootstrap_datasets([[1.0, 1.0], [3.0]], seed=0).mean
    2.0
    """
    members = [finite_values(group, n_dims=1, what=f"data set {number}") for number, group in enumerate(groups)]
    check_resampling(confidence, n_resamples)
    if len(members) < 2:
        raise MeasurementError(f"expected at least two data sets, got {len(members)}")
    generator = np.random.default_rng(seed)
    # Each data set's mean is drawn anew every time that the data set is.
    drawn = generator.integers(0, len(members), size=(n_resamples, len(members)))
    means = np.empty(drawn.shape)
    for number, items in enumerate(members):
        is_here = drawn == number
        draws = generator.integers(0, items.size, size=(int(is_here.sum()), items.size))
        means[is_here] = items[draws].mean(1)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means.mean(1), [tail, 1.0 - tail])
    mean = float(np.mean([items.mean() for items in members]))
    return Interval(mean, float(low), float(high), len(members), confidence)
