"""Laws of the metrics: closed forms, mirrors, and parts that add up, for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pysteer.metrics.anti_steerable_fraction import anti_steerable_fraction
from pysteer.metrics.choice_accuracy import choice_accuracy
from pysteer.metrics.choice_probability import normalised_probabilities
from pysteer.metrics.dispersion import mean_cosines
from pysteer.metrics.distinct_1 import distinct_1
from pysteer.metrics.fit_rmse import fit_rmse
from pysteer.metrics.linear_fit import residuals
from pysteer.metrics.monotonicity import monotonicity
from pysteer.metrics.pareto_front import pareto_front
from pysteer.metrics.rating_scales import SCALES, expected_ratings
from pysteer.metrics.repetition import repetition
from pysteer.metrics.sample_efficiency import expected_cosine, pairs_for_cosine
from pysteer.metrics.steerability import slopes, steerability
from pysteer.metrics.variance_shares import decompose_variance
from pysteer.metrics.word_f1 import word_f1
from pysteer.statistics import adjust_p

STANDARD = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
QUICK = settings(max_examples=40, deadline=None)
NUMBERS = st.floats(-1e3, 1e3, allow_subnormal=False).map(lambda x: round(x, 3))
TABLES = arrays(np.float64, (6, 7), elements=NUMBERS)
TEXTS = st.lists(st.text("abc .", min_size=1, max_size=30).map(lambda text: text + " a b c d"), min_size=2, max_size=5)


@QUICK
@given(TABLES)
def test_the_slope_is_the_closed_form_at_the_standard_coefficients(propensities: np.ndarray) -> None:
    np.testing.assert_allclose(slopes(STANDARD, propensities), (propensities * STANDARD).sum(axis=1) / 7, atol=1e-9)


@QUICK
@given(TABLES, arrays(np.float64, 6, elements=NUMBERS))
def test_a_constant_added_to_an_item_changes_neither_slope_nor_fit(propensities: np.ndarray, shift: np.ndarray) -> None:
    moved = propensities + shift[:, None]
    np.testing.assert_allclose(slopes(STANDARD, moved), slopes(STANDARD, propensities), atol=1e-9)
    np.testing.assert_allclose(residuals(STANDARD, moved), residuals(STANDARD, propensities), atol=1e-9)


@QUICK
@given(TABLES)
def test_dataset_steerability_is_the_slope_of_the_mean_curve(propensities: np.ndarray) -> None:
    mean = slopes(STANDARD, propensities.mean(axis=0)[None])[0]
    assert steerability(STANDARD, propensities, seed=0).value == pytest.approx(mean, abs=1e-9)


@QUICK
@given(TABLES)
def test_the_turned_vector_mirrors_the_plain_one(propensities: np.ndarray) -> None:
    # -v at coefficient c is v at -c: the columns in reverse order.
    turned = propensities[:, ::-1]
    plain = slopes(STANDARD, propensities)
    np.testing.assert_allclose(slopes(STANDARD, turned), -plain, atol=1e-9)
    assert fit_rmse(STANDARD, turned, seed=0).value == pytest.approx(fit_rmse(STANDARD, propensities, seed=0).value)
    if (np.abs(plain) > 1e-9).all():  # no ties
        share = anti_steerable_fraction(STANDARD, propensities, seed=0).value
        assert anti_steerable_fraction(STANDARD, turned, seed=0).value == pytest.approx(1.0 - share)


@QUICK
@given(arrays(np.float64, (4, 7), elements=st.integers(-50, 50).map(float), unique=True))
def test_monotonicity_turns_with_the_vector_and_sees_order_only(propensities: np.ndarray) -> None:
    plain = monotonicity(STANDARD, propensities, seed=0).value
    assert monotonicity(STANDARD, propensities[:, ::-1], seed=0).value == pytest.approx(-plain)
    assert monotonicity(STANDARD, np.arctan(propensities), seed=0).value == pytest.approx(plain)


@QUICK
@given(
    arrays(np.float64, 12, elements=NUMBERS, unique=True),
    arrays(np.bool_, 12),
    arrays(np.bool_, 12),
    st.floats(-3, 3),
)
def test_variance_shares_add_up_and_do_not_depend_on_unit_or_origin(
    values: np.ndarray, is_a: np.ndarray, is_yes: np.ndarray, shift: float
) -> None:
    parts = decompose_variance(values, is_a, is_yes)
    assert parts.letter + parts.yes_no + parts.unexplained == pytest.approx(parts.total, rel=1e-9)
    assert min(parts.letter, parts.yes_no, parts.unexplained) >= 0.0
    assert sum(parts.shares().values()) == pytest.approx(1.0)
    scaled = decompose_variance(shift - 2.0 * values, is_a, ~is_yes)
    assert scaled.shares() == pytest.approx(parts.shares(), abs=1e-6)


@QUICK
@given(arrays(np.float64, (5, 4), elements=st.floats(-700, 0)), st.floats(-700, 0))
def test_normalised_probabilities_sum_to_one_whatever_the_level(log_probs: np.ndarray, level: float) -> None:
    probabilities = normalised_probabilities(log_probs)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(normalised_probabilities(log_probs + level), probabilities, rtol=1e-9, atol=1e-300)


@QUICK
@given(arrays(np.float64, (8, 4), elements=st.floats(-50, 0)))
def test_at_most_one_choice_of_an_item_is_right(log_probs: np.ndarray) -> None:
    total = sum(choice_accuracy(log_probs, np.full(8, choice)).value for choice in range(4))
    assert total <= 1.0 + 1e-12


@QUICK
@given(arrays(np.float64, (3, 5), elements=st.floats(-30, -2)))
def test_expected_ratings_lie_on_the_scale_and_turn_with_it(log_probs: np.ndarray) -> None:
    values = SCALES["1-5"].values
    ratings = expected_ratings(log_probs, values, min_mass=0.0).ratings
    assert ((ratings >= 1.0 - 1e-12) & (ratings <= 5.0 + 1e-12)).all()
    np.testing.assert_allclose(expected_ratings(log_probs[:, ::-1], values, min_mass=0.0).ratings, 6.0 - ratings)


@QUICK
@given(TEXTS)
def test_a_text_scores_one_against_itself_and_f1_is_symmetric(texts: list[str]) -> None:
    clean = [text.replace(".", " ") for text in texts]
    assert word_f1(clean, clean, seed=0).value == pytest.approx(1.0)
    there, back = word_f1(clean, clean[::-1], seed=0), word_f1(clean[::-1], clean, seed=0)
    np.testing.assert_allclose(there.per_example, back.per_example)


@QUICK
@given(TEXTS)
def test_a_text_said_twice_is_less_distinct_and_more_repetitive(texts: list[str]) -> None:
    twice = [f"{text} {text}" for text in texts]
    plain, doubled = (distinct_1(given, seed=0).per_example for given in (texts, twice))
    np.testing.assert_allclose(doubled, plain / 2)
    assert (repetition(twice, seed=0).per_example >= repetition(texts, seed=0).per_example - 1e-12).all()


@QUICK
@given(arrays(np.float64, (5, 3), elements=st.floats(-10, 10).map(lambda x: round(x, 2) or 1.0)), st.floats(0.1, 100))
def test_cosines_do_not_depend_on_lengths(deltas: np.ndarray, scale: float) -> None:
    stretched = deltas * np.array([scale, 1.0, 1.0, 1.0, 1.0])[:, None]
    np.testing.assert_allclose(mean_cosines(stretched), mean_cosines(deltas), atol=1e-9)


@QUICK
@given(arrays(np.float64, (2, 9), elements=st.integers(0, 5).map(float)))
def test_a_front_is_never_empty_and_its_own_front(points: np.ndarray) -> None:
    on_front = pareto_front(*points)
    assert on_front.any()
    assert pareto_front(*points[:, on_front]).all()


@QUICK
@given(st.floats(0.01, 1e4), st.floats(0.05, 0.999))
def test_the_number_of_pairs_is_the_inverse_of_the_expected_cosine(ratio: float, cosine: float) -> None:
    assert expected_cosine(pairs_for_cosine(ratio, cosine), ratio) == pytest.approx(cosine)


@settings(max_examples=10, deadline=None)
@given(arrays(np.float64, 8, elements=st.floats(0, 1)))
def test_corrections_never_lower_a_p_and_keep_their_order(p: np.ndarray) -> None:
    for method in ("bonferroni", "holm"):
        adjusted = adjust_p(p, method=method)
        assert (adjusted >= p - 1e-12).all()
        assert (adjusted <= 1.0).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()
