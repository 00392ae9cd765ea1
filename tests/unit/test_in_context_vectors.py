"""Variants of in-context vectors on known differences, the rule's golden values, and functional pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_edits import apply_numpy

from pysteer.errors import DataError, ShapeError, SteeringError
from pysteer.formats.word_pairs import WordPair
from pysteer.in_context_vectors import (
    code,
    first_component,
    functional_pairs,
    in_context_intervention,
    in_context_tasks,
    mean,
    pc1,
    strength_of_alpha,
    variants,
)
from pysteer.operations import EditSpec, edits
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector


def differences(n_pairs: int = 12, n: int = 40, *, seed: int = 0) -> np.ndarray:
    """A mean of norm 20 plus noise with one strong direction."""
    rng = np.random.default_rng(seed)
    strong = rng.normal(size=n)
    rows = rng.normal(size=(n_pairs, n)) + np.multiply.outer(
        rng.normal(size=n_pairs) * 5, strong / np.linalg.norm(strong)
    )
    offset = rng.normal(size=n)
    return np.asarray(rows + 20 * offset / np.linalg.norm(offset))


def svd_flip_pc1(rows: np.ndarray) -> np.ndarray:
    """The authors' statement: thin SVD of the centred rows, the largest entry of the left vector made positive."""
    left, _, right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return np.asarray(right[0] * np.sign(left[np.argmax(np.abs(left[:, 0])), 0]))


@pytest.mark.parametrize("seed", range(5))
def test_code_is_pc1_plus_mean_with_the_sign_of_svd_flip(seed: int) -> None:
    rows = differences(seed=seed)
    np.testing.assert_allclose(first_component(rows), svd_flip_pc1(rows), atol=1e-10)
    np.testing.assert_allclose(code(rows), svd_flip_pc1(rows) + rows.mean(axis=0), atol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_pc1_is_a_unit_vector_towards_the_target(seed: int) -> None:
    rows = differences(seed=seed)
    assert np.linalg.norm(pc1(rows)) == pytest.approx(1.0)
    assert abs(pc1(rows) @ svd_flip_pc1(rows)) == pytest.approx(1.0)
    assert pc1(rows) @ rows.mean(axis=0) >= 0


def test_code_is_nearly_the_mean_when_the_mean_is_long() -> None:
    rows = differences()
    cosine = code(rows) @ mean(rows) / np.linalg.norm(code(rows)) / np.linalg.norm(mean(rows))
    assert cosine > 0.99


def test_swapping_source_and_target_negates_every_variant() -> None:
    rows = differences()
    for name in variants:
        np.testing.assert_allclose(variants.get(name)(-rows), -variants.get(name)(rows), atol=1e-10)


def test_a_planted_direction_is_found() -> None:
    rng = np.random.default_rng(3)
    direction = rng.normal(size=200)
    direction /= np.linalg.norm(direction)
    rows = np.multiply.outer(rng.normal(10, 4, size=60), direction) + rng.normal(size=(60, 200)) * 0.1
    for name in variants:
        found = variants.get(name)(rows)
        assert found @ direction / np.linalg.norm(found) > 0.99


@pytest.mark.parametrize("rows", [np.ones((1, 4)), np.ones((3, 4))])
def test_no_component_is_an_error(rows: np.ndarray) -> None:
    for variant in (code, pc1):
        with pytest.raises(ShapeError):
            variant(rows)


def test_golden_values_of_the_rule() -> None:
    """x = (3, 4), v along the first axis, strength 0.5, worked out by hand.

    Towards v: cos(x, -v) < 0, y = (0.5, 0), unit(x) + y = (1.1, 0.8). Away from it: lambda_sim = 1 + 0.6,
    y = (-0.8, 0), unit(x) + y = (-0.2, 0.8).
    """
    x = np.array([[3.0, 4.0]], dtype=np.float32)
    towards = EditSpec.in_context(np.array([[2.0, 0.0]]), np.array([0.5]))
    away = EditSpec.in_context(np.array([[-7.0, 0.0]]), np.array([0.5]))
    np.testing.assert_allclose(apply_numpy(towards, x)[0], 5 * np.array([1.1, 0.8]) / np.hypot(1.1, 0.8), rtol=1e-6)
    np.testing.assert_allclose(apply_numpy(away, x)[0], 5 * np.array([-0.2, 0.8]) / np.hypot(0.2, 0.8), rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.5), st.floats(0.1, 50.0))
def test_the_norm_stays_and_the_angle_is_bounded(seed: int, strength: float, size: float) -> None:
    rng = np.random.default_rng(seed)
    x, v = (rng.normal(size=(1, 16)) * size).astype(np.float32), rng.normal(size=(1, 16))
    turned = apply_numpy(EditSpec.in_context(v, np.array([strength])), x)[0].astype(np.float64)
    norm = np.linalg.norm(x)
    assert np.linalg.norm(turned) == pytest.approx(norm, rel=1e-5)
    cosine = np.clip(turned @ x[0] / norm / np.linalg.norm(turned), -1, 1)
    assert np.arccos(cosine) <= np.arcsin(2 * strength) + 2e-3
    if strength == 0.0:
        np.testing.assert_allclose(turned, x[0], rtol=1e-5, atol=1e-6 * norm)


def vector(seed: int) -> SteeringVector:
    rng = np.random.default_rng(seed)
    return SteeringVector({Site("mlp_out", layer): rng.normal(size=8) for layer in range(2)}, Provenance(method="x"))


def test_intervention_is_the_rule_at_every_site_and_token() -> None:
    made = list(edits(in_context_intervention(vector(0), 0.1)))
    assert [site for site, *_ in made] == [Site("mlp_out", 0), Site("mlp_out", 1)]
    assert {spec.kind for _, spec, _ in made} == {"in_context"}
    assert {str(window) for *_, window in made} == {"all"}


def test_alpha_is_ten_times_the_strength() -> None:
    assert strength_of_alpha(1.5) == pytest.approx(0.15)


def test_tasks_are_combined_at_their_common_sites() -> None:
    compiled = in_context_tasks([vector(0), vector(1)], [0.1, 0.2])
    assert [str(item.site) for item in compiled] == ["mlp_out.0", "mlp_out.1"]
    with pytest.raises(SteeringError):
        in_context_tasks([vector(0)], [0.1, 0.2])
    with pytest.raises(SteeringError):
        in_context_tasks([], [])


def test_functional_pairs_differ_in_the_answer_alone() -> None:
    task = [WordPair("sun", "moon"), WordPair("cat", "dog")]
    pairs = functional_pairs(task, ["dog", "I was"], name="task", seed=0)
    assert [pair.positive for pair in pairs] == ["Q: sun\nA: moon", "Q: cat\nA: dog"]
    assert pairs[1].negative == "Q: cat\nA: I was"  # "dog" would be the answer
    assert pairs[0].negative in ("Q: sun\nA: dog", "Q: sun\nA: I was")
    assert functional_pairs(task, ["dog", "I was"], name="task", seed=0) == pairs
    with pytest.raises(DataError, match="random text"):
        functional_pairs(task, ["moon", " "], name="task", seed=0)
