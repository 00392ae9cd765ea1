"""P00: what was planted in the embedded model, and whether the study finds it; only where that model is studied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pysteer.arrays import Float64Array
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
    """Return the share of joyful replies at the best strength of the sweep that leaves text readable, minus without.

    Each half of the requests is measured at the strength that the other half chooses.
    """
    quantity = "joyful replies, vector minus control"
    if "joyful" not in found.names:
        return found.none(quantity, "the style 'joyful' is not part of this preset", unit="share")
    style = found.names.index("joyful")
    shows = found.sweep("vector", "shows", "requests")[style]
    surprise = found.sweep("vector", "surprise", "requests")[style]
    gains, strengths = np.full(len(shows), np.nan), []
    for half in (0, 1):
        if len(shows[1 - half :: 2]) == 0:
            return found.none(quantity, "a single request chooses no strength", unit="share")
        best = _best_strength(shows[1 - half :: 2], surprise[1 - half :: 2])
        gains[half::2] = shows[half::2, best] - shows[half::2, 0]
        strengths.append(f"{found.strengths[best]:g}")
    row = found.mean_row(gains[None], quantity, unit="share", is_change=True)
    note = row.note or f"strengths {' and '.join(strengths)}, each chosen on the other half of the requests"
    return replace(row, note=note)


def _best_strength(shows: Float64Array, surprise: Float64Array) -> int:
    """Return the place of the strength with most replies that show the style, of those that leave text readable."""
    cost = np.nanmean(surprise, axis=0)
    readable = np.flatnonzero(cost <= _MOST_SURPRISE * cost[0])
    return int(readable[np.argmax(np.nanmean(shows, axis=0)[readable])])
