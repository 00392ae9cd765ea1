"""Do two arms differ on the same items?

Every test here is two-sided, takes pairs (entry ``i`` of both arms is the same item) and is SciPy's or statsmodels'.
For shares of correct answers use McNemar's; for ratings Wilcoxon's or the permutation test; for means of many items the
paired t test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics.checks import paired_values
from pysteer.statistics.scipy_access import load


@dataclass(frozen=True)
class TestResult:
    """Outcome of one test.

    Parameters
    ----------
    test : str
        Its name.
    statistic, p : float
        Test statistic, positive where ``first`` is larger (counts excepted), and two-sided p.
    effect : float
        Mean of ``first - second``, in the unit of the values.
    n : int
        Pairs.
    """

    __test__ = False  # not a test case, whatever its name tells pytest

    test: str
    statistic: float
    p: float
    effect: float
    n: int


def paired_t_test(first: npt.ArrayLike, second: npt.ArrayLike) -> TestResult:
    """Test whether the mean difference is 0 (Student's test of the differences); at least two pairs.

    Raises
    ------
    MeasurementError
        Unequal lengths, a value that is not finite, or all differences are the same number other than 0.
    """
    one, two = paired_values(first, second, what=("first", "second"), n_min=2)
    difference = one - two
    if not difference.any():
        return TestResult("paired t", 0.0, 1.0, 0.0, one.size)
    if np.ptp(difference) == 0.0:
        raise MeasurementError(f"no t: all {one.size} differences are {difference[0]}, so they show no spread")
    result = load("scipy.stats").ttest_1samp(difference, 0.0)
    return TestResult("paired t", float(result.statistic), float(result.pvalue), float(difference.mean()), one.size)


def wilcoxon_test(first: npt.ArrayLike, second: npt.ArrayLike) -> TestResult:
    """Test whether the differences lie evenly about 0 by their signed ranks; pairs that tie count half each way.

    The statistic is the sum of ranks of positive differences minus that of negative ones.

    Raises
    ------
    MeasurementError
        As `paired_values`.
    """
    one, two = paired_values(first, second, what=("first", "second"), n_min=2)
    difference = one - two
    if not difference.any():
        return TestResult("Wilcoxon", 0.0, 1.0, 0.0, one.size)
    stats = load("scipy.stats")
    # Zeros and ties rule out the exact table; SciPy would warn and switch by itself.
    has_ties = np.unique(np.abs(difference)).size < difference.size or not difference.all()
    method = "approx" if has_ties or difference.size > 50 else "exact"
    result = stats.wilcoxon(difference, zero_method="pratt", method=method)
    ranks = stats.rankdata(np.abs(difference)) * np.sign(difference)
    return TestResult("Wilcoxon", float(ranks.sum()), float(result.pvalue), float(difference.mean()), one.size)


def sign_test(first: npt.ArrayLike, second: npt.ArrayLike) -> TestResult:
    """Test whether ``first`` is larger as often as smaller (exact binomial); ties say nothing and are left out.

    The statistic is the number of pairs in which ``first`` is larger.

    Raises
    ------
    MeasurementError
        As `paired_values`.
    """
    one, two = paired_values(first, second, what=("first", "second"))
    n_larger, n_smaller = int((one > two).sum()), int((one < two).sum())
    p = 1.0
    if n_larger + n_smaller:
        p = float(load("scipy.stats").binomtest(n_larger, n_larger + n_smaller).pvalue)
    return TestResult("sign", float(n_larger), p, float((one - two).mean()), one.size)


def permutation_test(
    first: npt.ArrayLike, second: npt.ArrayLike, *, seed: int, n_resamples: int = 10_000
) -> TestResult:
    """Test whether the arms could be swapped within pairs: the mean difference against random signs.

    Exact where there are at most ``n_resamples`` sign patterns. The statistic is the mean difference.

    Raises
    ------
    MeasurementError
        As `paired_values`; fewer than two pairs or 100 resamples.
    """
    one, two = paired_values(first, second, what=("first", "second"), n_min=2)
    if n_resamples < 100:
        raise MeasurementError(f"expected at least 100 resamples, got {n_resamples}")
    result = load("scipy.stats").permutation_test(
        (one - two,),
        _row_means,
        permutation_type="samples",
        vectorized=True,
        n_resamples=n_resamples,
        batch=1000,
        rng=np.random.default_rng(seed),
    )
    effect = float((one - two).mean())
    return TestResult("permutation", effect, float(result.pvalue), effect, one.size)


def mcnemar_test(first: npt.ArrayLike, second: npt.ArrayLike) -> TestResult:
    """Test whether two arms are right equally often, from the items on which only one of them is (McNemar 1947).

    Exact (binomial). The statistic is the number of items that ``first`` alone has right; ``effect`` is the difference
    of the shares.

    Parameters
    ----------
    first, second : 0 or 1 (or bool), shape (n,)

    Raises
    ------
    MeasurementError
        Unequal lengths, or values other than 0 and 1.
    """
    one, two = paired_values(first, second, what=("first", "second"))
    for values in (one, two):
        if not np.isin(values, (0.0, 1.0)).all():
            raise MeasurementError("McNemar's test compares right (1) with wrong (0), got other values")
    table = [[int(((one == a) & (two == b)).sum()) for b in (1.0, 0.0)] for a in (1.0, 0.0)]
    p = 1.0
    if table[0][1] + table[1][0]:
        p = float(load("statsmodels.stats.contingency_tables").mcnemar(table, exact=True).pvalue)
    return TestResult("McNemar", float(table[0][1]), p, float((one - two).mean()), one.size)


def _row_means(differences: Float64Array, axis: int) -> Float64Array:
    return np.asarray(differences.mean(axis=axis), dtype=np.float64)
