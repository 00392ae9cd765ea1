"""Which behaviours are steered: judged on validation items, and beside it what held-out items show."""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.statistics import bootstrap_mean
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.rows import ResultTable, Row, row_of

_UNIT = "nats per unit of strength"


def steered_table(models: Sequence[Found]) -> ResultTable:
    """Return two slopes of every behaviour: the one that decides, and the one on the items that are measured."""
    rows = [row for found in models for each in found.behaviours for row in _rows(found, each)]
    return ResultTable("steered", "E20", "Which behaviours are steered, and the slope on held-out items", tuple(rows))


def _rows(found: Found, each: Behaviour) -> list[Row]:
    labels = {"model": found.label, "behaviour": each.name}
    validation = found.context.origin(found.model, each.validation.content_hash)
    held_out = bootstrap_mean(found.slopes(each), seed=found.seed)
    verdict = "steered" if each in found.steered else "not steered"
    return [
        row_of(
            found.judged(each), validation, quantity="slope on validation items", unit=_UNIT, labels=labels,
            note=verdict,
        ),
        row_of(held_out, found.origin(each), quantity="slope on held-out items", unit=_UNIT, labels=labels),
    ]  # fmt: skip
