"""P00: does the study find what was planted in the embedded model? See docs/model-organism.md."""

from __future__ import annotations

import json

import numpy as np

from pysteer.statistics import wilson_interval
from pysteer.studies.icl.found import Found, each_model
from pysteer.studies.rows import ResultTable, Row, row_of
from pysteer.studies.study import Piece

SOLVED, UNSOLVED = 0.85, 0.3
"""Accuracy that a task needs with examples, and may have at most without, to count as solved in context only."""


def _analyse(found: Found) -> Piece:
    if not found.is_embedded:
        return Piece()
    bound = found.row(found.answers("few", "first word"), "first-word accuracy with ten examples", "share", {})
    findings = [("P1", bound), ("P2", _above_chance(found)), ("P3", _solved(found))]
    table = ResultTable("planted", "P00", "What was planted, as measured", tuple(row for _, row in findings))
    return Piece([table], findings)


analyse_planted = each_model(_analyse)


def _above_chance(found: Found) -> Row:
    """Return zero-shot accuracy minus the planted chance of each task's domain."""
    truths = json.loads((found.model.path.resolve().parent / "planted_truths.json").read_text("utf-8"))
    chances = [truths["zero_shot_chance"][truths["functions"][task]["domain"]] for task in found.tasks]
    clean = found.answers("zero", "first word")
    groups = [values - chance for values, chance in zip(clean, chances, strict=True)]
    return found.row(groups, "first-word accuracy without an example minus planted chance", "share", {})


def _solved(found: Found) -> Row:
    few, zero = (found.answers(kind, "first word") for kind in ("few", "zero"))
    n = sum(bool(np.mean(a) >= SOLVED and np.mean(b) <= UNSOLVED) for a, b in zip(few, zero, strict=True))
    quantity = "tasks solved with ten examples and not without"
    interval = wilson_interval(n, len(few))
    return row_of(interval, found.functional, quantity=quantity, unit="share", labels={"model": found.label})
