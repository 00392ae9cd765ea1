"""E05: does a vector transfer better between settings in which the model already behaves alike?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.relative_steerability import relative_table
from pysteer.metrics.setting_similarity import setting_distances
from pysteer.metrics.steerability import slopes
from pysteer.report.estimates import Estimates
from pysteer.studies.file_names import file_name
from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability.figures import Cells, draw_cells
from pysteer.studies.reliability.found import AT, Found
from pysteer.studies.reliability.intervals import clustered_spearman
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure


def analyse_transfer(models: list[Found]) -> Piece:
    """Relative steerability, and cosine of the vectors, against the distance of the settings."""
    rows: list[Row] = []
    findings, figures = [], []
    for found in models:
        cells = [_cells(found, each) for each in found.questionnaires]
        distance, relative, cosine = ([cell[k] for cell in cells] for k in range(3))
        about = {"model": found.label}
        steering = _row(found, "relative steerability and distance", distance, relative, about)
        vectors = _row(found, "cosine of vectors and distance", distance, cosine, about)
        rows += [steering, vectors]
        findings += [("C1.5a", steering), ("C1.5b", vectors)]
        if len(found.settings) > 1 and np.isfinite(np.concatenate(relative)).any():
            figures.append(_figure(found, distance, relative, steering))
    table = ResultTable("transfer", "E05", "Rank correlations over pairs of settings and questionnaires", tuple(rows))
    return Piece([table], findings, figures)


def _cells(found: Found, each: Questionnaire) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return distance, relative steerability and cosine of every two different settings of a questionnaire."""
    n = len(found.settings)
    if n < 2:
        return (np.full(1, np.nan),) * 3
    transfer = np.array(
        [[slopes(AT, found.propensities(each, a, b)).mean() for b in found.settings] for a in found.settings]
    )
    distances = setting_distances(np.stack([found.unsteered(each, test) for test in found.settings]))
    means = found.part(each, "vectors").arrays["mean"]
    units = means / np.linalg.norm(means, axis=1, keepdims=True)
    off = ~np.eye(n, dtype=bool)
    return distances[off], relative_table(transfer)[off], (units @ units.T)[off]


def _row(found: Found, quantity: str, x: list[Float64Array], y: list[Float64Array], about: dict[str, str]) -> Row:
    try:
        failures = int(sum(np.isnan(each).sum() for each in y))
        interval = clustered_spearman(x, y, seed=found.seed)
        return row_of(
            interval, found.origin(), quantity=quantity, unit="rank correlation", failures=failures, labels=about
        )
    except MeasurementError as error:
        return no_number(found.origin(), quantity, str(error), labels=about)


def _figure(found: Found, x: list[Float64Array], y: list[Float64Array], row: Row) -> StudyFigure:
    rho = None if np.isnan(row.value) else Estimates(row.value, row.low, row.high)
    first, second = np.concatenate(x), np.concatenate(y)
    known = np.isfinite(first + second)
    drawing = draw_cells(
        [Cells(found.label, first[known], second[known], rho)],
        x_label="distance of the two settings without steering (nats)",
        y_label="steerability relative to the setting's own vector",
        caption=(
            f"One point for each questionnaire and ordered pair of prompt settings ({int(known.sum())} points). 1: the "
            "other setting's vector works as well as the own one; 0: not at all; below: in reverse. Settings whose own "
            f"steerability is at most 0.25 are left out ({int((~known).sum())} points). ρ: rank correlation, its 95 % "
            "interval from drawing questionnaires."
        ),
    )
    return StudyFigure(
        f"transfer_{file_name(found.label)}", "E05", f"Transfer between prompt settings, {found.label}", drawing
    )
