"""E20: at which depth does steering work best, and what does it cost at each?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, number
from pysteer.report.heat_map import draw_heat_map
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.measuring import scaled_slopes
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, bootstrap_nested, pooled_row
from pysteer.studies.mechanisms.price import weights
from pysteer.studies.mechanisms.sizes import MAP_STRENGTHS, SWEEP_STRENGTHS
from pysteer.studies.reliability.figures import draw_layers
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_AT = np.array(SWEEP_STRENGTHS)
_ZERO = MAP_STRENGTHS.index(0.0)
_UNIT = "mean slope over spread"


def analyse_layers(models: list[Found]) -> Piece:
    """Scaled slopes on validation items by layer, and the depth of the best one; perplexity by layer and strength."""
    rows: list[Row] = []
    costs: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        result = found.part(None, "layer")
        table, layers = result.arrays["slopes"], list(map(int, result.content["layers"]))
        mine = [_layer_row(found, layer, table[:, place]) for place, layer in enumerate(layers)]
        rows += mine
        findings.append(("C3.6", depth(found, layers)))
        figures.append(_layer_figure(found, layers, table, mine))
        cost, drawing = _cost_map(found)
        costs += cost
        figures.append(StudyFigure(f"map_{file_name(found.label)}", "E20", f"Price by layer, {found.label}", drawing))
        own = sorted({layers[int(place)] for place in table.argmax(axis=1)})
        notes.append(
            f"{found.label}: layer {found.layer} of {found.model.loaded.n_layers} was chosen for all behaviours; each "
            f"by itself would have chosen {', '.join(map(str, own))}."
        )
    return Piece(
        [
            ResultTable("layers", "E20", "Scaled steerability on validation items, by layer", tuple(rows)),
            ResultTable("map", "E20", "Mean log perplexity ratio by layer and strength", tuple(costs), is_folded=True),
        ],
        findings,
        figures,
        {"E20": notes},
    )


def depth(found: Found, layers: Sequence[int]) -> Row:
    """Return the depth of the best layer, with its interval from drawing behaviours and their items."""
    values = [found.part(each, "layers").arrays["propensities"] for each in found.behaviours]
    n_layers = found.model.loaded.n_layers

    def statistic(chosen: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        table = [scaled_slopes(_AT, values[index][drawn]) for index, (drawn,) in zip(chosen, items, strict=True)]
        return layers[int(np.mean(table, axis=0).argmax())] / n_layers

    return pooled_row(
        lambda: bootstrap_nested(statistic, [[len(each)] for each in values], seed=found.seed),
        _origin(found),
        "depth of the best layer",
        unit="share",
        labels={"model": found.label},
    )


def _origin(found: Found) -> Origin:
    return found.context.origin(found.model, joined_hash([each.validation.content_hash for each in found.behaviours]))


def _layer_row(found: Found, layer: int, values: Float64Array) -> Row:
    about: dict[str, str | int] = {"model": found.label, "layer": layer}
    if values.size < 2:
        return no_number(_origin(found), "scaled slope", "one behaviour only", unit=_UNIT, labels=about)
    interval = bootstrap_mean(values, seed=found.seed)
    return row_of(interval, _origin(found), quantity="scaled slope", unit=_UNIT, labels=about)


def _layer_figure(found: Found, layers: Sequence[int], table: Float64Array, rows: Sequence[Row]) -> StudyFigure:
    mean = Estimates([row.value for row in rows], [row.low for row in rows], [row.high for row in rows])
    drawn = draw_layers(
        layers, table, mean, chosen=found.layer, n_layers=found.model.loaded.n_layers, unit=f"{_UNIT} of slopes"
    )
    best = int(np.argmax(mean.values))
    caption = (
        "Mean slope on validation items of a vector that is read and added at one layer, over the root mean square of "
        f"the behaviour's slopes at all layers; faint: each of {len(table)} behaviours; blue: their mean with its 95 % "
        "interval over behaviours. Vectors are not normalised, and residual streams grow with depth."
    )
    alt = f"Scaled slope over layers; highest at layer {layers[best]} with {number(float(mean.values[best]))}."
    drawing = Drawing(drawn.figure, caption, alt)
    return StudyFigure(f"layers_{file_name(found.label)}", "E20", f"Steerability by layer, {found.label}", drawing)


def _cost_map(found: Found) -> tuple[list[Row], Drawing]:
    """Return the mean log ratio over behaviours at every layer and strength, and its heat map."""
    results = [found.part(each, "map") for each in found.behaviours]
    layers = list(map(int, results[0].content["layers"]))
    nll = np.stack([result.arrays["nll"] for result in results])
    change, mass = nll - nll[..., _ZERO : _ZERO + 1], weights(results[0])  # (n_behaviours, n_windows, n_layers, n)
    active = [place for place in range(len(MAP_STRENGTHS)) if place != _ZERO]
    rows = [
        _cell_row(found, change[:, :, number_of_layer, place], mass, layer, MAP_STRENGTHS[place])
        for number_of_layer, layer in enumerate(layers)
        for place in active
    ]
    table = np.array([row.value for row in rows]).reshape(len(layers), len(active))
    chosen = [(layers.index(found.layer), column) for column in range(len(active))] if found.layer in layers else []
    drawing = draw_heat_map(
        table,
        rows=[str(layer) for layer in layers],
        columns=[f"{MAP_STRENGTHS[place]:g}" for place in active],
        row_label="layer",
        column_label="strength (multiples of the vector)",
        value_label="mean log perplexity ratio\n(nats per token)",
        n=f"means over {len(results)} behaviours and {len(mass)} windows of text; each layer has its own vector",
        center=0.0,
        chosen=chosen,
    )
    return rows, drawing


def _cell_row(found: Found, cell: Float64Array, mass: Float64Array, layer: int, strength: float) -> Row:
    """Return the mean of one layer and strength, from (n_behaviours, n_windows)."""

    def mean(behaviours: Indices, windows: Indices) -> float:
        return float((cell[behaviours][:, windows] @ mass[windows]).mean() / mass[windows].sum())

    return pooled_row(
        lambda: bootstrap_crossed(mean, len(cell), len(mass), seed=found.seed, n_resamples=500),
        found.text_origin,
        "mean log perplexity ratio",
        unit="nats per token",
        labels={"model": found.label, "layer": layer, "strength": strength},
    )
