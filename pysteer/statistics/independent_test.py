"""Student's test of two independent groups, as the studies of steering report it.

For items that both arms answered it is the wrong test: it takes the spread between items for noise. It is here to be
compared with published numbers; `pysteer.statistics.paired_tests` has the right ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics.checks import finite_values
from pysteer.statistics.scipy_access import load


@dataclass(frozen=True)
class GroupSummary:
    """Mean, standard deviation (divided by n - 1) and size of a group: what tables report."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class IndependentTest:
    """Student's t test, equal variances, two-sided.

    Parameters
    ----------
    t, p : float
        Positive t where the first group's mean is larger.
    cohens_d : float
        Difference of the means over the pooled standard deviation.
    first, second : GroupSummary
    """

    t: float
    p: float
    cohens_d: float
    first: GroupSummary
    second: GroupSummary


def summarise(values: npt.ArrayLike) -> GroupSummary:
    """Return mean, standard deviation and size; at least two values."""
    group = finite_values(values, n_dims=1, what="values")
    if group.size < 2:
        raise MeasurementError("a standard deviation needs at least two values, got one")
    return GroupSummary(float(group.mean()), float(group.std(ddof=1)), int(group.size))


def independent_t_test(first: GroupSummary, second: GroupSummary) -> IndependentTest:
    """Return Student's test and Cohen's d with the pooled standard deviation.

    Raises
    ------
    MeasurementError
        A group of fewer than two, a standard deviation below 0 or not finite, no spread in both, or SciPy is not
        installed.

    Examples
    --------
    >>> test = independent_t_test(GroupSummary(2.0, 1.0, 50), GroupSummary(1.5, 1.0, 50))
    >>> round(test.t, 2), round(test.cohens_d, 2)
    (2.5, 0.5)
    """
    for group in (first, second):
        if group.n < 2 or not (math.isfinite(group.mean) and math.isfinite(group.sd) and group.sd >= 0.0):
            raise MeasurementError(f"expected at least two values, a mean and a spread, got {group}")
    pooled = math.sqrt(((first.n - 1) * first.sd**2 + (second.n - 1) * second.sd**2) / (first.n + second.n - 2))
    if pooled == 0.0:
        raise MeasurementError("no t: neither group has any spread")
    result = load("scipy.stats").ttest_ind_from_stats(
        first.mean, first.sd, first.n, second.mean, second.sd, second.n, equal_var=True
    )
    effect = (first.mean - second.mean) / pooled
    return IndependentTest(float(result.statistic), float(result.pvalue), effect, first, second)
