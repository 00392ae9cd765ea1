"""The oracle for edits: what an `EditSpec` does to rows, in NumPy, written from the formulas and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.operations import EditSpec, Gate

Rows = npt.NDArray[np.float32]


def apply_numpy(spec: EditSpec, rows: Rows) -> Rows:
    """Return edited copies of rows (n, d), float32. Dot products and norms are summed in float64."""
    # rows and result are (n, d)
    return np.stack([_apply(spec, row) for row in rows.astype(np.float32)])


def is_open(gate: Gate, row: Rows) -> bool:
    """Whether a gate lets an edit of this row through."""
    value = float(row.astype(np.float64) @ gate.read.astype(np.float64))
    if gate.is_cosine:
        norm = float(np.linalg.norm(row.astype(np.float64)))
        value = value / norm if norm > 0.0 else 0.0
    return value > gate.threshold if gate.is_above else value < gate.threshold


def _apply(spec: EditSpec, row: Rows) -> Rows:
    if spec.gate is not None and not is_open(spec.gate, row):
        return row
    if spec.kind == "rank_one":
        assert spec.write is not None
        step = np.float32(spec.offset)
        if spec.read is not None:
            step = np.float32(spec.offset + spec.gain * (row.astype(np.float64) @ spec.read.astype(np.float64)))
        return row + step * spec.write
    if spec.kind == "norm_preserving":
        assert spec.write is not None
        x = row.astype(np.float64)
        moved = x + spec.write
        return (moved * (np.linalg.norm(x) / np.linalg.norm(moved))).astype(np.float32)
    if spec.kind == "in_context":
        assert spec.directions is not None
        assert spec.strengths is not None
        x = row.astype(np.float64)
        norm = np.linalg.norm(x)
        total = np.zeros_like(x)
        for direction, strength in zip(spec.directions.astype(np.float64), spec.strengths, strict=True):
            unit = direction / np.linalg.norm(direction)
            total += strength * (1.0 + max(0.0, -(x @ unit) / norm)) * unit
        turned = x / norm + total / len(spec.strengths)
        return np.asarray(turned / np.linalg.norm(turned) * norm, dtype=np.float32)
    assert spec.kind == "replace"
    assert spec.values is not None
    changed = row.copy()
    changed[spec.begin : spec.begin + spec.values.size] = spec.values
    return changed
