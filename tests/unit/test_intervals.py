"""Intervals: Wilson's, the jackknife, and the bootstrap by weight, ratio, group, cluster and data set."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import stats

from pysteer.errors import MeasurementError
from pysteer.statistics import (
    bootstrap_clusters,
    bootstrap_datasets,
    bootstrap_group_difference,
    bootstrap_mean,
    bootstrap_ratio,
    bootstrap_statistic,
    bootstrap_weighted_mean,
    jackknife,
    pearson,
    spearman,
    wilson_interval,
)
from pysteer.statistics.jackknife import leave_one_out_means
from pysteer.statistics.scipy_access import load

GENERATOR = np.random.default_rng(0)
FIRST = GENERATOR.standard_normal(40) + 0.3
SECOND = 0.5 * FIRST + GENERATOR.standard_normal(40)


def test_wilson_s_interval_is_scipy_s() -> None:
    for hits in (0, 1, 17, 59, 60):
        theirs = stats.binomtest(hits, 60).proportion_ci(method="wilson")
        ours = wilson_interval(hits, 60)
        assert (ours.mean, ours.low, ours.high) == pytest.approx((hits / 60, theirs.low, theirs.high), abs=1e-12)
    for hits, n in ((1, 0), (-1, 5), (6, 5)):
        with pytest.raises(MeasurementError, match="at least one trial"):
            wilson_interval(hits, n)


def test_the_jackknife_of_a_mean_is_student_s_interval() -> None:
    interval = jackknife(FIRST.mean(), leave_one_out_means(FIRST))
    theirs = stats.t.interval(0.95, 39, FIRST.mean(), stats.sem(FIRST))
    assert (interval.low, interval.high) == pytest.approx(theirs)
    with pytest.raises(MeasurementError, match="three examples"):
        jackknife(1.0, [1.0, 2.0])


def test_equal_weights_and_clusters_of_one_are_the_plain_bootstrap() -> None:
    plain = bootstrap_mean(FIRST, seed=5)
    weighted = bootstrap_weighted_mean(FIRST, np.full(40, 3.0), seed=5)
    clustered = bootstrap_clusters(FIRST, list(range(40)), seed=5)
    for other in (weighted, clustered):
        assert (other.mean, other.low, other.high) == pytest.approx((plain.mean, plain.low, plain.high))


def test_copies_of_an_example_count_as_one_cluster() -> None:
    # Ten answers to each question that are all the same say as much as one.
    plain = bootstrap_mean(FIRST, seed=5)
    copied = bootstrap_clusters(np.repeat(FIRST, 10), np.repeat(np.arange(40), 10).tolist(), seed=5)
    assert (copied.low, copied.high, copied.n) == (pytest.approx(plain.low), pytest.approx(plain.high), 40)
    naive = bootstrap_mean(np.repeat(FIRST, 10), seed=5)
    assert naive.high - naive.low < 0.5 * (copied.high - copied.low)


def test_ratio_with_a_constant_below_is_the_mean_above() -> None:
    for is_paired in (True, False):
        ratio = bootstrap_ratio(FIRST, np.full(40, 2.0), is_paired=is_paired, seed=0)
        assert ratio.mean == pytest.approx(FIRST.mean() / 2)
    with pytest.raises(MeasurementError, match="not bounded"):
        bootstrap_ratio(FIRST, SECOND - SECOND.mean(), is_paired=True, seed=0)


@pytest.mark.parametrize("gain", [0.0, 1.0])
def test_a_ratio_whose_denominator_is_zero_in_a_few_draws_has_ends_or_an_error_but_no_nan(gain: float) -> None:
    below = np.array([1.0] * 3 + [0.0] * 3)  # all zeros in 1.6 % of the draws, below the 2.5 % of an end
    ratio = bootstrap_ratio(np.full(6, gain), below, is_paired=False, seed=0)
    assert ratio.mean == 2.0 * gain
    assert np.isfinite([ratio.low, ratio.high]).all()
    with pytest.raises(MeasurementError, match="not bounded"):  # together 0 / 0 and x / 0
        bootstrap_ratio(np.full(6, gain), below, is_paired=False, seed=0, confidence=0.98)


def test_groups_are_drawn_apart() -> None:
    interval = bootstrap_group_difference(FIRST, SECOND[:20], seed=0)
    error = np.sqrt(FIRST.var() / 40 + SECOND[:20].var() / 20)
    assert interval.mean == pytest.approx(FIRST.mean() - SECOND[:20].mean())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.05)


def test_every_data_set_counts_alike_and_its_spread_counts_twice() -> None:
    groups = [np.zeros(100), np.ones(2)]
    assert bootstrap_datasets(groups, seed=0).mean == 0.5
    between = bootstrap_datasets([np.full(50, float(i)) for i in range(8)], seed=0)
    noise = GENERATOR.standard_normal((8, 5))
    within = bootstrap_datasets([i + 9 * (items - items.mean()) for i, items in enumerate(noise)], seed=0)
    assert within.mean == pytest.approx(between.mean)
    assert within.high - within.low > between.high - between.low
    with pytest.raises(MeasurementError, match="at least two data sets"):
        bootstrap_datasets([FIRST], seed=0)


def test_the_bootstrap_of_any_statistic_is_scipy_s_bca() -> None:
    interval = bootstrap_statistic([FIRST, SECOND], lambda x, y: float(np.corrcoef(x, y)[0, 1]), seed=0)
    assert interval.mean == pytest.approx(np.corrcoef(FIRST, SECOND)[0, 1])
    assert interval.low == pytest.approx(pearson(FIRST, SECOND).low, abs=0.15)
    with pytest.raises(MeasurementError, match="resamples agree"):
        bootstrap_statistic([np.ones(5)], lambda x: float(x.mean()), seed=0)
    with pytest.raises(MeasurementError, match="one length"):
        bootstrap_statistic([FIRST, SECOND[:5]], lambda x, y: 0.0, seed=0)


def test_what_needs_scipy_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MeasurementError, match=r"needs scipy: pip install 'pysteer-gguf\[statistics\]'"):
        load("scipy.stats")
    with pytest.raises(MeasurementError, match="needs scipy"):
        spearman(FIRST, SECOND)
