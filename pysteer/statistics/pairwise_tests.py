"""Which arms of an experiment differ: the published way of testing, and the right one, side by side.

Source: "Mind the Performance Gap" (arXiv:2602.04903) tests every pair of arms, for each metric and model, with
Student's test, Bonferroni over all comparisons, and Cohen's d with the pooled standard deviation. But the arms answer
the same questions, so the items are paired, and several instructions share a question. Here next to it: McNemar's test
for right and wrong, the paired t test otherwise; an interval of the difference from drawing whole questions; Holm over
all comparisons.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics.independent_test import IndependentTest, independent_t_test, summarise
from pysteer.statistics.interval import Interval
from pysteer.statistics.multiple_tests import adjust_p
from pysteer.statistics.nested_bootstrap import bootstrap_clusters
from pysteer.statistics.paired_tests import TestResult, mcnemar_test, paired_t_test


@dataclass(frozen=True)
class ArmComparison:
    """Two arms on one table of measurements.

    Parameters
    ----------
    table, first, second : str
        Such as "accuracy", "control", "steering".
    published : IndependentTest or None
        Student's test of the two arms; None where neither has any spread.
    published_p : float
        Its p after Bonferroni over all comparisons; 1 where there is no test.
    paired : TestResult
        Test of the same items.
    paired_p : float
        Its p after Holm over all comparisons.
    difference : Interval
        Mean of first minus second, with its interval from drawing questions; ``n`` is the number of questions.
    failures : int
        Items that could not be measured in one arm or the other; they are not in ``paired`` and ``difference``.
    """

    table: str
    first: str
    second: str
    published: IndependentTest | None
    published_p: float
    paired: TestResult
    paired_p: float
    difference: Interval
    failures: int


def compare_arms(
    tables: Mapping[str, Mapping[str, npt.ArrayLike]], questions: Sequence[Hashable], *, seed: int
) -> list[ArmComparison]:
    """Test every pair of arms of every table, and correct for all of these tests.

    Parameters
    ----------
    tables : mapping of table to (mapping of arm to float, shape (n_items,))
        A table is one metric on one model. Entry ``i`` of all arms is the same item; NaN: could not be measured.
    questions : sequence of hashable, length n_items
        Which question each item asks; items of one question are not independent.
    seed : int
        Of the bootstrap over questions.

    Raises
    ------
    MeasurementError
        No table with two arms, unequal lengths, an infinite value, fewer than two items that both arms have, or SciPy
        and statsmodels are not installed.
    """
    found = [
        _compare(name, first, second, arms, questions, seed)
        for name, arms in tables.items()
        for first, second in combinations(arms, 2)
    ]
    if not found:
        raise MeasurementError("nothing to compare: expected at least one table with two arms")
    published = adjust_p([1.0 if each.published is None else each.published.p for each in found], method="bonferroni")
    paired = adjust_p([each.paired.p for each in found], method="holm")
    return [
        replace(each, published_p=float(p), paired_p=float(q))
        for each, p, q in zip(found, published, paired, strict=True)
    ]


def _compare(
    table: str,
    first: str,
    second: str,
    arms: Mapping[str, npt.ArrayLike],
    questions: Sequence[Hashable],
    seed: int,
) -> ArmComparison:
    one, two = (np.asarray(arms[name], dtype=np.float64) for name in (first, second))
    if one.ndim != 1 or one.shape != two.shape or one.size != len(questions):
        raise MeasurementError(
            f"{table}, {first} and {second}: expected one value for each of {len(questions)} items, "
            f"got shapes {one.shape} and {two.shape}"
        )
    is_there = ~(np.isnan(one) | np.isnan(two))
    if is_there.sum() < 2:
        raise MeasurementError(f"{table}, {first} and {second}: fewer than two items were measured in both arms")
    ours, theirs = one[is_there], two[is_there]
    asked = [question for question, there in zip(questions, is_there, strict=True) if there]
    is_binary = bool(np.isin(ours, (0.0, 1.0)).all() and np.isin(theirs, (0.0, 1.0)).all())
    return ArmComparison(
        table,
        first,
        second,
        published=_published(one[~np.isnan(one)], two[~np.isnan(two)]),
        published_p=1.0,
        paired=mcnemar_test(ours, theirs) if is_binary else paired_t_test(ours, theirs),
        paired_p=1.0,
        difference=bootstrap_clusters(ours - theirs, asked, seed=seed),
        failures=int((~is_there).sum()),
    )


def _published(one: Float64Array, two: Float64Array) -> IndependentTest | None:
    if np.ptp(one) == 0.0 and np.ptp(two) == 0.0:
        return None
    return independent_t_test(summarise(one), summarise(two))
