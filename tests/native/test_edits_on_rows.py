"""The edits themselves, without a model: on the host, and as the ggml operations that a GPU would run.

Both against the formulas in float64, to 1e-5 of a row's largest value (float32 sums of up to 200 terms).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_runs import logits_of, open_session, random_vector, steer, step
from edit_oracle import KINDS, make_edit
from tiny_gguf import TINY_GPT2, TINY_WIDE_HEAD, TinyModel

from pysteer import _core
from pysteer.errors import ShapeError, SteeringError

WIDTHS = [1, 7, 64, 200]
Edits = list[list[_core.Edit]]


def on_host(rows: np.ndarray, edits: Edits) -> np.ndarray:
    return _core._testing.apply_on_host(rows.ravel(), rows.shape[1], edits).reshape(rows.shape)


def on_device(rows: np.ndarray, edits: Edits) -> np.ndarray:
    return _core._testing.apply_on_device(rows.ravel(), rows.shape[1], edits).reshape(rows.shape)


APPLY = {"host": on_host, "device": on_device}


def random_rows(n: int, width: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def assert_rows_close(ours: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(ours - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1.0)


@pytest.mark.parametrize("where", APPLY)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_equals_its_formula(kind: str, width: int, where: str) -> None:
    known, rows = make_edit(kind, width, seed=1), random_rows(5, width)
    ours = APPLY[where](rows, [[known.edit]] * 5)
    assert_rows_close(ours, known.formula(rows.astype(np.float64)))


@pytest.mark.parametrize("kind", KINDS)
def test_device_and_host_agree(kind: str) -> None:
    rows, edits = random_rows(9, 64), [[make_edit(kind, 64, seed=i).edit] for i in range(9)]
    assert_rows_close(on_device(rows, edits), on_host(rows, edits))


@pytest.mark.parametrize("where", APPLY)
@pytest.mark.parametrize("kind", KINDS)
def test_rows_without_edits_keep_their_bits(kind: str, where: str) -> None:
    rows, edit = random_rows(6, 64), make_edit(kind, 64, seed=1).edit
    ours = APPLY[where](rows, [[], [edit], [], [], [edit], []])
    np.testing.assert_array_equal(ours[[0, 2, 3, 5]], rows[[0, 2, 3, 5]])


@pytest.mark.parametrize("where", APPLY)
@pytest.mark.parametrize("kind", ["norm_preserving", "in_context_1", "in_context_2"])
def test_a_zero_row_has_norm_zero_after_a_norm_preserving_edit(kind: str, where: str) -> None:
    rows = random_rows(3, 64)
    rows[1] = 0.0
    ours = APPLY[where](rows, [[make_edit(kind, 64, seed=1).edit]] * 3)
    np.testing.assert_array_equal(ours[1], 0.0)


@pytest.mark.parametrize("where", APPLY)
def test_a_row_that_an_edit_cancels_becomes_zero_and_not_nan(where: str) -> None:
    rows = random_rows(1, 64)
    rows[0] = np.eye(1, 64)[0] * 4.0
    for edit in (
        _core.Edit.norm_preserving(-rows[0]),
        _core.Edit.in_context(rows.copy(), np.float32([-1.0])),
    ):
        np.testing.assert_array_equal(APPLY[where](rows, [[edit]]), 0.0)


@pytest.mark.parametrize("where", APPLY)
def test_edits_of_a_row_are_applied_in_their_order(where: str) -> None:
    rows = random_rows(4, 64)
    known = [make_edit(kind, 64, seed=i) for i, kind in enumerate(KINDS[:-1])]
    orders = [known, known[::-1], known[3:], known[:2]]
    expected = rows.astype(np.float64)
    for i, order in enumerate(orders):
        for each in order:
            expected[i : i + 1] = each.formula(expected[i : i + 1])
    assert_rows_close(APPLY[where](rows, [[each.edit for each in order] for order in orders]), expected)


def test_ablating_twice_equals_ablating_once() -> None:
    rows, edit = random_rows(4, 64), make_edit("ablate", 64, seed=1).edit
    assert_rows_close(on_host(rows, [[edit, edit]] * 4), on_host(rows, [[edit]] * 4))


@pytest.mark.parametrize("tiny", [TINY_WIDE_HEAD, TINY_GPT2], ids=["wide_head", "gpt2"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_decode_with_device_edits_equals_one_with_host_edits(
    write_tiny: Callable[[TinyModel, str], Path], tiny: TinyModel, kind: str
) -> None:
    """Every kind at three sites, with tokens that are not edited, and the last block with all its outputs."""
    path, results = write_tiny(tiny, "F32"), []
    assert tiny.head_dim is not None
    widths = {"resid_post": 64, "head_out": tiny.head_dim * tiny.n_heads, "mlp_out": 64}
    for force in (False, True):
        session = open_session(path)
        _core._testing.force_device_edits(session, force)
        steps = [step(c, 3, make_edit(kind, width, seed=9).edit, 1, 4) for c, width in widths.items()]
        steer(session, 0, *steps, step("resid_post", 0, make_edit(kind, 64, seed=3).edit, 2, 9))
        results.append(logits_of(session, [5, 9, 14, 200, 77, 31]))
    # GELU's float16 table turns a float32 rounding difference into one of 1e-4.
    tolerance = 2e-4 if tiny is TINY_GPT2 else 1e-5
    assert np.abs(results[0] - results[1]).max() <= tolerance * np.abs(results[0]).max()


def test_only_plain_additions_are_additive() -> None:
    assert [kind for kind in KINDS if make_edit(kind, 8, seed=1).edit.is_additive] == ["add"]


@pytest.mark.parametrize("where", APPLY)
@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("above", [True, False])
def test_a_gate_lets_through_the_rows_on_its_side_of_the_threshold_and_keeps_the_bits_of_the_others(
    above: bool, relative: bool, where: str
) -> None:
    """Values -2 to 2 along the gate, one of them the threshold itself: that row is on neither side."""
    read, write = np.eye(64, dtype=np.float32)[0], np.full(64, 5.0, dtype=np.float32)
    rows = np.zeros((5, 64), dtype=np.float32)
    rows[:, 0], rows[:, 1] = [-2.0, -1.0, 0.0, 1.0, 2.0], 3.0
    values = rows[:, 0] / np.linalg.norm(rows, axis=1) if relative else rows[:, 0]
    threshold = 0.0
    edit = _core.Edit.rank_one(None, write, 1.0, 0.0).gated(read, threshold, above=above, relative=relative)
    changed = APPLY[where](rows, [[edit]] * 5)
    is_open = values > threshold if above else values < threshold
    np.testing.assert_array_equal(changed[~is_open], rows[~is_open])
    np.testing.assert_array_equal(changed[is_open], rows[is_open] + write)


@pytest.mark.parametrize("where", APPLY)
@pytest.mark.parametrize("above", [True, False])
def test_a_row_of_zeros_has_the_value_zero_at_a_relative_gate(above: bool, where: str) -> None:
    write, rows = np.ones(8, dtype=np.float32), np.zeros((1, 8), dtype=np.float32)
    for threshold in (-0.1, 0.1):
        edit = _core.Edit.rank_one(None, write, 1.0, 0.0).gated(write, threshold, above=above, relative=True)
        assert APPLY[where](rows, [[edit]]).any() == ((threshold < 0) == above)


@pytest.mark.parametrize("where", APPLY)
def test_a_gate_looks_at_the_row_that_the_edits_before_it_left(where: str) -> None:
    read, rows = np.eye(8, dtype=np.float32)[0], np.zeros((2, 8), dtype=np.float32)
    push = _core.Edit.rank_one(None, read, 2.0, 0.0)
    behind = _core.Edit.rank_one(None, np.eye(8, dtype=np.float32)[1], 1.0, 0.0)
    gated = behind.gated(read, 1.0, above=True, relative=False)
    changed = APPLY[where](rows, [[push, gated], [gated, push]])
    np.testing.assert_array_equal(changed[:, :2], [[2.0, 1.0], [2.0, 0.0]])


def test_a_gate_without_meaning_is_refused() -> None:
    four = np.ones(4, dtype=np.float32)
    edit = _core.Edit.rank_one(None, four, 1.0, 0.0)
    gate = {"above": True, "relative": False}
    with pytest.raises(ShapeError, match="at least one value"):
        edit.gated(np.zeros(0, dtype=np.float32), 0.0, **gate)
    for read, threshold in ((np.full(4, np.nan, dtype=np.float32), 0.0), (four, np.inf)):
        with pytest.raises(SteeringError, match="not finite"):
            edit.gated(read, threshold, **gate)
    with pytest.raises(SteeringError, match="has a gate already"):
        edit.gated(four, 0.0, **gate).gated(four, 0.0, **gate)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value: float) -> None:
    bad, good = np.full(4, value, dtype=np.float32), np.ones(4, dtype=np.float32)
    for make in (
        lambda: _core.Edit.rank_one(None, bad, 1.0, 0.0),
        lambda: _core.Edit.rank_one(bad, good, 1.0, 1.0),
        lambda: _core.Edit.rank_one(None, good, value, 0.0),
        lambda: _core.Edit.rank_one(good, good, 0.0, value),
        lambda: _core.Edit.norm_preserving(bad),
        lambda: _core.Edit.in_context(bad[None], np.float32([1.0])),
        lambda: _core.Edit.in_context(good[None], np.float32([value])),
        lambda: _core.Edit.replace(0, bad),
    ):
        with pytest.raises(SteeringError, match="not finite"):
            make()


def test_edits_of_the_wrong_shape_are_refused() -> None:
    empty, four = np.zeros(0, dtype=np.float32), random_vector(4, seed=0)
    for make in (
        lambda: _core.Edit.rank_one(None, empty, 1.0, 0.0),
        lambda: _core.Edit.rank_one(four, four[:3].copy(), 1.0, 1.0),
        lambda: _core.Edit.rank_one(None, four, 1.0, 1.0),
        lambda: _core.Edit.rank_one(None, four[::2], 1.0, 0.0),
        lambda: _core.Edit.rank_one(None, four.astype(np.float64), 1.0, 0.0),
        lambda: _core.Edit.rank_one(None, four[None], 1.0, 0.0),
        lambda: _core.Edit.norm_preserving(empty),
        lambda: _core.Edit.in_context(four, np.float32([1.0])),
        lambda: _core.Edit.in_context(np.stack([four, four, four]), np.float32([1.0, 2.0])),
        lambda: _core.Edit.in_context(four[None], empty),
        lambda: _core.Edit.replace(-1, four),
        lambda: _core.Edit.replace(0, empty),
    ):
        with pytest.raises(ShapeError):
            make()


def test_a_task_direction_of_zero_is_refused() -> None:
    with pytest.raises(SteeringError, match="points nowhere"):
        _core.Edit.in_context(np.zeros((1, 4), dtype=np.float32), np.float32([1.0]))


def test_an_edit_keeps_its_own_copy_of_the_arrays() -> None:
    write, rows = np.ones(8, dtype=np.float32), random_rows(1, 8)
    edit = _core.Edit.rank_one(None, write, 1.0, 0.0)
    write[:] = 100.0
    np.testing.assert_array_equal(on_host(rows, [[edit]]), rows + np.float32(1.0))
