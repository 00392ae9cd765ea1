"""Trade-off: costs, selectivity, recovery, fronts, onsets, sample efficiency, coherence against accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pysteer.errors import MeasurementError
from pysteer.metrics.capability_cost import capability_cost
from pysteer.metrics.change_point import fit_onsets
from pysteer.metrics.coherence_accuracy_correlation import coherence_accuracy_correlation
from pysteer.metrics.coherence_correlations import coherence_correlations
from pysteer.metrics.over_steering_onset import over_steering_onset
from pysteer.metrics.pareto_front import pareto_front
from pysteer.metrics.predicted_knee import predicted_knee
from pysteer.metrics.recovered_share import recovered_share
from pysteer.metrics.sample_efficiency import expected_cosine, noise_ratio, pairs_for_cosine, sample_efficiency
from pysteer.metrics.selectivity import selectivity

GENERATOR = np.random.default_rng(0)
STRENGTHS = np.linspace(0, 3, 13)


# ------------------------------------------------------------------------------------------------ ratios


def test_cost_and_selectivity_are_ratios_of_means_and_each_other_s_inverse() -> None:
    gain, loss = 2.0 + GENERATOR.random(80), 0.5 + GENERATOR.random(150)
    cost, index = capability_cost(gain, loss, seed=0), selectivity(gain, loss, seed=0)
    assert cost.value == pytest.approx(loss.mean() / gain.mean())
    assert cost.value * index.value == pytest.approx(1.0)
    assert cost.per_example.mean() == pytest.approx(cost.value)
    assert (cost.n, index.n) == (150, 80)


def test_steering_that_is_free_costs_nothing() -> None:
    assert capability_cost(np.ones(5), np.zeros(9), seed=0).value == 0.0
    with pytest.raises(MeasurementError, match="may be 0"):
        selectivity(np.ones(5), GENERATOR.standard_normal(50), seed=0)


def test_without_a_gain_there_is_no_price() -> None:
    with pytest.raises(MeasurementError, match="may be 0"):
        capability_cost(GENERATOR.standard_normal(60), np.ones(9), seed=0)


def test_recovery_is_nothing_half_or_everything() -> None:
    control = 0.8 + 0.1 * GENERATOR.random(40)
    steered = control - 0.5
    for share in (0.0, 0.5, 1.0, 1.5):
        score = recovered_share(control, steered, steered + share * 0.5, seed=0)
        assert score.value == pytest.approx(share)
        assert score.per_example == pytest.approx(np.full(40, share))
    with pytest.raises(MeasurementError, match="may be 0"):
        recovered_share(control, control, control, seed=0)


def test_the_front_is_what_a_plain_loop_says() -> None:
    x, y = GENERATOR.random((2, 60))
    loop = [
        not any(x[j] >= x[i] and y[j] >= y[i] and (x[j] > x[i] or y[j] > y[i]) for j in range(60)) for i in range(60)
    ]
    assert pareto_front(x, y).tolist() == loop
    assert pareto_front([1.0, 1.0, 0.0], [1.0, 1.0, 2.0]).tolist() == [True, True, True]
    with pytest.raises(MeasurementError, match="NaN"):
        pareto_front([1.0, np.nan], [1.0, 1.0])


# ------------------------------------------------------------------------------------------------ onset


def hinge(onset: float) -> np.ndarray:
    return 0.9 - 0.3 * np.maximum(0.0, STRENGTHS - onset)


@pytest.mark.parametrize("onset", [0.0, 0.75, 1.5, 2.25])
def test_a_planted_onset_is_found(onset: float) -> None:
    curves = hinge(onset) + 0.02 * GENERATOR.standard_normal((200, 13))
    score = over_steering_onset(STRENGTHS, curves, seed=0)
    assert score.value == pytest.approx(onset, abs=0.05)
    assert score.low - 0.016 <= onset <= score.high + 0.016  # places lie 0.015 apart


def test_the_sign_and_order_of_strengths_do_not_matter() -> None:
    curves = hinge(1.5) + 0.02 * GENERATOR.standard_normal((50, 13))
    plain = over_steering_onset(STRENGTHS, curves, seed=0)
    turned = over_steering_onset(-STRENGTHS[::-1], curves[:, ::-1], seed=0)
    assert (plain.value, plain.low, plain.high) == (turned.value, turned.low, turned.high)


def test_right_and_wrong_answers_give_an_onset_too() -> None:
    hits = (GENERATOR.random((700, 13)) < hinge(1.5)).astype(float)
    score = over_steering_onset(STRENGTHS, hits, seed=0)
    assert score.low < 1.5 < score.high
    assert score.high - score.low < 0.8


def test_a_capability_that_does_not_fall_has_no_onset() -> None:
    for curves in (np.ones((5, 13)), 0.5 + np.outer(np.ones(5), STRENGTHS)):
        with pytest.raises(MeasurementError, match="does not set in"):
            over_steering_onset(STRENGTHS, curves, seed=0)


def test_noise_has_an_onset_as_rarely_as_its_interval_says() -> None:
    found = 0
    for trial in range(60):
        try:
            over_steering_onset(STRENGTHS, GENERATOR.standard_normal((60, 13)), seed=trial)
            found += 1
        except MeasurementError as error:
            assert "may be 0" in str(error)  # noqa: PT017
    assert found / 60 <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 60)


def test_the_fit_is_the_best_of_a_plain_search() -> None:
    curve = hinge(1.1) + 0.05 * GENERATOR.standard_normal(13)
    places = np.linspace(0, 3, 201)[:-1]
    left = []
    for place in places:
        design = np.stack([np.ones(13), np.maximum(0, STRENGTHS - place)], axis=1)
        left.append(((curve - design @ np.linalg.lstsq(design, curve, rcond=None)[0]) ** 2).sum())
    assert fit_onsets(STRENGTHS, curve[None])[0] == pytest.approx(places[np.argmin(left)])


def test_strengths_of_both_signs_or_too_few_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="one sign"):
        over_steering_onset([-1.0, 0.0, 1.0, 2.0], np.ones((3, 4)), seed=0)
    with pytest.raises(MeasurementError, match="at least four strengths"):
        over_steering_onset([0.0, 1.0, 2.0], np.ones((3, 3)), seed=0)


# ------------------------------------------------------------------------------------------------ sample efficiency


def noisy_deltas(n: int, width: int = 256, ratio: float = 30.0) -> np.ndarray:
    mean = np.zeros(width)
    mean[0] = 1.0
    return mean + np.sqrt(ratio / width) * GENERATOR.standard_normal((n, width))


def test_a_mean_of_noise_has_the_expected_cosine() -> None:
    for n in (3, 10, 100):
        vectors = np.stack([noisy_deltas(n).mean(axis=0) for _ in range(100)])
        cosines = vectors[:, 0] / np.linalg.norm(vectors, axis=1)
        assert cosines.mean() == pytest.approx(expected_cosine(n, 30.0), abs=0.01)


def test_the_noise_ratio_is_estimated_without_bias() -> None:
    # |mean|^2 alone would be too long by tr(S)/n, and the ratio half of what it is.
    ratios = [noise_ratio(noisy_deltas(30)) for _ in range(100)]
    assert np.median(ratios) == pytest.approx(30.0, rel=0.1)


def test_measured_and_predicted_curve_and_knee_agree() -> None:
    deltas = noisy_deltas(2000)
    sizes = [1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1280]
    curve = sample_efficiency(deltas, sizes=sizes, n_repeats=20, seed=0)
    np.testing.assert_allclose(curve.cosines.mean(axis=0), curve.predicted, atol=0.02)
    measured, predicted = curve.knee(0.95), predicted_knee(deltas)
    assert predicted.low < pairs_for_cosine(30.0, 0.95) < predicted.high
    # The measured one is against the mean of 2000, whose own error makes it a little earlier.
    against_all = 30.0 / ((1 + 30 / 2000) / 0.95**2 - 1)
    assert measured.mean == pytest.approx(against_all, rel=0.1)
    assert measured.low < measured.mean < measured.high


def test_all_pairs_together_have_cosine_one() -> None:
    curve = sample_efficiency(noisy_deltas(40), sizes=[10, 40], n_repeats=3, seed=0)
    np.testing.assert_allclose(curve.cosines[:, 1], 1.0)
    assert curve.predicted[1] == 1.0


def test_pairs_without_scatter_need_no_second_pair() -> None:
    assert noise_ratio(np.ones((5, 3))) == pytest.approx(0.0, abs=1e-12)


def test_a_target_out_of_the_measured_range_is_an_error() -> None:
    curve = sample_efficiency(noisy_deltas(100), sizes=[1, 5, 10], n_repeats=5, seed=0)
    with pytest.raises(MeasurementError, match="not reached by 10 pairs"):
        curve.knee(0.99)
    with pytest.raises(MeasurementError, match="reached from 1 pairs"):
        curve.knee(0.01)


def test_deltas_without_a_common_direction_have_no_knee() -> None:
    deltas = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    with pytest.raises(MeasurementError, match="no common direction"):
        predicted_knee(deltas)
    with pytest.raises(MeasurementError, match="sizes of 1 to 4"):
        sample_efficiency(deltas, sizes=[5], n_repeats=2, seed=0)


def test_the_jackknife_of_the_knee_leaves_each_pair_out() -> None:
    deltas = noisy_deltas(25, width=8, ratio=2.0)
    score = predicted_knee(deltas)
    without = np.log([predicted_knee(np.delete(deltas, i, axis=0)).value for i in range(25)])
    half = stats.t.ppf(0.975, 24) * np.sqrt(24 / 25 * ((without - without.mean()) ** 2).sum())
    assert np.log(score.high / score.value) == pytest.approx(half)


# ------------------------------------------------------------------------------------------------ coherence


def responses(n_questions: int = 150, n_arms: int = 4) -> dict[str, np.ndarray]:
    arms = np.tile(np.arange(n_arms), n_questions)
    questions = np.repeat(np.arange(n_questions), n_arms)
    level = 4.0 - arms + np.repeat(GENERATOR.standard_normal(n_questions), n_arms)
    coherence = np.clip(np.round(level + 0.5 * GENERATOR.standard_normal(level.size)), 1, 5)
    accuracy = (level + GENERATOR.standard_normal(level.size) > 2.5).astype(float)
    return {"coherence": coherence, "accuracy": accuracy, "arms": arms, "questions": questions}


def test_correlations_are_scipy_s_on_both_levels() -> None:
    data = responses()
    found = coherence_correlations(**data, seed=0)  # type: ignore[arg-type]
    x, y = data["coherence"], data["accuracy"]
    assert found.pearson.value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.spearman.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert coherence_accuracy_correlation(x, y).value == found.pearson.value
    means = np.array([[x[data["arms"] == arm].mean(), y[data["arms"] == arm].mean()] for arm in range(4)])
    assert found.arm_pearson is not None
    assert found.arm_spearman is not None
    assert found.arm_pearson.value == pytest.approx(stats.pearsonr(*means.T).statistic)
    assert found.arm_spearman.value == 1.0
    assert found.by_question.n == 150
    assert found.by_question.low < found.pearson.value < found.by_question.high


def test_drawing_questions_equals_drawing_their_responses_one_by_one() -> None:
    data = responses(n_questions=30)
    found = coherence_correlations(**data, seed=4)  # type: ignore[arg-type]
    draws = np.random.default_rng(4).integers(0, 30, size=(2000, 30))
    values = []
    for draw in draws[:2000]:
        rows = np.concatenate([np.arange(4 * question, 4 * question + 4) for question in draw])
        values.append(np.corrcoef(data["coherence"][rows], data["accuracy"][rows])[0, 1])
    assert (found.by_question.low, found.by_question.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_responses_without_a_rating_are_counted() -> None:
    data = responses()
    data["coherence"][:7] = np.nan
    assert coherence_correlations(**data, seed=0).failures == 7  # type: ignore[arg-type]
    assert coherence_accuracy_correlation(data["coherence"], data["accuracy"]).failures == 7


def test_a_few_arms_or_arms_that_are_alike_have_no_correlation() -> None:
    found = coherence_correlations(**responses(n_arms=3), seed=0)  # type: ignore[arg-type]
    assert found.arm_pearson is None
    assert found.arm_spearman is None


def test_shuffled_accuracy_gives_chance() -> None:
    data = responses()
    chance = coherence_accuracy_correlation(data["coherence"], GENERATOR.permutation(data["accuracy"]))
    assert chance.low < 0.0 < chance.high
