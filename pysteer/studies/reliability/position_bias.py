"""E02: how much of the spread between items is the answer's letter, and Yes or No?"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.letter_bias import letter_bias
from pysteer.metrics.spurious_variance import spurious_variance
from pysteer.metrics.steerability import slopes
from pysteer.metrics.variance_shares import decompose_variance
from pysteer.report.estimates import Estimates
from pysteer.report.variance_bars import draw_variance_bars
from pysteer.studies.file_names import file_name
from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability.found import AT, UNIT, Found
from pysteer.studies.reliability.intervals import median_over
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure


def analyse_bias(models: list[Found]) -> Piece:
    """Variance shares of letter and Yes/No, and how much more items move whose wanted answer is A."""
    tables, findings, figures, notes = [], [], [], []
    rows: list[Row] = []
    for found in models:
        explained: dict[str, Row] = {}
        for each in found.questionnaires:
            mine = _rows(found, each)
            rows += mine
            explained[each.name] = mine[0]
        known = np.array([row.value for row in explained.values() if np.isfinite(row.value)])
        findings.append(("C1.2", _median(found, known)))
        figures.append(_figure(found, explained))
        notes.append(
            f"{found.label}: letter and Yes/No explain more than half of the variance in {int((known > 0.5).sum())} of "
            f"{known.size} questionnaires (published: 21 of 38). By chance two factors explain about "
            f"{2 / max(1, found.sizes.n_test - 1):.0%} with so many items."
        )
    tables.append(ResultTable("position_bias", "E02", "Shares of the variance of slopes, and letter bias", tuple(rows)))
    return Piece(tables, findings, figures, {"E02": notes})


def _rows(found: Found, each: Questionnaire) -> list[Row]:
    values, origin = found.propensities(each), found.origin(each)
    about = {"model": found.label, "questionnaire": each.name}
    is_a, is_yes = each.is_a(), each.is_yes()
    rows = []
    try:
        score = spurious_variance(AT, values, is_a, is_yes, seed=found.seed)
        parts = decompose_variance(slopes(AT, values), is_a, is_yes).shares()
        note = f"letter {parts['letter']:.3f}, Yes/No beyond it {parts['yes_no']:.3f}"
        rows.append(row_of(score, origin, quantity="explained by both", unit="share", note=note, labels=about))
    except MeasurementError as error:
        rows.append(no_number(origin, "explained by both", str(error), unit="share", labels=about))
    try:
        score = letter_bias(AT, values, is_a, seed=found.seed)
        rows.append(row_of(score, origin, quantity="letter bias", unit=UNIT, labels=about))
    except MeasurementError as error:
        rows.append(no_number(origin, "letter bias", str(error), unit=UNIT, labels=about))
    return rows


def _median(found: Found, known: np.ndarray) -> Row:
    quantity, about = "median share explained", {"model": found.label}
    if known.size < 2:
        return no_number(found.origin(), quantity, "fewer than two questionnaires have a number", labels=about)
    interval = median_over(known, seed=found.seed)
    return row_of(interval, found.origin(), quantity=quantity, unit="share", labels=about)


def _figure(found: Found, explained: dict[str, Row]) -> StudyFigure:
    order = sorted(
        found.questionnaires,
        key=lambda each: -explained[each.name].value if np.isfinite(explained[each.name].value) else 1.0,
    )
    table = []
    for each in order:
        try:
            parts = decompose_variance(slopes(AT, found.propensities(each)), each.is_a(), each.is_yes()).shares()
            table.append([parts["letter"], parts["yes_no"]])
        except MeasurementError:
            table.append([np.nan, np.nan])
    rows = [explained[each.name] for each in order]
    drawing = draw_variance_bars(
        [each.name for each in order],
        table,
        factors=("letter A or B", "Yes or No"),
        explained=Estimates([r.value for r in rows], [r.low for r in rows], [r.high for r in rows]),
        n=[len(each.test) for each in order],
    )
    title = f"Variance of steerability between items, {found.label}"
    return StudyFigure(f"position_bias_{file_name(found.label)}", "E02", title, drawing)
