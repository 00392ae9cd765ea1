"""P00: does the study find what was planted in the embedded model? See docs/model-organism.md.

Words of a task are asked about once, without vectors: those of its first split, which leaves some out where the preset
wants few questions. Examples come from the task's other words.
"""

from __future__ import annotations

import json

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import wilson_interval
from pysteer.studies.icl.answers import MEASURES
from pysteer.studies.icl.found import Found, each_model
from pysteer.studies.icl.means import mean_known
from pysteer.studies.icl.plan import all_words
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, row_of
from pysteer.studies.study import Piece

SOLVED, UNSOLVED = 0.85, 0.3
"""Accuracy that a task needs with examples, and may have at most without, to count as solved in context only."""


def _analyse(found: Found) -> Piece:
    if not found.is_embedded or not found.folds:
        return Piece()
    few, zero = (answers(found, kind) for kind in ("few", "zero"))
    bound = found.row(
        few, "first-word accuracy with ten examples", "share", {}, origin=_origin(found), is_by_word=False
    )
    findings = [("P1", bound), ("P2", _above_chance(found, zero)), ("P3", _solved(found, few, zero))]
    table = ResultTable("planted", "P00", "What was planted, as measured", tuple(row for _, row in findings))
    left_out = found.left_out([(task, "all words") for task in found.tasks])
    return Piece([table], findings, notes={"P00": [f"{found.label}:{left_out}"]} if left_out else {})


analyse_planted = each_model(_analyse)


def answers(found: Found, kind: str) -> list[Float64Array]:
    """Return by task whether the first word is right, (n_words,): "few", with examples, or "zero", without."""
    return [found.part(task, "all words").arrays[kind][MEASURES.index("first word"), :, 0] for task in found.tasks]


def _origin(found: Found) -> Origin:
    hashes = [all_words(folds[0]).content_hash for folds in found.folds.values()]
    return found.context.origin(found.model, joined_hash(hashes))


def _above_chance(found: Found, zero: list[Float64Array]) -> Row:
    """Return zero-shot accuracy minus the planted chance of each task's domain."""
    truths = json.loads((found.model.path.resolve().parent / "planted_truths.json").read_text("utf-8"))
    chances = [truths["zero_shot_chance"][truths["functions"][task]["domain"]] for task in found.tasks]
    groups = [values - chance for values, chance in zip(zero, chances, strict=True)]
    quantity = "first-word accuracy without an example minus planted chance"
    return found.row(groups, quantity, "share", {}, origin=_origin(found), is_by_word=False)


def _solved(found: Found, few: list[Float64Array], zero: list[Float64Array]) -> Row:
    n = sum(
        bool(mean_known(a, axis=0) >= SOLVED and mean_known(b, axis=0) <= UNSOLVED)
        for a, b in zip(few, zero, strict=True)
    )
    quantity = "tasks solved with ten examples and not without"
    interval, about = wilson_interval(n, len(few)), {"model": found.label}
    failures = sum(int(np.isnan(values).sum()) for values in (*few, *zero))
    return row_of(interval, _origin(found), quantity=quantity, unit="share", failures=failures, labels=about)
