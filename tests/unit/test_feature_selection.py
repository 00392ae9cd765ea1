"""Features picked by effect size: a loop gives the same sizes, planted features are found, weights keep their signs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.feature_selection import FeatureSelection, choose_features, effect_sizes, feature_vector
from pysteer.errors import DataError, ShapeError, SteeringError
from pysteer.provenance import Provenance
from pysteer.site import Site

SITE = Site("resid_post", 2)


def dictionary(site: Site | None = SITE) -> SparseDictionary:
    rng = np.random.default_rng(0)
    w_dec = rng.normal(size=(40, 12)).astype(np.float32)  # rows of different lengths
    return SparseDictionary(w_dec.T, np.zeros(40), w_dec, np.zeros(12), "relu", Provenance("example"), site=site)


def planted_sides() -> tuple[np.ndarray, np.ndarray]:
    """Features of 30 texts a side; 7 is larger with, 21 smaller, 30 larger but noisy."""
    rng = np.random.default_rng(1)
    with_, without = rng.exponential(size=(30, 40)), rng.exponential(size=(30, 40))
    with_[:, 7] += 6.0
    without[:, 21] += 4.0
    with_[:, 30], without[:, 30] = rng.normal(60.0, 40.0, 30), rng.normal(30.0, 40.0, 30)
    return with_.astype(np.float32), without.astype(np.float32)


def selection(n_features: int = 3, strength: float = 0.5) -> FeatureSelection:
    with_, without = planted_sides()
    return choose_features(
        dictionary(), with_, without, description="x", n_features=n_features, strength=strength, mean_norm=8.0
    )


def test_effect_sizes_equal_a_loop() -> None:
    with_, without = planted_sides()
    effects, differences = effect_sizes(with_, without[:20])
    for j in range(40):
        a, b = with_[:, j].astype(np.float64), without[:20, j].astype(np.float64)
        pooled = ((sum((a - a.mean()) ** 2) / 29 + sum((b - b.mean()) ** 2) / 19) / 2) ** 0.5
        assert differences[j] == pytest.approx(a.mean() - b.mean())
        assert effects[j] == pytest.approx((a.mean() - b.mean()) / pooled)


def test_planted_features_come_first_with_their_signs_and_noisy_ones_do_not() -> None:
    found = selection()
    assert found.features[:2] == (7, 21)
    assert found.effect_sizes[0] > 3.0
    assert found.effect_sizes[1] < -2.0
    assert found.differences[0] == pytest.approx(6.0, abs=1.0)
    assert (found.n_with, found.n_without) == (30, 30)
    assert 30 not in selection(2).features  # the largest difference of all, lost in its spread


def test_the_total_has_the_strength_that_was_asked_for_and_lengths_go_with_effects() -> None:
    found = selection(5)
    vector = found.vector(dictionary())
    np.testing.assert_allclose(np.linalg.norm(vector[SITE]), 0.5 * 8.0, rtol=1e-5)
    lengths = np.abs(found.weights) * dictionary().feature_norms()[list(found.features)]
    np.testing.assert_allclose(lengths / lengths[0], np.abs(found.effect_sizes) / abs(found.effect_sizes[0]), rtol=1e-5)
    np.testing.assert_array_equal(np.sign(found.weights), np.sign(found.effect_sizes))
    assert vector.provenance.extra["selection"]["features"][0]["feature"] == 7


def test_the_same_sides_give_the_same_selection() -> None:
    assert selection() == selection()


@given(st.just(0.0) | st.floats(1e-6, 1e3))
def test_a_sweep_over_strengths_keeps_every_sign(strength: float) -> None:
    found, d = selection(5), dictionary()
    scaled, equal = found.at_strength(strength), found.at_equal_weights(strength, d)
    assert np.signbit(scaled.weights).tolist() == np.signbit(found.weights).tolist()
    assert np.signbit(equal.weights).tolist() == np.signbit(found.weights).tolist()
    np.testing.assert_allclose(np.linalg.norm(scaled.vector(d)[SITE]), strength * 8.0, rtol=1e-4)
    lengths = np.abs(equal.weights) * d.feature_norms()[list(found.features)]
    np.testing.assert_allclose(lengths, strength * 8.0, rtol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, float("nan"), float("inf")])
def test_strengths_that_would_turn_signs_are_refused(strength: float) -> None:
    with pytest.raises(SteeringError, match="signs of the weights are kept"):
        selection().at_strength(strength)
    with pytest.raises(SteeringError, match="signs of the weights are kept"):
        selection().at_equal_weights(strength, dictionary())
    with pytest.raises(SteeringError, match="common strength"):
        selection().at_equal_weights(0.3, dictionary()).at_strength(1.0)


def test_a_feature_that_never_varies_has_a_finite_effect() -> None:
    with_, without = np.zeros((4, 40)), np.zeros((4, 40))
    with_[:, 5] = 2.0
    effects, _ = effect_sizes(with_, without)
    assert effects[5] == pytest.approx(100.0)
    assert not effects[:5].any()


def test_ties_go_to_the_lower_number() -> None:
    with_ = np.tile(np.array([[1.0], [2.0], [3.0]]), (1, 40))
    found = choose_features(
        dictionary(), with_, with_ - 1.0, description="x", n_features=3, strength=1.0, mean_norm=1.0
    )  # fmt: skip
    assert found.features == (0, 1, 2)


def test_sides_without_a_difference_and_other_nonsense_are_refused() -> None:
    with_, without = planted_sides()
    good = {"description": "x", "n_features": 3, "strength": 0.5, "mean_norm": 8.0}
    with pytest.raises(DataError, match="no feature differs"):
        choose_features(dictionary(), with_, with_, **good)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at least two texts"):
        choose_features(dictionary(), with_[:1], without, **good)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="as many features"):
        choose_features(dictionary(), with_[:, :9], without, **good)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="40 features of this dictionary"):
        choose_features(dictionary(), with_[:, :9], without[:, :9], **good)  # type: ignore[arg-type]
    for wrong in ({"n_features": 0}, {"strength": 0.0}, {"strength": float("nan")}, {"mean_norm": 0.0}):
        with pytest.raises(SteeringError, match="above 0"):
            choose_features(dictionary(), with_, without, **{**good, **wrong})  # type: ignore[arg-type]


def test_features_that_cancel_each_other_out_are_refused() -> None:
    w_dec = np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)
    opposite = SparseDictionary(w_dec.T, np.zeros(2), w_dec, np.zeros(2), "relu", Provenance("example"), site=SITE)
    with_ = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    with pytest.raises(SteeringError, match="cancel each other out"):
        choose_features(opposite, with_, with_ - 1, description="x", n_features=2, strength=1.0, mean_norm=1.0)


def test_a_vector_of_features_needs_a_feature_and_a_site() -> None:
    d = dictionary()
    np.testing.assert_allclose(feature_vector(d, {3: 2.0, 5: -1.0})[SITE], 2 * d.w_dec[3] - d.w_dec[5], rtol=1e-6)
    with pytest.raises(SteeringError, match="at least one feature"):
        feature_vector(d, {})
    with pytest.raises(SteeringError, match="does not say where"):
        feature_vector(dictionary(None), {3: 1.0})
