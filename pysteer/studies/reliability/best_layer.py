"""E06: at which depth does steering work best?"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.report.estimates import Estimates
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.reliability.figures import draw_layers
from pysteer.studies.reliability.found import UNIT, Found
from pysteer.studies.reliability.intervals import bootstrap_over
from pysteer.studies.reliability.plan import name_of
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure


def analyse_layers(models: list[Found]) -> Piece:
    """Steerability on validation items at each layer, and the depth of the best one."""
    rows: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        result = found.results[name_of(found.model, "layer")]
        table, layers = result.arrays["steerability"], list(map(int, result.content["layers"]))
        origin, n_layers = _origin(found, len(table)), found.model.loaded.n_layers
        rows += [_layer_row(found, origin, layer, table[:, index]) for index, layer in enumerate(layers)]
        findings.append(("C1.6d", _depth(found, origin, table, layers, n_layers)))
        mean = Estimates([row.value for row in rows[-len(layers) :]], *_ends(rows[-len(layers) :]))
        drawing = draw_layers(layers, table, mean, chosen=found.layer, n_layers=n_layers, unit=UNIT)
        title = f"Steerability by layer, {found.label}"
        figures.append(StudyFigure(f"layers_{file_name(found.label)}", "E06", title, drawing))
        own = [layers[int(index)] for index in table.argmax(axis=1)]
        notes.append(
            f"{found.label}: layer {found.layer} of {n_layers} was chosen for all questionnaires; each by itself would "
            f"have chosen {', '.join(map(str, sorted(set(own))))}."
        )
    return Piece(
        [ResultTable("layers", "E06", "Mean steerability on validation items, by layer", tuple(rows))],
        findings,
        figures,
        {"E06": notes},
    )


def _origin(found: Found, n_swept: int) -> Origin:
    hashes = [each.validation.content_hash for each in found.questionnaires[:n_swept]]
    return found.context.origin(found.model, joined_hash(hashes))


def _layer_row(found: Found, origin: Origin, layer: int, values: np.ndarray) -> Row:
    about: dict[str, str | int] = {"model": found.label, "layer": layer}
    if values.size < 2:
        return no_number(origin, "steerability", "one questionnaire only", unit=UNIT, labels=about)
    return row_of(bootstrap_mean(values, seed=found.seed), origin, quantity="steerability", unit=UNIT, labels=about)


def _ends(rows: list[Row]) -> tuple[list[float], list[float]]:
    return [row.low for row in rows], [row.high for row in rows]


def _depth(found: Found, origin: Origin, table: np.ndarray, layers: list[int], n_layers: int) -> Row:
    def statistic(drawn: np.ndarray) -> float:
        return layers[int(table[drawn].mean(axis=0).argmax())] / n_layers

    about, quantity = {"model": found.label}, "depth of the best layer"
    try:
        return row_of(
            bootstrap_over(statistic, len(table), seed=found.seed),
            origin,
            quantity=quantity,
            unit="share",
            labels=about,
        )
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit="share", labels=about)
