"""Laws of vector arithmetic.

Exact where float32 is exact (sign changes, powers of two, the same numbers in the same order), else 1e-6 relative: a
few roundings of 6e-8 each.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_comparison import cosine_table, random_like

SITES = (Site("resid_post", 1), Site("resid_post", 2), Site("head_out", 2))
WIDTHS = {"resid_post": 32, "head_out": 24}
SCALES = st.floats(-1e3, 1e3, width=32).filter(lambda c: abs(c) > 1e-3)


def vector(seed: int, sites: tuple[Site, ...] = SITES) -> SteeringVector:
    generator = np.random.default_rng(seed)
    draws = {site: generator.standard_normal(WIDTHS[site.component]).astype(np.float32) for site in sites}
    return SteeringVector(draws, Provenance(method="test", data_name=f"seed {seed}"))


V, W, X = vector(0), vector(1), vector(2)
ZERO = V * 0


def assert_close(first: SteeringVector, second: SteeringVector, rtol: float = 1e-6) -> None:
    assert first.sites == second.sites
    for site in first.sites:
        np.testing.assert_allclose(first[site], second[site], rtol=rtol, atol=rtol)


def test_a_vector_minus_itself_is_zero() -> None:
    assert V - V == ZERO


def test_adding_zero_or_multiplying_by_one_changes_nothing() -> None:
    assert V + ZERO == V * 1 == V / 1 == V


def test_a_vector_plus_itself_is_twice_the_vector() -> None:
    assert V + V == V * 2 == 2 * V == np.float64(2.0) * V == V / 0.5


def test_addition_commutes_and_subtraction_is_adding_the_negative() -> None:
    assert V + W == W + V
    assert V - W == V + -W == -(W - V)


def test_addition_associates_up_to_rounding() -> None:
    assert_close((V + W) + X, V + (W + X))


@given(SCALES, SCALES)
def test_scaling_distributes_up_to_rounding(a: float, b: float) -> None:
    assert_close((V + W) * a / a, V + W, rtol=1e-5)
    assert_close((V * a) * b / (a * b), V, rtol=1e-5)


def test_negating_twice_is_doing_nothing() -> None:
    negative = -V
    assert -negative == V


def test_sites_of_one_vector_only_are_kept_as_they_are() -> None:
    low, high = vector(0, SITES[:2]), vector(1, SITES[1:])
    both = low + high
    assert both.sites == tuple(sorted(SITES))
    np.testing.assert_array_equal(both[SITES[0]], low[SITES[0]])
    np.testing.assert_array_equal((low - high)[SITES[2]], -high[SITES[2]])


def test_interpolation_reaches_both_ends_exactly_and_is_a_line() -> None:
    assert V.interpolate(W, 0.0) == V
    assert V.interpolate(W, 1.0) == W
    assert_close(V.interpolate(W, 0.25), V * 0.75 + W * 0.25)


def test_normalised_has_norm_one_and_the_same_direction() -> None:
    assert V.normalised().norms() == pytest.approx(dict.fromkeys(V.sites, 1.0), rel=1e-6)
    assert V.normalised().cosine(V) == pytest.approx(dict.fromkeys(V.sites, 1.0), abs=1e-6)


def test_scaled_to_takes_the_norm_of_a_number_or_of_a_vector() -> None:
    assert V.scaled_to(2.5).norms() == pytest.approx(dict.fromkeys(V.sites, 2.5), rel=1e-6)
    assert V.scaled_to(W).norms() == pytest.approx(W.norms(), rel=1e-6)
    assert_close(V.normalised().scaled_to(V), V)


def test_nothing_along_the_other_is_left_after_orthogonalising() -> None:
    rest = V.orthogonal_to(W)
    assert rest.dot(W) == pytest.approx(dict.fromkeys(V.sites, 0.0), abs=1e-5)
    assert_close(rest.orthogonal_to(W), rest, rtol=1e-5)


def test_a_vector_made_orthogonal_to_itself_is_zero_up_to_rounding() -> None:
    assert max(V.orthogonal_to(V).norms().values()) < 1e-5


def test_dot_and_cosine_are_symmetric_and_agree() -> None:
    assert V.dot(W) == W.dot(V)
    assert V.cosine(W) == W.cosine(V)
    for site, norm in V.norms().items():
        assert V.dot(V)[site] == pytest.approx(norm**2)
        assert V.cosine(W)[site] == pytest.approx(V.dot(W)[site] / (norm * W.norms()[site]))


@given(st.integers(0, 2**32), SCALES)
def test_cosine_with_a_multiple_is_plus_or_minus_one_and_never_beyond(seed: int, factor: float) -> None:
    v = vector(seed)
    for cosine in v.cosine(v * factor).values():
        assert abs(cosine) <= 1.0
        assert cosine == pytest.approx(np.sign(factor), abs=1e-6)


def test_selecting_all_layers_changes_nothing_and_parts_add_up() -> None:
    assert V.select(V.layers) == V
    assert V.select([1]) + V.select([2]) == V


def test_random_like_has_the_norms_and_is_determined_by_the_seed() -> None:
    assert random_like(V, seed=3).norms() == pytest.approx(V.norms(), rel=1e-6)
    assert random_like(V, seed=3) == random_like(V, seed=3)
    assert random_like(V, seed=3) != random_like(V, seed=4)
    assert_close(random_like(V * 4, seed=3), random_like(V, seed=3) * 4)


def test_random_like_points_anywhere() -> None:
    # The cosine of two random directions has mean 0 and standard deviation 1/sqrt(d); 400 seeds, four standard errors.
    site = SITES[0]
    cosines = np.array([random_like(V, seed=seed).cosine(V)[site] for seed in range(400)])
    assert abs(cosines.mean()) < 4 / np.sqrt(32 * 400)
    assert cosines.std() == pytest.approx(1 / np.sqrt(32), rel=0.15)


def test_cosine_table_is_symmetric_with_ones_and_holds_the_pairwise_cosines() -> None:
    table = cosine_table({"v": V, "w": W, "minus v": -V})
    assert set(table) == set(SITES)
    for site, cosines in table.items():
        np.testing.assert_array_equal(cosines, cosines.T)
        np.testing.assert_array_equal(np.diag(cosines), np.ones(3))
        assert cosines[0, 1] == V.cosine(W)[site]
        assert cosines[0, 2] == pytest.approx(-1.0)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_equal_and_keep_the_provenance(duplicate: object) -> None:
    again = duplicate(V * 2)  # type: ignore[operator]
    assert again == V * 2
    assert again.provenance == (V * 2).provenance
