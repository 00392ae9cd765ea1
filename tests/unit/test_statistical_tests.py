"""Tests, corrections and correlations: published numbers, SciPy and statsmodels as oracles, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from pysteer.errors import MeasurementError
from pysteer.statistics import (
    GroupSummary,
    adjust_p,
    bootstrap_clusters,
    compare_arms,
    independent_t_test,
    mcnemar_test,
    paired_t_test,
    pearson,
    permutation_test,
    sign_test,
    spearman,
    summarise,
    wilcoxon_test,
)

GENERATOR = np.random.default_rng(0)
FIRST = GENERATOR.standard_normal(40) + 0.3
SECOND = 0.5 * FIRST + GENERATOR.standard_normal(40)
HITS, OTHERS = (GENERATOR.random((2, 60)) < 0.6).astype(float)
PAIRED = (paired_t_test, wilcoxon_test, sign_test, mcnemar_test)


# ------------------------------------------------------------------------------------------------ arms


def test_the_published_t_and_d_of_coherence_follow_from_their_means() -> None:
    # "Mind the Performance Gap", 8B, control against steering.
    test = independent_t_test(GroupSummary(4.5683, 0.8293, 2393), GroupSummary(2.2412, 1.3639, 2392))
    assert test.t == pytest.approx(71.3, abs=0.05)
    assert test.cohens_d == pytest.approx(2.06, abs=0.005)
    assert test.p < 1e-300


def test_student_s_test_of_values_is_scipy_s() -> None:
    test = independent_t_test(summarise(FIRST), summarise(SECOND[:30]))
    theirs = stats.ttest_ind(FIRST, SECOND[:30])
    assert (test.t, test.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert independent_t_test(summarise(SECOND), summarise(FIRST)).cohens_d == pytest.approx(
        -independent_t_test(summarise(FIRST), summarise(SECOND)).cohens_d
    )


@pytest.mark.parametrize("group", [GroupSummary(1.0, 0.0, 1), GroupSummary(np.nan, 1.0, 9), GroupSummary(1.0, -1.0, 9)])
def test_a_group_without_a_spread_is_an_error(group: GroupSummary) -> None:
    with pytest.raises(MeasurementError, match="expected at least two values"):
        independent_t_test(group, GroupSummary(0.0, 1.0, 9))
    with pytest.raises(MeasurementError, match="neither group has any spread"):
        independent_t_test(GroupSummary(1.0, 0.0, 9), GroupSummary(0.0, 0.0, 9))


def arms(n_questions: int = 40, n_queries: int = 5) -> tuple[dict[str, dict[str, np.ndarray]], np.ndarray]:
    questions = np.repeat(np.arange(n_questions), n_queries)
    level = np.repeat(GENERATOR.standard_normal(n_questions), n_queries)

    def ratings(shift: float) -> np.ndarray:
        return level + shift + 0.5 * GENERATOR.standard_normal(level.size)

    names = {"control": 0.0, "prompting": 0.0, "steering": -0.5, "combined": -0.3}
    coherence = {name: ratings(shift) for name, shift in names.items()}
    accuracy = {name: (ratings(shift) > 0.0).astype(float) for name, shift in names.items()}
    return {"coherence": coherence, "accuracy": accuracy}, questions


def test_all_pairs_of_arms_are_tested_both_ways_and_corrected_for_all() -> None:
    tables, questions = arms()
    found = compare_arms(tables, questions.tolist(), seed=0)
    assert len(found) == 12  # six pairs, two tables
    by_name = {(each.table, each.first, each.second): each for each in found}
    one = by_name["coherence", "control", "steering"]
    control, steering = tables["coherence"]["control"], tables["coherence"]["steering"]
    assert one.published is not None
    assert one.published.t == pytest.approx(stats.ttest_ind(control, steering).statistic)
    assert one.published_p == pytest.approx(min(1.0, 12 * one.published.p))
    assert one.paired.test == "paired t"
    assert one.paired.p == pytest.approx(stats.ttest_rel(control, steering).pvalue)
    assert one.paired_p >= one.paired.p
    assert one.difference == bootstrap_clusters(control - steering, questions.tolist(), seed=0)
    assert by_name["accuracy", "control", "steering"].paired.test == "McNemar"
    # Pairs take out what the questions have in common.
    assert one.paired.p < one.published.p


def test_items_that_failed_in_an_arm_are_counted_and_left_out_of_pairs() -> None:
    tables, questions = arms()
    tables["coherence"]["control"][:7] = np.nan
    tables["coherence"]["steering"][5:9] = np.nan
    (one,) = [
        each
        for each in compare_arms(tables, questions.tolist(), seed=0)
        if f"{each.first} {each.second} {each.table}" == "control steering coherence"
    ]
    assert one.failures == 9
    assert one.paired.n == 191
    assert one.published is not None
    assert (one.published.first.n, one.published.second.n) == (193, 196)


def test_arms_that_are_always_right_have_no_published_test() -> None:
    tables = {"accuracy": {"a": np.ones(10), "b": np.ones(10)}}
    (one,) = compare_arms(tables, list(range(10)), seed=0)
    assert one.published is None
    assert (one.published_p, one.paired.p, one.difference.mean) == (1.0, 1.0, 0.0)


def test_arms_that_cannot_be_compared_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="at least one table with two arms"):
        compare_arms({"accuracy": {"a": [1.0, 0.0]}}, [0, 1], seed=0)
    with pytest.raises(MeasurementError, match="one value for each of 3 items"):
        compare_arms({"accuracy": {"a": [1.0, 0.0], "b": [1.0, 0.0]}}, [0, 1, 2], seed=0)
    with pytest.raises(MeasurementError, match="fewer than two items"):
        compare_arms({"accuracy": {"a": [1.0, np.nan], "b": [1.0, 0.0]}}, [0, 1], seed=0)


# ------------------------------------------------------------------------------------------------ paired tests


def test_paired_tests_are_scipy_s() -> None:
    assert paired_t_test(FIRST, SECOND).p == pytest.approx(stats.ttest_rel(FIRST, SECOND).pvalue)
    assert wilcoxon_test(FIRST, SECOND).p == pytest.approx(stats.wilcoxon(FIRST, SECOND, method="exact").pvalue)
    larger = int((FIRST > SECOND).sum())
    assert sign_test(FIRST, SECOND).p == pytest.approx(stats.binomtest(larger, 40).pvalue)
    assert sign_test(FIRST, SECOND).statistic == larger


def test_mcnemar_is_the_binomial_of_the_items_on_which_one_is_right() -> None:
    only_first, only_second = int((HITS > OTHERS).sum()), int((HITS < OTHERS).sum())
    test = mcnemar_test(HITS, OTHERS)
    assert test.p == pytest.approx(stats.binomtest(only_first, only_first + only_second).pvalue)
    assert test.statistic == only_first
    assert test.effect == pytest.approx((only_first - only_second) / 60)


def test_the_permutation_test_is_exact_for_few_pairs() -> None:
    first, second = np.array([3.0, 2.0, 5.0, 4.0, 6.0]), np.array([1.0, 1.5, 3.0, 1.0, 2.0])
    # All differences are positive: of 32 sign patterns only two are as far out.
    assert permutation_test(first, second, seed=0).p == pytest.approx(2 / 32)


def test_the_permutation_test_agrees_with_the_t_test_on_normal_data() -> None:
    test = permutation_test(FIRST, SECOND, seed=0, n_resamples=5000)
    assert test.p == pytest.approx(paired_t_test(FIRST, SECOND).p, abs=0.03)
    assert test == permutation_test(FIRST, SECOND, seed=0, n_resamples=5000)


@pytest.mark.parametrize("test", [*PAIRED, permutation_test])
def test_arms_that_agree_do_not_differ(test: Any) -> None:
    keywords = {"seed": 0} if test is permutation_test else {}
    result = test(HITS, HITS, **keywords)
    assert (result.p, result.effect, result.n) == (1.0, 0.0, 60)


@pytest.mark.parametrize("test", PAIRED)
def test_swapping_the_arms_turns_the_effect_and_keeps_p(test: Any) -> None:
    there, back = test(HITS, OTHERS), test(OTHERS, HITS)
    assert there.p == pytest.approx(back.p)
    assert there.effect == pytest.approx(-back.effect)


@pytest.mark.parametrize("test", [*PAIRED, permutation_test])
def test_paired_tests_refuse_what_has_no_pairs(test: Any) -> None:
    keywords = {"seed": 0} if test is permutation_test else {}
    for first, second in (([], []), ([1.0, 0.0], [1.0]), ([1.0, np.nan], [1.0, 0.0])):
        with pytest.raises(MeasurementError):
            test(first, second, **keywords)


def test_tests_refuse_numbers_they_do_not_fit() -> None:
    with pytest.raises(MeasurementError, match="right \\(1\\) with wrong \\(0\\)"):
        mcnemar_test([0.5, 1.0], [0.0, 1.0])
    with pytest.raises(MeasurementError, match="show no spread"):
        paired_t_test([1.0, 2.0], [0.0, 1.0])
    with pytest.raises(MeasurementError, match="100 resamples"):
        permutation_test(FIRST, SECOND, seed=0, n_resamples=10)


# ------------------------------------------------------------------------------------------------ many tests


def test_corrections_are_those_of_their_definition() -> None:
    p = GENERATOR.random(20) ** 3
    np.testing.assert_allclose(adjust_p(p, method="bonferroni"), np.minimum(1.0, 20 * p))
    order = np.argsort(p)
    holm = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(20, 0, -1)))
    np.testing.assert_allclose(adjust_p(p, method="holm")[order], holm)
    assert (adjust_p(p, method="holm") <= adjust_p(p, method="bonferroni")).all()


@pytest.mark.parametrize(("p", "method"), [([], "holm"), ([1.2], "holm"), ([0.5, np.nan], "holm"), ([0.5], "fdr")])
def test_what_is_no_p_or_method_is_an_error(p: list[float], method: str) -> None:
    with pytest.raises(MeasurementError):
        adjust_p(p, method=method)


# ------------------------------------------------------------------------------------------------ correlations


def test_correlations_and_fisher_s_interval_are_scipy_s() -> None:
    theirs = stats.pearsonr(FIRST, SECOND)
    ours = pearson(FIRST, SECOND)
    interval = theirs.confidence_interval(0.95)
    assert (ours.value, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    ranked = spearman(np.round(FIRST), np.round(SECOND))
    assert ranked.value == pytest.approx(stats.spearmanr(np.round(FIRST), np.round(SECOND)).statistic)
    assert ranked.contributions.mean() == pytest.approx(ranked.value)
    assert ours.contributions.mean() == pytest.approx(ours.value)
    assert spearman(FIRST, SECOND).high - spearman(FIRST, SECOND).low > 0.0


@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4]), ([1, 2, 3, 4], [1, 2, 3])])
def test_too_few_or_constant_values_have_no_correlation(x: list[float], y: list[float]) -> None:
    for correlate in (pearson, spearman):
        with pytest.raises(MeasurementError):
            correlate(x, y)
