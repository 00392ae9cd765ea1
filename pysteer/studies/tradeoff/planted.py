"""P00: what was planted in the embedded model, and whether the study finds it; only where that model is studied."""

from __future__ import annotations

import numpy as np

from pysteer.studies.rows import ResultTable, Row
from pysteer.studies.study import Piece
from pysteer.studies.tradeoff.found import Found

_MOST_SURPRISE = 1.5
"""Times the unsteered surprise: as the embedded model's own check allows 1.5 times its perplexity on other text."""


def analyse_planted(models: list[Found]) -> Piece:
    """Prompting, knowledge, passages, and the vector for mood."""
    findings: list[tuple[str, Row]] = []
    for found in models:
        if found.material.is_embedded:
            findings += [("P1", style_set(found)), ("P2", _known(found)), ("P3", _read(found)), ("P4", mood(found))]
    rows = tuple(row for _, row in findings)
    return Piece([ResultTable("planted", "P00", "Planted and recovered", rows)], findings)


def style_set(found: Found) -> Row:
    """Return the share of replies under prompting whose words, or length, are those asked for."""
    return found.mean_row(found.cells("prompting", "shows", "requests"), "replies that show the style", unit="share")


def _known(found: Found) -> Row:
    return found.mean_row(found.written_hits("control"), "accuracy of written answers, control", unit="share")


def _read(found: Found) -> Row:
    gain = found.letter_hits("open book") - found.letter_hits("control")
    return found.mean_row(gain, "accuracy by letters, open book minus control", unit="share", is_change=True)


def mood(found: Found) -> Row:
    """Return the share of joyful replies at the best strength of the sweep that leaves text readable, minus without."""
    quantity = "joyful replies, vector minus control"
    if "joyful" not in found.names:
        return found.none(quantity, "the style 'joyful' is not part of this preset", unit="share")
    style = found.names.index("joyful")
    shows = found.sweep("vector", "shows", "requests")[style]
    surprise = np.nanmean(found.sweep("vector", "surprise", "requests")[style], axis=0)
    readable = np.flatnonzero(surprise <= _MOST_SURPRISE * surprise[0])
    best = int(readable[np.argmax(np.nanmean(shows, axis=0)[readable])])
    row = found.mean_row((shows[:, best] - shows[:, 0])[None], quantity, unit="share", is_change=True)
    return Row(
        row.labels, row.quantity, row.value, row.low, row.high, row.n, row.unit, row.origin, row.failures,
        row.note or f"strength {found.strengths[best]:g}, the best of {len(readable)} within the bound",
    )  # fmt: skip
