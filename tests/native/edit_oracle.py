"""The formulas of `_core.Edit` in NumPy, float64, and random edits of every kind with their formula beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pysteer import _core

Formula = Callable[[np.ndarray], np.ndarray]
KINDS = (
    "add",
    "ablate",
    "clamp",
    "rank_one_gain",
    "norm_preserving",
    "in_context_1",
    "in_context_2",
    "replace_slice",
    "gated_add",
    "gated_norm_preserving",
    "gated_in_context",
    "gated_replace",
    "zero",
)


@dataclass(frozen=True)
class KnownEdit:
    """An edit of the core, and what it does to rows (n, width)."""

    edit: _core.Edit
    formula: Formula


def rank_one(read: np.ndarray | None, write: np.ndarray, offset: float, gain: float) -> KnownEdit:
    def formula(rows: np.ndarray) -> np.ndarray:
        along = 0.0 if read is None else rows @ read.astype(np.float64)
        return rows + np.multiply.outer(offset + gain * along * np.ones(len(rows)), write.astype(np.float64))

    return KnownEdit(_core.Edit.rank_one(read, write, offset, gain), formula)


def norm_preserving(write: np.ndarray) -> KnownEdit:
    def formula(rows: np.ndarray) -> np.ndarray:
        moved = rows + write.astype(np.float64)
        return moved * np.linalg.norm(rows, axis=1, keepdims=True) / np.linalg.norm(moved, axis=1, keepdims=True)

    return KnownEdit(_core.Edit.norm_preserving(write), formula)


def in_context(directions: np.ndarray, strengths: np.ndarray) -> KnownEdit:
    """Liu et al. 2023, arXiv:2311.06668, as `Edit.in_context` states it."""

    def formula(rows: np.ndarray) -> np.ndarray:
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit_rows, total = rows / norms, np.zeros_like(rows)
        for direction, strength in zip(directions.astype(np.float64), strengths, strict=True):
            unit = direction / np.linalg.norm(direction)
            against = np.maximum(0.0, -(unit_rows @ unit))
            total += np.multiply.outer(float(strength) * (1.0 + against), unit)
        turned = unit_rows + total / len(strengths)
        return turned / np.linalg.norm(turned, axis=1, keepdims=True) * norms

    return KnownEdit(_core.Edit.in_context(directions, strengths), formula)


def replace(begin: int, values: np.ndarray) -> KnownEdit:
    def formula(rows: np.ndarray) -> np.ndarray:
        changed = rows.copy()
        changed[:, begin : begin + len(values)] = values
        return changed

    return KnownEdit(_core.Edit.replace(begin, values), formula)


def gated(known: KnownEdit, read: np.ndarray, threshold: float, *, above: bool, relative: bool) -> KnownEdit:
    """`known` at the rows whose value lies on the right side of the threshold."""

    def formula(rows: np.ndarray) -> np.ndarray:
        values = rows @ read.astype(np.float64)
        if relative:
            norms = np.linalg.norm(rows, axis=1)
            values = np.divide(values, norms, out=np.zeros_like(values), where=norms > 0)
        is_open = values > threshold if above else values < threshold
        return np.where(is_open[:, None], known.formula(rows), rows)

    return KnownEdit(known.edit.gated(read, threshold, above=above, relative=relative), formula)


def make_edit(kind: str, width: int, *, seed: int) -> KnownEdit:
    rng = np.random.default_rng(seed)

    def vector(size: int = width) -> np.ndarray:
        return rng.normal(size=size).astype(np.float32)

    unit = vector()
    unit /= np.linalg.norm(unit)
    makers: dict[str, Callable[[], KnownEdit]] = {
        "add": lambda: rank_one(None, vector(), 0.7, 0.0),
        "ablate": lambda: rank_one(unit, unit, 0.0, -1.0),
        "clamp": lambda: rank_one(unit, unit, 3.0, -1.0),
        "rank_one_gain": lambda: rank_one(0.2 * vector(), 0.2 * vector(), -0.5, 1.7),
        "norm_preserving": lambda: norm_preserving(vector()),
        "in_context_1": lambda: in_context(vector()[None], np.float32([0.6])),
        "in_context_2": lambda: in_context(np.stack([vector(), vector()]), np.float32([0.8, -0.4])),
        "replace_slice": lambda: replace(width // 4, vector(max(1, width // 4))),
        "gated_add": lambda: gated(rank_one(None, vector(), 0.7, 0.0), unit, 0.02, above=True, relative=False),
        "gated_norm_preserving": lambda: gated(norm_preserving(vector()), unit, 0.01, above=False, relative=True),
        "gated_in_context": lambda: gated(
            in_context(vector()[None], np.float32([0.6])), unit, 0.2, above=False, relative=True
        ),
        "gated_replace": lambda: gated(
            replace(width // 4, vector(max(1, width // 4))), unit, -0.02, above=True, relative=True
        ),
        "zero": lambda: replace(0, np.zeros(width, dtype=np.float32)),
    }
    return makers[kind]()
