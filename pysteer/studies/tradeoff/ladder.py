"""E19: the loss of accuracy at the same behaviour gain, over models and over coarser weights of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.estimates import number
from pysteer.statistics import drawn_interval
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.figures import draw_rows
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found, sweep_of
from pysteer.studies.tradeoff.matched import accuracy_at, bootstrap_two, mean_curve
from pysteer.studies.tradeoff.plan_basics import coarser_models

_SHARE = 0.5
"""Of the largest gain that every rung reaches: where all of them are compared."""
_LOSS = "accuracy lost at the same behaviour gain"


class _Rung:
    """The sweep of one model, or of one with coarser weights."""

    def __init__(self, found: Found, name: str, styles: list[str], prefix: tuple[str, ...]) -> None:
        self.found, self.name = found, name
        label = prefix[0] if prefix else found.model.label
        parts = [found.results[" / ".join((label, style, "sweep"))] for style in styles]
        n = found.n_swept_questions
        ratio = sweep_of(parts, n, "vector", "ratio", "requests")
        self.gains, self.hits = ratio - ratio[..., :1], sweep_of(parts, n, "vector", "hit", "questions")

    def best_gain(self) -> float:
        return float(mean_curve(self.gains, np.arange(self.gains.shape[1])).max())

    def loss(self, gain: float) -> Row:
        """Return the accuracy lost at a gain."""
        about = {"model": self.found.label, "rung": self.name}
        reason = self.found.ratio_is_blind or self.found.nothing_to_lose
        if not reason and self.found.capability_kind != "written":
            reason = "written answers are not above chance without steering"
        if not reason and not gain > 0.0:
            reason = "no behaviour gain is reached by every rung"
        if reason:
            return no_number(self.found.origin, _LOSS, reason, unit="share", labels=about)

        def statistic(questions: np.ndarray, requests: np.ndarray) -> float:
            hits: Float64Array = mean_curve(self.hits, questions)
            return float(hits[0]) - accuracy_at(gain, mean_curve(self.gains, requests), hits)

        try:
            interval = bootstrap_two(statistic, self.hits.shape[1], self.gains.shape[1], seed=self.found.seed)
        except MeasurementError as error:
            return no_number(self.found.origin, _LOSS, str(error), unit="share", labels=about)
        note = f"at a gain of {number(gain)} {RATIO_UNIT}"
        return row_of(interval, self.found.origin, quantity=_LOSS, unit="share", labels=about, note=note)

    def largest_gain(self) -> Row:
        """Return the largest gain at any strength, with its interval over requests."""
        about, quantity = {"model": self.found.label, "rung": self.name}, "largest behaviour gain"
        n = self.gains.shape[1]
        try:
            interval = bootstrap_two(
                lambda _, requests: float(mean_curve(self.gains, requests).max()), n, n, seed=self.found.seed
            )
        except MeasurementError as error:
            return no_number(self.found.origin, quantity, str(error), unit=RATIO_UNIT, labels=about)
        return row_of(interval, self.found.origin, quantity=quantity, unit=RATIO_UNIT, labels=about)


def analyse_ladder(models: list[Found]) -> Piece:
    """Loss at the same gain: over the models, and for each of them over its coarser weights."""
    rows: list[Row] = []
    figures: list[StudyFigure] = []
    notes: list[str] = []
    for found in models:
        coarser = coarser_models(found.context, found.model)
        styles = found.names[: found.sizes.n_ladder_styles]
        if coarser and styles:
            rungs = [_Rung(found, "as given", styles, ())]
            rungs += [_Rung(found, each.weight_type, styles, (each.label,)) for each in coarser]
            rows += _losses(rungs)
            own = found.model.loaded.quantisation
            notes.append(
                f"{found.label} is {own}: its weights were quantised once more, which loses more than doing it once "
                "from the original. Coarser weights are not a smaller model, and decide nothing about C0.4."
            )
    across = [_Rung(found, found.label, found.names, ()) for found in models]
    between = _losses(across)
    slope = size_slope(models, between)
    if len(models) > 1:
        rows += [replace(row, labels={**row.labels, "rung": "among all models"}) for row in between]
    if any(row.quantity == _LOSS and not np.isnan(row.value) for row in rows):
        named = [(f"{row.labels['model']}, {row.labels['rung']}", row) for row in rows if row.quantity == _LOSS]
        caption = "Accuracy lost to the vector where behaviour has risen by the same amount, with 95 % intervals."
        drawing = draw_rows(named, x_label=_LOSS, caption=caption)
        figures.append(StudyFigure("ladder", "E19", "Loss at the same behaviour gain", drawing))
    findings = [("C0.4", slope)]
    return Piece(
        [ResultTable("ladder", "E19", "Loss of accuracy at the same behaviour gain", tuple(rows))],
        findings,
        figures,
        {"E19": notes},
    )


def _losses(rungs: list[_Rung]) -> list[Row]:
    gain = _SHARE * min((rung.best_gain() for rung in rungs), default=0.0)
    rows = []
    for rung in rungs:
        rows += [rung.loss(gain), rung.largest_gain()]
    return rows


def size_slope(models: list[Found], losses: list[Row]) -> Row:
    """Return the change of the loss per tenfold size of the model, with an interval over what each loss may be.

    ``n`` is the number of models; the claim needs three.
    """
    quantity = "change of the loss per tenfold size"
    first = models[0]
    about = {"model": first.label if len(models) == 1 else "all models"}
    known = [
        (float(np.log10(found.model.loaded.n_parameters)), row)
        for found, row in zip(models, [row for row in losses if row.quantity == _LOSS], strict=True)
        if not np.isnan(row.value)
    ]
    if len(known) < 2 or np.ptp([size for size, _ in known]) == 0.0:
        reason = (
            "one model is no ladder: give several with --model"
            if len(models) == 1
            else "fewer than two models of different size have a loss at the same gain"
        )
        return no_number(first.origin, quantity, reason, n=len(known), unit="share", labels=about)
    sizes = np.array([size for size, _ in known])
    centred = sizes - sizes.mean()
    generator = np.random.default_rng(first.seed)
    means = np.array([row.value for _, row in known])
    spreads = np.array([(row.high - row.low) / 3.92 for _, row in known])
    drawn = means + spreads * generator.standard_normal((4000, len(known)))
    line = centred / (centred @ centred)
    interval = drawn_interval(float(means @ line), drawn @ line, len(known))
    return row_of(interval, first.origin, quantity=quantity, unit="share", labels=about)
