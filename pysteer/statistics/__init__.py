"""How sure a number is: intervals, tests, corrections for many tests, and least-squares lines.

What the core needs (bootstrap of a mean, Wilson interval, slope) takes NumPy alone. Correlations and tests are SciPy's
and statsmodels', which the extra ``statistics`` installs; without them the functions say so.

    checks              arrays that can be measured: not empty, finite, as many axes as expected
    bootstrap           intervals by resampling examples: of means, paired differences, weighted means, ratios
    nested_bootstrap    ... by resampling questions (clusters), or data sets and then their items
    statistic_bootstrap ... of any statistic, bias-corrected
    drawn_interval      percentiles of a number's draws, where many of them must exist
    jackknife           intervals by leaving one example out
    share               the Wilson interval of a share
    line                least-squares slopes
    correlation         Pearson and Spearman with Fisher's interval
    paired_tests        t, Wilcoxon, sign, permutation and McNemar tests on the same items
    multiple_tests      Bonferroni and Holm
    independent_test    Student's test and Cohen's d, as published, also from means and standard deviations
    pairwise_tests      all pairs of arms: the published way, and the right one
"""

from __future__ import annotations

from pysteer.statistics.bootstrap import (
    bootstrap_difference,
    bootstrap_group_difference,
    bootstrap_mean,
    bootstrap_ratio,
    bootstrap_weighted_mean,
)
from pysteer.statistics.checks import finite_values, paired_values
from pysteer.statistics.correlation import Correlation, pearson, spearman
from pysteer.statistics.drawn_interval import drawn_interval
from pysteer.statistics.independent_test import GroupSummary, IndependentTest, independent_t_test, summarise
from pysteer.statistics.interval import Interval
from pysteer.statistics.jackknife import jackknife
from pysteer.statistics.line import slope
from pysteer.statistics.multiple_tests import adjust_p
from pysteer.statistics.nested_bootstrap import bootstrap_clusters, bootstrap_datasets
from pysteer.statistics.paired_tests import (
    TestResult,
    mcnemar_test,
    paired_t_test,
    permutation_test,
    sign_test,
    wilcoxon_test,
)
from pysteer.statistics.pairwise_tests import ArmComparison, compare_arms
from pysteer.statistics.share import wilson_interval
from pysteer.statistics.statistic_bootstrap import bootstrap_statistic

__all__ = [
    "ArmComparison",
    "Correlation",
    "GroupSummary",
    "IndependentTest",
    "Interval",
    "TestResult",
    "adjust_p",
    "bootstrap_clusters",
    "bootstrap_datasets",
    "bootstrap_difference",
    "bootstrap_group_difference",
    "bootstrap_mean",
    "bootstrap_ratio",
    "bootstrap_statistic",
    "bootstrap_weighted_mean",
    "compare_arms",
    "drawn_interval",
    "finite_values",
    "independent_t_test",
    "jackknife",
    "mcnemar_test",
    "paired_t_test",
    "paired_values",
    "pearson",
    "permutation_test",
    "sign_test",
    "slope",
    "spearman",
    "summarise",
    "wilcoxon_test",
    "wilson_interval",
]
