"""What operations hand to the native core, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import ShapeError, SteeringError, UnknownNameError
from pysteer.operations import EditSpec, operations

V = np.array([3.0, 0.0, 4.0], dtype=np.float32)
U = np.array([0.6, 0.0, 0.8], dtype=np.float32)
NEEDS_A_UNIT_DIRECTION = ("ablate", "ablate_then_add", "affine", "clamp", "in_context", "reflect")
PARAMETERS = {"affine": {"gain": 0.5, "offset": 2.0}}


@pytest.mark.parametrize(
    ("name", "coefficient", "expected"),
    [
        ("add", -0.5, EditSpec.rank_one(None, np.float32(-0.5) * V, 1.0, 0.0)),
        ("ablate", 1.0, EditSpec.rank_one(U, U, 0.0, -1.0)),
        ("reflect", 1.0, EditSpec.rank_one(U, U, 0.0, -2.0)),
        ("clamp", 2.0, EditSpec.rank_one(U, U, 10.0, -1.0)),
        ("ablate_then_add", 2.0, EditSpec.rank_one(U, U, 10.0, -1.0)),
        ("affine", 0.5, EditSpec.rank_one(U, U, 5.0, -0.25)),
        ("norm_preserving_add", 2.0, EditSpec.norm_preserving(2 * V)),
        ("in_context", 0.1, EditSpec.in_context(U[None], np.array([0.1], np.float32))),
        ("replace", 2.0, EditSpec.replace(0, 2 * V)),
        ("zero", 1.0, EditSpec.replace(0, 0 * V)),
    ],
)
def test_operation_gives_the_edit_of_its_formula(name: str, coefficient: float, expected: EditSpec) -> None:
    assert operations.get(name)(V, coefficient, **PARAMETERS.get(name, {})) == expected


def test_the_list_of_operations_is_the_documented_one() -> None:
    assert operations.names() == (
        "ablate",
        "ablate_then_add",
        "add",
        "affine",
        "clamp",
        "in_context",
        "norm_preserving_add",
        "reflect",
        "replace",
        "zero",
    )


@pytest.mark.parametrize("name", operations.names())
def test_every_operation_says_what_it_does_and_what_zero_means(name: str) -> None:
    text = operations.get(name).__doc__ or ""
    assert operations.summary(name).endswith(".")
    assert "``x" in text
    assert " 0 " in text or "**0 " in text
    assert set(operations.facts(name)) == {"at_zero", "is_control_vector"}


@pytest.mark.parametrize("name", operations.names())
@pytest.mark.parametrize(
    "direction",
    [
        [1.0, 2.0],
        np.ones(3),
        np.ones((1, 3), np.float32),
        np.ones(0, np.float32),
        np.array([1.0, np.nan, 0.0], np.float32),
        np.array([1.0, np.inf, 0.0], np.float32),
    ],
    ids=["a list", "float64", "two axes", "empty", "nan", "infinite"],
)
def test_anything_but_a_finite_float32_direction_is_a_shape_error(name: str, direction: object) -> None:
    with pytest.raises(ShapeError, match="direction"):
        operations.get(name)(direction, 1.0, **PARAMETERS.get(name, {}))


@pytest.mark.parametrize("name", operations.names())
@pytest.mark.parametrize("coefficient", [np.nan, np.inf, 1e39])
def test_a_coefficient_that_float32_cannot_hold_is_a_steering_error(name: str, coefficient: float) -> None:
    with pytest.raises(SteeringError):
        operations.get(name)(V, coefficient, **PARAMETERS.get(name, {}))


@pytest.mark.parametrize("name", NEEDS_A_UNIT_DIRECTION)
def test_a_zero_direction_to_project_on_is_a_steering_error(name: str) -> None:
    with pytest.raises(SteeringError, match="zero"):
        operations.get(name)(0 * V, 1.0, **PARAMETERS.get(name, {}))


@pytest.mark.parametrize("name", ["add", "norm_preserving_add", "replace"])
def test_a_product_that_overflows_is_a_steering_error(name: str) -> None:
    with pytest.raises(SteeringError, match="overflows"):
        operations.get(name)(np.full(3, 1e30, np.float32), 1e10)


@pytest.mark.parametrize("name", ["replace", "zero"])
@pytest.mark.parametrize(("begin", "end"), [(-1, 2), (2, 2), (0, 4), (3, None), (0.5, 2)])
def test_a_slice_outside_the_row_is_a_shape_error(name: str, begin: int, end: int | None) -> None:
    with pytest.raises(ShapeError):
        operations.get(name)(V, 1.0, begin=begin, end=end)


def test_zero_cannot_be_done_by_halves() -> None:
    with pytest.raises(SteeringError, match=r"coefficient 0\.5"):
        operations.get("zero")(V, 0.5)


def test_tiny_and_huge_directions_still_have_a_unit_direction() -> None:
    for factor in (1e-30, 1e30):
        edit = operations.get("ablate")(V * np.float32(factor), 1.0)
        assert edit.write is not None
        np.testing.assert_allclose(edit.write, U, rtol=1e-6)


def test_unknown_operation_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown operation 'ablat'; did you mean 'ablate'\?"):
        operations.get("ablat")


def test_arrays_of_an_edit_are_float32_contiguous_read_only_copies() -> None:
    given = np.ones((3, 2), dtype=np.float64)[:, 0]
    edit = EditSpec.rank_one(given, given, 0.0, 1.0)
    given[:] = 5.0
    for array in (edit.read, edit.write):
        assert array is not None
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert not array.flags.writeable
        assert (array == 1.0).all()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: EditSpec.rank_one(U, V[:2], 0.0, 1.0), ShapeError),
        (lambda: EditSpec.rank_one(None, V, 0.0, 1.0), SteeringError),
        (lambda: EditSpec.rank_one(None, V, np.nan, 0.0), SteeringError),
        (lambda: EditSpec.in_context(np.eye(3), [1.0, 2.0]), ShapeError),
        (lambda: EditSpec.in_context(np.zeros((1, 3)), [1.0]), SteeringError),
        (lambda: EditSpec.replace(-1, V), SteeringError),
        (lambda: EditSpec.replace(0, ["a"]), ShapeError),
        (lambda: EditSpec.norm_preserving([[1.0], [1.0, 2.0]]), ShapeError),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(make: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()  # type: ignore[operator]


def test_edits_differ_where_any_part_differs() -> None:
    base = EditSpec.rank_one(U, U, 1.0, -1.0)
    assert base == EditSpec.rank_one(U.copy(), U, 1.0, -1.0)
    for other in (
        EditSpec.rank_one(U, V, 1.0, -1.0),
        EditSpec.rank_one(U, U, 2.0, -1.0),
        EditSpec.rank_one(U, U, 1.0, -2.0),
        EditSpec.rank_one(None, U, 1.0, 0.0),
        EditSpec.norm_preserving(U),
    ):
        assert base != other
    assert base != "rank_one"


def test_width_is_the_width_of_the_rows_that_an_edit_fits() -> None:
    assert EditSpec.rank_one(None, V, 1.0, 0.0).width == 3
    assert EditSpec.in_context(np.eye(3), np.ones(3)).width == 3
    assert EditSpec.replace(2, V).width is None
