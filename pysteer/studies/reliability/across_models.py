"""E04: is a questionnaire that steers one model well also one that steers another?"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.cross_model_correlation import cross_model_correlation
from pysteer.metrics.steerability import steerability
from pysteer.report.estimates import Estimates
from pysteer.report.shift_scatter import ShiftSeries, draw_shift_scatter
from pysteer.studies.file_names import file_name
from pysteer.studies.reliability.found import AT, UNIT, Found
from pysteer.studies.reliability.prompt_shifts import headline
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure


def analyse_models(models: list[Found]) -> Piece:
    """Rank correlations between every two models, in and out of distribution; nothing with one model."""
    if len(models) < 2:
        origin = models[0].origin()
        rows = [
            no_number(
                origin, "rank correlation", "it needs two models: give --model twice", labels={"model": models[0].label}
            )
        ]
        return Piece([], [("C1.3a", rows[0]), ("C1.3b", rows[0])], [], {"E04": []})
    rows, findings, figures = [], [], []
    for one, two in combinations(models, 2):
        inside = _row(one, two, "in distribution", one.steerability(), two.steerability())
        shifts = headline(one.settings), headline(two.settings)
        if None in shifts:
            outside = no_number(
                _origin(one, two), "rank correlation", "one of them takes no shift", labels=_about(one, two)
            )
        else:
            outside = _row(
                one, two, "out of distribution", one.steerability(*shifts[0] or ()), two.steerability(*shifts[1] or ())
            )
        rows += [inside, outside]
        findings += [("C1.3a", inside), ("C1.3b", outside)]
        figures.append(_figure(one, two, inside))
    return Piece(
        [ResultTable("across_models", "E04", "Rank correlation between models", tuple(rows))], findings, figures
    )


def _about(one: Found, two: Found) -> dict[str, str]:
    return {"model": f"{one.label} and {two.label}"}


def _origin(one: Found, two: Found) -> Origin:
    return Origin(one.seed, joined_hash([one.model.hash, two.model.hash]), one.origin().data_hash)


def _row(one: Found, two: Found, where: str, first: np.ndarray, second: np.ndarray) -> Row:
    about = {**_about(one, two), "distribution": where}
    try:
        return row_of(
            cross_model_correlation(first, second), _origin(one, two), quantity="rank correlation", labels=about
        )
    except MeasurementError as error:
        return no_number(_origin(one, two), "rank correlation", str(error), n=len(first), labels=about)


def _figure(one: Found, two: Found, inside: Row) -> StudyFigure:
    def estimates(found: Found) -> Estimates:
        scores = [steerability(AT, found.propensities(each), seed=found.seed) for each in found.questionnaires]
        return Estimates([s.value for s in scores], [s.low for s in scores], [s.high for s in scores])

    rho = None if np.isnan(inside.value) else Estimates(inside.value, inside.low, inside.high)
    drawing = draw_shift_scatter(
        [ShiftSeries("in distribution", estimates(one), estimates(two), rho)],
        names=one.names,
        x_label=f"steerability, {one.label}",
        y_label=f"steerability, {two.label}",
        unit=UNIT,
    )
    name = f"across_models_{file_name(one.label)}_{file_name(two.label)}"
    return StudyFigure(name, "E04", f"Steerability in {one.label} and {two.label}", drawing)
