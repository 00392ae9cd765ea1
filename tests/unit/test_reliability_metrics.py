"""Answer factors, variance shares, shifts, transfer, dispersion: planted answers and chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pysteer.errors import MeasurementError
from pysteer.metrics.answer_factors import answer_is_a, answer_is_yes
from pysteer.metrics.cross_model_correlation import cross_model_correlation
from pysteer.metrics.delta_cosine import delta_cosine
from pysteer.metrics.dispersion import dispersion
from pysteer.metrics.letter_bias import letter_bias
from pysteer.metrics.ood_correlation import ood_correlation
from pysteer.metrics.ood_ratio import ood_ratio
from pysteer.metrics.relative_steerability import relative_steerability, relative_table
from pysteer.metrics.setting_similarity import setting_distances, transfer_correlation
from pysteer.metrics.shift_table import ShiftTable
from pysteer.metrics.spurious_variance import spurious_variance
from pysteer.metrics.variance_shares import decompose_variance, explained_shares

STANDARD = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
SETTINGS = ("BASE", "SYS_POS", "SYS_NEG", "USER_POS", "USER_NEG")
N = 1200
GENERATOR = np.random.default_rng(0)
IS_A = np.arange(N) % 2 == 0
IS_YES = np.arange(N) % 4 < 2  # balanced against the letter


def curves(slopes: np.ndarray) -> np.ndarray:
    return np.outer(slopes, STANDARD) + GENERATOR.standard_normal(slopes.size)[:, None]


# ------------------------------------------------------------------------------------------------ factors


PROMPT = 'Would you say this?\n"Yes, (A): No."\n\nChoices:\n(A):  No\n(B):  Yes'


def test_factors_are_read_off_prompt_and_response() -> None:
    assert answer_is_a(["(A)", " (B)", "(A) "]).tolist() == [True, False, True]
    assert answer_is_yes([PROMPT, PROMPT], ["(B)", "(A)"]).tolist() == [True, False]
    assert answer_is_yes(["Choices:\n (A) Yes, I consent\n (B) No"] * 2, [" (A)", " (B)"]).tolist() == [True, False]
    assert answer_is_yes(["(A): Yesterday\n(B): No"], ["(A)"]).tolist() == [False]


@pytest.mark.parametrize("response", ["A", "(A) Yes", "", "(ab)"])
def test_a_response_without_a_letter_is_an_error(response: str) -> None:
    with pytest.raises(MeasurementError, match="final letter in brackets"):
        answer_is_a([response])


# ------------------------------------------------------------------------------------------------ variance


def test_planted_factors_get_their_shares() -> None:
    # s = 2 isA + 1 isYes + noise(0.5): variances 4/4, 1/4 and 1/4 of a balanced factor are known.
    slopes = 2.0 * IS_A + 1.0 * IS_YES + 0.5 * GENERATOR.standard_normal(N)
    parts = decompose_variance(slopes, IS_A, IS_YES)
    assert parts.letter == pytest.approx(1.0, abs=0.12)
    assert parts.yes_no == pytest.approx(0.25, abs=0.06)
    assert parts.unexplained == pytest.approx(0.25, abs=0.06)
    assert parts.letter + parts.yes_no + parts.unexplained == pytest.approx(parts.total, rel=1e-12)
    score = spurious_variance(STANDARD, curves(slopes), IS_A, IS_YES, seed=0)
    assert score.value == pytest.approx(parts.explained / parts.total, rel=1e-9)
    assert score.low < 1.25 / 1.5 < score.high
    assert score.per_example.mean() == pytest.approx(score.value)


def test_shares_are_r_squared_of_statsmodels() -> None:
    ols = pytest.importorskip("statsmodels.api")
    slopes = GENERATOR.standard_normal(60) + IS_A[:60]
    skewed = GENERATOR.random(60) < 0.3
    parts = decompose_variance(slopes, IS_A[:60], skewed)
    letter = ols.OLS(slopes, ols.add_constant(IS_A[:60].astype(float))).fit().rsquared
    both = ols.OLS(slopes, ols.add_constant(np.stack([IS_A[:60], skewed], 1).astype(float))).fit().rsquared
    assert parts.shares()["letter"] == pytest.approx(letter)
    assert parts.explained / parts.total == pytest.approx(both)
    assert explained_shares(slopes[None], IS_A[None, :60], skewed[None])[0] == pytest.approx(both)


def test_noise_has_next_to_no_explained_variance() -> None:
    score = spurious_variance(STANDARD, GENERATOR.standard_normal((N, 7)), IS_A, IS_YES, seed=0)
    assert score.value < 10 * 2 / (N - 1)


def test_factors_that_go_together_are_the_letter_s() -> None:
    parts = decompose_variance(IS_A + 0.1 * GENERATOR.standard_normal(N), IS_A, IS_A)
    assert parts.yes_no == pytest.approx(0.0, abs=1e-9)


def test_a_factor_without_variety_explains_nothing() -> None:
    parts = decompose_variance(GENERATOR.standard_normal(50), np.ones(50, bool), np.zeros(50, bool))
    assert parts.unexplained == pytest.approx(parts.total)


def test_slopes_that_are_all_alike_have_nothing_to_decompose() -> None:
    with pytest.raises(MeasurementError, match="no variance"):
        decompose_variance(np.ones(8), IS_A[:8], IS_YES[:8])
    with pytest.raises(MeasurementError, match="true or false"):
        decompose_variance(np.arange(8.0), np.arange(8), IS_YES[:8])


def test_letter_bias_is_the_difference_of_the_letters() -> None:
    score = letter_bias(STANDARD, curves(1.0 + 0.75 * IS_A), IS_A, seed=0)
    assert score.value == pytest.approx(0.75)
    assert score.per_example.mean() == pytest.approx(0.75)
    chance = letter_bias(STANDARD, GENERATOR.standard_normal((N, 7)), IS_A, seed=0)
    assert chance.low < 0.0 < chance.high
    with pytest.raises(MeasurementError, match="two items of each kind, got 4 and 0"):
        letter_bias(STANDARD, np.ones((4, 7)), [True] * 4, seed=0)


# ------------------------------------------------------------------------------------------------ data sets


def test_rank_correlations_are_scipy_s_and_see_ranks_only() -> None:
    x, y = GENERATOR.standard_normal((2, 38))
    for metric in (ood_correlation, cross_model_correlation):
        assert metric(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic)
        assert metric(x, np.exp(x)).value == 1.0
        assert metric(x, -(x**3)).value == -1.0
        chance = metric(x, y)
        assert chance.low < 0.0 < chance.high


def test_ratio_is_that_of_the_means_and_nan_where_the_reference_may_be_zero() -> None:
    inside = 1.0 + GENERATOR.random(30)
    assert ood_ratio(inside, 0.7 * inside, seed=0).value == pytest.approx(0.7)
    assert ood_ratio(inside, inside, seed=0).value == 1.0
    with pytest.raises(MeasurementError, match="not bounded"):
        ood_ratio(GENERATOR.standard_normal(30), inside, seed=0)


def test_a_table_of_shifts_compares_each_with_the_reference() -> None:
    base = np.linspace(1, 4, 10)
    table = np.broadcast_to(base[:, None, None], (10, 5, 5)).copy()
    table[:, 1, 4] = 0.5 * base  # SYS_POS -> USER_NEG keeps the ranks and loses half
    table[:, 2, 3] = base[::-1]  # SYS_NEG -> USER_POS turns them round
    found = {(shift.train, shift.test): shift for shift in ShiftTable(table, SETTINGS).compare(seed=0)}
    assert len(found) == 24
    headline, turned = found["SYS_POS", "USER_NEG"], found["SYS_NEG", "USER_POS"]
    assert (headline.correlation.value, headline.ratio.value) == (1.0, pytest.approx(0.5))
    assert (turned.correlation.value, turned.ratio.value) == (-1.0, pytest.approx(1.0))
    assert ShiftTable(table, SETTINGS).means()[1, 4] == pytest.approx(1.25)


def test_a_table_of_another_shape_or_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="each once"):
        ShiftTable(np.ones((3, 5, 4)), SETTINGS)
    with pytest.raises(MeasurementError, match="no setting 'SYS'"):
        ShiftTable(np.ones((3, 5, 5)), SETTINGS).shift("SYS", "BASE")


def test_settings_that_can_hardly_steer_themselves_are_left_out() -> None:
    table = np.array([[1.0, 0.9, 0.6], [-0.5, 0.3, 0.6], [0.25, 0.15, 0.25]])
    relative = relative_table(table)
    np.testing.assert_allclose(relative[:, 0], table[:, 0])
    np.testing.assert_allclose(relative[:, 1], table[:, 1] / 0.3)
    assert np.isnan(relative[:, 2]).all()  # 0.25 is not above 0.25
    score = relative_steerability(table, seed=0)
    assert (score.n, score.failures) == (4, 2)
    assert score.value == pytest.approx(np.mean([-0.5, 0.25, 3.0, 0.5]))


def test_own_vectors_everywhere_are_perfect() -> None:
    assert relative_steerability(np.full((4, 4), 2.0), seed=0).value == 1.0
    with pytest.raises(MeasurementError, match="expected \\(n, n\\)"):
        relative_steerability(np.ones((3, 4)), seed=0)


def test_distances_of_settings_are_mean_absolute_differences() -> None:
    table = GENERATOR.standard_normal((5, 40))
    found = setting_distances(table)
    assert found[1, 3] == pytest.approx(np.abs(table[1] - table[3]).mean())
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), np.zeros(5))


def test_transfer_that_falls_with_distance_is_found_and_noise_is_not() -> None:
    distances = setting_distances(np.arange(5.0)[:, None] ** 2)
    found = transfer_correlation(distances, 10.0 - distances, seed=0)
    assert found.value == -1.0
    assert (found.n_cells, found.n_renamings) == (20, 119)
    assert found.p == pytest.approx(1 / 120)
    ps = [transfer_correlation(distances, GENERATOR.standard_normal((5, 5)), seed=0).p for _ in range(60)]
    assert np.mean(np.array(ps) <= 0.1) < 0.1 + 3 * np.sqrt(0.1 * 0.9 / 60)


def test_missing_cells_of_transfer_are_counted() -> None:
    distances = setting_distances(np.arange(8.0)[:, None] ** 2)
    transfer = np.where(np.arange(8) == 2, np.nan, -distances)
    found = transfer_correlation(distances, transfer, seed=0, n_resamples=200)
    assert (found.failures, found.n_cells, found.n_renamings) == (8, 49, 200)


# ------------------------------------------------------------------------------------------------ dispersion


def test_dispersion_is_that_of_a_plain_loop_over_pairs() -> None:
    rows = 1.0 + GENERATOR.standard_normal((9, 6))
    pairs = [(rows[i], rows[j]) for i in range(9) for j in range(i)]
    found = dispersion(rows)
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]
    assert found.mean_cosine == pytest.approx(np.mean(cosines))
    assert found.mean_dot == pytest.approx(np.mean([a @ b for a, b in pairs]))
    norms = np.linalg.norm(rows, axis=1)
    assert (found.norm_variance, found.relative_norm_variance) == pytest.approx(
        (norms.var(), norms.var() / norms.mean())
    )
    distances = np.linalg.norm(rows - rows.mean(0), axis=1)
    assert found.mean_distance == pytest.approx(distances.mean())
    assert found.relative_distance == pytest.approx(distances.mean() / np.linalg.norm(rows.mean(0)))
    score = delta_cosine(rows)
    assert score.value == pytest.approx(found.mean_cosine)


def test_pairs_that_agree_have_cosine_one_and_noise_has_zero() -> None:
    assert delta_cosine(np.outer([1.0, 2.0, 5.0], [3.0, -4.0])).value == pytest.approx(1.0)
    chance = delta_cosine(GENERATOR.standard_normal((100, 400)))
    assert chance.low < 0.0 < chance.high


def test_the_jackknife_of_the_cosine_leaves_each_pair_out() -> None:
    rows = 1.0 + GENERATOR.standard_normal((12, 5))
    score = delta_cosine(rows)
    without = np.array([delta_cosine(np.delete(rows, i, axis=0)).value for i in range(12)])
    error = np.sqrt(11 / 12 * ((without - without.mean()) ** 2).sum())
    assert score.high - score.value == pytest.approx(stats.t.ppf(0.975, 11) * error)


def test_deltas_without_a_direction_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="pair 1 has a difference of length 0"):
        delta_cosine([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(MeasurementError, match="cancel"):
        dispersion([[1.0, 0.0], [-0.5, np.sqrt(0.75)], [-0.5, -np.sqrt(0.75)]])
