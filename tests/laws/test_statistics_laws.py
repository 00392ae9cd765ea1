"""Laws of the statistics: scaling, shifting, and how often an interval holds the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pysteer.metrics.delta_cosine import delta_cosine
from pysteer.statistics import (
    Interval,
    TestResult,
    adjust_p,
    bootstrap_clusters,
    bootstrap_datasets,
    bootstrap_difference,
    bootstrap_mean,
    bootstrap_ratio,
    bootstrap_weighted_mean,
    paired_t_test,
    pearson,
    sign_test,
    slope,
    spearman,
    wilcoxon_test,
    wilson_interval,
)

VALUES = np.random.default_rng(0).standard_normal(40)


def test_the_interval_moves_and_stretches_with_the_values() -> None:
    plain, moved = bootstrap_mean(VALUES, seed=0), bootstrap_mean(3 * VALUES + 7, seed=0)
    assert (moved.mean, moved.low, moved.high) == pytest.approx(
        (3 * plain.mean + 7, 3 * plain.low + 7, 3 * plain.high + 7)
    )


def test_a_difference_from_nothing_is_the_mean_and_swapping_turns_the_sign() -> None:
    nothing = np.zeros_like(VALUES)
    assert bootstrap_difference(VALUES, nothing, seed=0) == bootstrap_mean(VALUES, seed=0)
    swapped = bootstrap_difference(nothing, VALUES, seed=0)
    plain = bootstrap_mean(VALUES, seed=0)
    assert (swapped.low, swapped.high) == pytest.approx((-plain.high, -plain.low))


def test_more_confidence_is_a_wider_interval_around_the_narrower() -> None:
    wide, narrow = (bootstrap_mean(VALUES, seed=0, confidence=confidence) for confidence in (0.99, 0.8))
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


@pytest.mark.parametrize(("n", "share"), [(5, 0.84), (20, 0.93), (50, 0.94)])
def test_intervals_hold_the_true_mean_as_often_as_documented(n: int, share: float) -> None:
    generator = np.random.default_rng(n)
    intervals = [bootstrap_mean(generator.standard_normal(n), seed=i, n_resamples=1000) for i in range(1500)]
    held = np.mean([interval.low <= 0.0 <= interval.high for interval in intervals])
    # Three standard errors of a share of 1500.
    assert held == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / 1500) + 0.005)


def test_slope_is_linear_in_y_and_inverse_in_x() -> None:
    x, y, z = np.array([0.0, 1.0, 4.0]), *np.random.default_rng(0).standard_normal((2, 5, 3))
    np.testing.assert_allclose(slope(x, 2 * y - 3 * z), 2 * slope(x, y) - 3 * slope(x, z))
    np.testing.assert_allclose(slope(10 * x + 5, y), slope(x, y) / 10)


def test_the_mean_of_slopes_is_the_slope_of_the_mean() -> None:
    x, y = np.array([0.0, 1.0, 4.0]), np.random.default_rng(0).standard_normal((5, 3))
    assert slope(x, y).mean() == pytest.approx(float(slope(x, y.mean(axis=0))))


N_TRIALS = 800


def share_that_holds(intervals: list[Interval], truth: float) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


def three_errors(share: float) -> float:
    return 3 * float(np.sqrt(share * (1 - share) / N_TRIALS)) + 0.01


def test_coverage_of_wilson_s_interval() -> None:
    generator = np.random.default_rng(0)
    for share in (0.02, 0.3):
        hits = generator.binomial(60, share, size=N_TRIALS)
        # A count makes jumps: the stated coverage is an average over shares.
        assert share_that_holds([wilson_interval(int(n), 60) for n in hits], share) == pytest.approx(0.95, abs=0.04)


def test_coverage_of_fisher_s_interval_for_pearson_and_spearman() -> None:
    generator, rho = np.random.default_rng(1), 0.7
    ranked = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's rho of a normal pair with correlation rho
    for correlate, truth in ((pearson, rho), (spearman, ranked)):
        found = []
        for _ in range(N_TRIALS):
            x = generator.standard_normal(38)
            pair = correlate(x, rho * x + np.sqrt(1 - rho**2) * generator.standard_normal(38))
            found.append(Interval(pair.value, pair.low, pair.high, 38, 0.95))
        assert share_that_holds(found, float(truth)) == pytest.approx(0.95, abs=three_errors(0.95))


def test_coverage_of_the_weighted_mean_when_the_tokens_of_a_window_are_alike() -> None:
    generator, found = np.random.default_rng(2), []
    for trial in range(N_TRIALS):
        tokens = generator.integers(50, 100, size=40)
        means = 3.0 + generator.standard_normal(40) + generator.standard_normal(40) / np.sqrt(tokens)
        found.append(bootstrap_weighted_mean(means, tokens, seed=trial, n_resamples=500))
    assert share_that_holds(found, 3.0) == pytest.approx(0.94, abs=three_errors(0.94))


def test_coverage_with_several_answers_a_question_is_right_by_question_only() -> None:
    generator, clustered, naive = np.random.default_rng(3), [], []
    questions = np.repeat(np.arange(40), 6)
    for trial in range(N_TRIALS):
        values = np.repeat(generator.standard_normal(40), 6) + 0.5 * generator.standard_normal(240)
        clustered.append(bootstrap_clusters(values, questions.tolist(), seed=trial, n_resamples=500))
        naive.append(bootstrap_mean(values, seed=trial, n_resamples=500))
    assert share_that_holds(clustered, 0.0) == pytest.approx(0.94, abs=three_errors(0.94))
    assert share_that_holds(naive, 0.0) < 0.75


def test_coverage_over_data_sets_is_right_when_they_are_drawn() -> None:
    generator, found = np.random.default_rng(4), []
    for trial in range(N_TRIALS):
        groups = [level + generator.standard_normal(15) for level in generator.standard_normal(30)]
        found.append(bootstrap_datasets(groups, seed=trial, n_resamples=500))
    # Drawing items, too, makes it a little wider than needed.
    assert 0.92 <= share_that_holds(found, 0.0) <= 0.98


def test_coverage_of_a_ratio() -> None:
    generator, found = np.random.default_rng(5), []
    for trial in range(N_TRIALS):
        above, below = 1.0 + generator.standard_normal(60), 2.0 + generator.standard_normal(80)
        found.append(bootstrap_ratio(above, below, is_paired=False, seed=trial, n_resamples=500))
    assert share_that_holds(found, 0.5) == pytest.approx(0.945, abs=three_errors(0.945))


def test_coverage_of_the_jackknifed_mean_cosine() -> None:
    generator, found = np.random.default_rng(6), []
    shape = (40, 64)
    for _ in range(N_TRIALS):
        score = delta_cosine(0.3 + generator.standard_normal(shape))
        found.append(Interval(score.value, score.low, score.high, 40, 0.95))
    many = delta_cosine(0.3 + generator.standard_normal((20_000, 64))).value
    assert share_that_holds(found, many) == pytest.approx(0.95, abs=three_errors(0.95))


@pytest.mark.parametrize("test", [paired_t_test, wilcoxon_test, sign_test])
def test_paired_tests_of_nothing_are_significant_as_rarely_as_they_say(test: Callable[..., TestResult]) -> None:
    generator = np.random.default_rng(7)
    rate = np.mean([test(*generator.standard_normal((2, 30))).p <= 0.05 for _ in range(N_TRIALS)])
    assert rate <= 0.05 + three_errors(0.05)
    assert rate >= (0.005 if test is sign_test else 0.02)  # counts make jumps


def test_of_many_tests_of_nothing_hardly_a_family_has_a_false_alarm() -> None:
    generator = np.random.default_rng(8)
    alarms = [adjust_p(generator.random(36), method="bonferroni").min() <= 0.05 for _ in range(N_TRIALS)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=three_errors(0.05))
    for _ in range(10):  # Holm's smallest p is Bonferroni's, so its false alarms are the same
        p = generator.random(36)
        assert adjust_p(p, method="holm").min() == adjust_p(p, method="bonferroni").min()
