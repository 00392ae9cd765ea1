"""P20: does the study find what is known about the embedded model? See docs/model-organism.md."""

from __future__ import annotations

from pysteer.statistics import bootstrap_mean
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.price import price_rows
from pysteer.studies.mechanisms.sizes import MODERATE
from pysteer.studies.mechanisms.user_queries import gains, reply_rows
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece

_STRENGTH = 3.0
_HELD_OUT = ("held-out items",)


def analyse_planted(models: list[Found]) -> Piece:
    """Joyful and sad replies, their price, and the disposition that means nothing; nothing for other models."""
    findings, rows = [], []
    for found in models:
        if not found.material.is_embedded:
            continue
        mood = _planted(found, "mood")
        if mood is not None:
            replies = {row.labels["strength"]: row for row in reply_rows(found, mood)}
            findings += [("P1", replies[_STRENGTH]), ("P2", replies[-_STRENGTH]), ("P3", _ratio(found, mood))]
            rows.append(replies[0.0])
        findings.append(("P4", _null(found)))
    rows = [row for _, row in findings] + rows
    return Piece(
        [ResultTable("planted", "P20", "What was planted, as measured", tuple(rows))] if rows else [], findings
    )


def _planted(found: Found, kind: str) -> Behaviour | None:
    return next((each for each in found.behaviours if each.planted == kind), None)


def _ratio(found: Found, mood: Behaviour) -> Row:
    return next(
        row
        for row in price_rows(found, mood)
        if row.quantity == "perplexity_ratio" and row.labels["strength"] == _STRENGTH
    )


def _null(found: Found) -> Row:
    quantity, each = f"gain of the null disposition from -{MODERATE:g} to {MODERATE:g}", _planted(found, "null")
    if each is None:
        return no_number(
            found.origin(), quantity, "its questionnaire is not in this preset", labels={"model": found.label}
        )
    interval = bootstrap_mean(gains(found, each, _HELD_OUT), seed=found.seed)
    labels = {"model": found.label, "behaviour": each.name}
    return row_of(interval, found.origin(each), quantity=quantity, unit="share", labels=labels)
