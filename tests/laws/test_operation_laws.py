"""Laws of the operations: what doing one twice, doing it with 0, or doing its opposite must give.

Tolerance: 2e-5 of the row's norm. An edit rounds each entry to float32 (6e-8 relative) a handful of times, and the unit
direction itself is rounded once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from numpy_edits import apply_numpy

from pysteer.operations import operations

D_MODEL = 48
Array = npt.NDArray[np.float32]
ABSOLUTE = 2e-5


@pytest.fixture
def rows() -> Array:
    """Rows of norm 1 with a part along the direction of every sign and size."""
    rows = np.random.default_rng(0).standard_normal((20, D_MODEL))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture
def direction() -> Array:
    return (0.3 * np.random.default_rng(1).standard_normal(D_MODEL)).astype(np.float32)


def unit(direction: Array) -> npt.NDArray[np.float64]:
    wide = direction.astype(np.float64)
    return np.asarray(wide / np.linalg.norm(wide))


def edited(name: str, rows: Array, direction: Array, coefficient: float, **parameters: float) -> Array:
    return apply_numpy(operations.get(name)(direction, coefficient, **parameters), rows)


@pytest.mark.parametrize("name", ["add", "ablate", "reflect", "norm_preserving_add", "zero"])
def test_coefficient_zero_changes_nothing_where_the_registry_says_so(name: str, rows: Array, direction: Array) -> None:
    assert operations.facts(name)["at_zero"] == "unchanged"
    np.testing.assert_array_equal(edited(name, rows, direction, 0.0), rows)


def test_affine_with_coefficient_zero_changes_nothing(rows: Array, direction: Array) -> None:
    np.testing.assert_array_equal(edited("affine", rows, direction, 0.0, gain=0.3, offset=2.0), rows)


def test_in_context_with_coefficient_zero_changes_rounding_only(rows: Array, direction: Array) -> None:
    np.testing.assert_allclose(edited("in_context", rows, direction, 0.0), rows, atol=1e-6)


@pytest.mark.parametrize("name", ["clamp", "ablate_then_add"])
def test_coefficient_zero_is_full_ablation_where_the_registry_says_so(name: str, rows: Array, direction: Array) -> None:
    assert operations.facts(name)["at_zero"] == "ablated"
    np.testing.assert_array_equal(edited(name, rows, direction, 0.0), edited("ablate", rows, direction, 1.0))


@pytest.mark.parametrize("name", operations.names())
@pytest.mark.parametrize("coefficient", [0.0, 1.0])
def test_every_operation_is_finite_at_coefficients_zero_and_one(
    name: str, coefficient: float, rows: Array, direction: Array
) -> None:
    parameters = {"gain": 0.5, "offset": 1.0} if name == "affine" else {}
    assert np.isfinite(edited(name, rows, direction, coefficient, **parameters)).all()


def test_add_then_add_of_the_opposite_gives_the_row_back(rows: Array, direction: Array) -> None:
    there = edited("add", rows, direction, 1.5)
    np.testing.assert_allclose(edited("add", there, direction, -1.5), rows, atol=ABSOLUTE)


def test_add_of_a_scaled_direction_equals_a_scaled_add(rows: Array, direction: Array) -> None:
    np.testing.assert_array_equal(edited("add", rows, 4 * direction, 1.0), edited("add", rows, direction, 4.0))


@pytest.mark.parametrize("coefficient", [0.5, -2.0, 1.1, 0.3333333333])
def test_add_makes_the_additions_of_llama_cpp_s_control_vector_bit_for_bit(
    coefficient: float, rows: Array, direction: Array
) -> None:
    # common.cpp: dst[j] += src[j] * strength, from zero, in float; then the graph adds dst to the row.
    loaded = np.zeros(D_MODEL, np.float32) + direction * np.float32(coefficient)
    np.testing.assert_array_equal(edited("add", rows, direction, coefficient), rows + loaded)


def test_ablating_twice_is_ablating_once(rows: Array, direction: Array) -> None:
    once = edited("ablate", rows, direction, 1.0)
    np.testing.assert_allclose(edited("ablate", once, direction, 1.0), once, atol=ABSOLUTE)


def test_nothing_along_the_direction_is_left_after_ablation(rows: Array, direction: Array) -> None:
    np.testing.assert_allclose(edited("ablate", rows, direction, 1.0) @ unit(direction), 0.0, atol=ABSOLUTE)


@pytest.mark.parametrize("name", ["ablate", "reflect"])
@pytest.mark.parametrize("factor", [-1.0, 0.01, 300.0])
def test_length_and_sign_of_the_direction_do_not_matter_to_projections(
    name: str, factor: float, rows: Array, direction: Array
) -> None:
    expected = edited(name, rows, direction, 0.7)
    np.testing.assert_allclose(edited(name, rows, direction * np.float32(factor), 0.7), expected, atol=ABSOLUTE)


@pytest.mark.parametrize("coefficient", [-1.0, 0.0, 2.5])
def test_clamping_twice_is_clamping_once(coefficient: float, rows: Array, direction: Array) -> None:
    once = edited("clamp", rows, direction, coefficient)
    np.testing.assert_allclose(edited("clamp", once, direction, coefficient), once, atol=ABSOLUTE)


@pytest.mark.parametrize("coefficient", [-1.0, 0.0, 2.5])
def test_clamp_sets_the_component_and_keeps_the_rest(coefficient: float, rows: Array, direction: Array) -> None:
    u = unit(direction)
    clamped = edited("clamp", rows, direction, coefficient)
    np.testing.assert_allclose(clamped @ u, coefficient * np.linalg.norm(direction), atol=ABSOLUTE)
    rest = np.eye(D_MODEL) - np.outer(u, u)
    np.testing.assert_allclose(clamped @ rest, rows @ rest, atol=ABSOLUTE)


@pytest.mark.parametrize("coefficient", [-1.5, 0.0, 1.0])
def test_ablate_then_add_equals_its_two_steps(coefficient: float, rows: Array, direction: Array) -> None:
    steps = edited("add", edited("ablate", rows, direction, 1.0), direction, coefficient)
    np.testing.assert_allclose(edited("ablate_then_add", rows, direction, coefficient), steps, atol=ABSOLUTE)


def test_reflecting_twice_is_doing_nothing(rows: Array, direction: Array) -> None:
    twice = edited("reflect", edited("reflect", rows, direction, 1.0), direction, 1.0)
    np.testing.assert_allclose(twice, rows, atol=ABSOLUTE)


def test_reflection_turns_the_component_and_keeps_the_norm(rows: Array, direction: Array) -> None:
    reflected = edited("reflect", rows, direction, 1.0)
    np.testing.assert_allclose(reflected @ unit(direction), -(rows @ unit(direction)), atol=ABSOLUTE)
    np.testing.assert_allclose(np.linalg.norm(reflected, axis=1), 1.0, atol=ABSOLUTE)


@pytest.mark.parametrize("name", ["norm_preserving_add", "in_context"])
@pytest.mark.parametrize("coefficient", [-2.0, 0.1, 5.0])
def test_norm_is_preserved(name: str, coefficient: float, rows: Array, direction: Array) -> None:
    rows = 7 * rows
    changed = edited(name, rows, direction, coefficient)
    np.testing.assert_allclose(np.linalg.norm(changed, axis=1), 7.0, rtol=ABSOLUTE)
    assert not np.allclose(changed, rows, atol=1e-3)


def test_affine_contains_ablate_reflect_clamp_and_add(rows: Array, direction: Array) -> None:
    def affine(c: float, gain: float, offset: float) -> Array:
        return edited("affine", rows, direction, c, gain=gain, offset=offset)

    np.testing.assert_allclose(affine(0.6, 0.0, 0.0), edited("ablate", rows, direction, 0.6), atol=ABSOLUTE)
    np.testing.assert_allclose(affine(0.6, -1.0, 0.0), edited("reflect", rows, direction, 0.6), atol=ABSOLUTE)
    np.testing.assert_allclose(affine(1.0, 0.0, 1.7), edited("clamp", rows, direction, 1.7), atol=ABSOLUTE)
    np.testing.assert_allclose(affine(0.5, 1.0, 1.7), edited("add", rows, direction, 0.85), atol=ABSOLUTE)


def test_in_context_turns_a_perpendicular_row_by_the_arc_tangent_of_the_coefficient(direction: Array) -> None:
    row = np.zeros((1, D_MODEL), np.float32)
    row[0, 0], direction[0] = 3.0, 0.0
    turned = edited("in_context", row, direction, 0.1)[0]
    angle = np.arccos(turned @ row[0] / 9.0)
    np.testing.assert_allclose(angle, np.arctan(0.1), rtol=1e-4)


def test_in_context_never_turns_a_row_by_more_than_the_arc_sine_of_twice_the_coefficient(
    rows: Array, direction: Array
) -> None:
    turned = edited("in_context", rows, direction, 0.1)
    assert np.arccos((turned * rows).sum(1).clip(-1, 1)).max() <= np.arcsin(0.2) + 1e-4


def test_in_context_pushes_twice_as_hard_where_the_row_points_away(direction: Array) -> None:
    # cos(x, -v) = 1: y = 2 c u, so unit(x) + y = -(1 - 2c) u and the row, renormalised, is itself.
    row = -direction[None, :]
    np.testing.assert_allclose(edited("in_context", row, direction, 0.4), row, atol=ABSOLUTE)
    np.testing.assert_allclose(edited("in_context", row, direction, 0.6), -row, atol=ABSOLUTE)


def test_replace_with_coefficient_one_puts_the_values_in_and_touches_nothing_else(
    rows: Array, direction: Array
) -> None:
    changed = edited("replace", rows, direction, 1.0, begin=8, end=16)
    np.testing.assert_array_equal(changed[:, 8:16], np.broadcast_to(direction[8:16], (len(rows), 8)))
    np.testing.assert_array_equal(np.delete(changed, range(8, 16), axis=1), np.delete(rows, range(8, 16), axis=1))


def test_zero_is_replacing_by_zeros(rows: Array, direction: Array) -> None:
    np.testing.assert_array_equal(
        edited("zero", rows, direction, 1.0, begin=3), edited("replace", rows, 0 * direction, 1.0, begin=3)
    )
