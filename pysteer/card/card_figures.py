"""The figures of a card, drawn from the card alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.card.vector_card import Quantity, VectorCard
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, number
from pysteer.report.heat_map import draw_heat_map
from pysteer.report.propensity_curves import draw_propensity_curves
from pysteer.report.shift_scatter import ShiftSeries, draw_shift_scatter
from pysteer.report.slope_violins import SlopeGroup, draw_slope_violins
from pysteer.report.trade_off import Curve, draw_trade_off
from pysteer.report.variance_bars import draw_variance_bars


def violins(card: VectorCard) -> Drawing | None:
    """Slopes of all items: this vector, under other prompts, and random directions put together."""
    rows = [SlopeGroup("this vector", _array(card.behaviour.slopes), _estimate(card.behaviour.anti_steerable))]
    rows += [SlopeGroup(one.name, _array(one.slopes), _estimate(one.anti_steerable)) for one in card.settings]
    controls = [control for control in card.controls if control.anti_steerable.value is not None]
    if controls:
        shares = [control.anti_steerable.value or 0.0 for control in controls]
        every = np.concatenate([_array(control.slopes) for control in controls])
        spread = Estimates(float(np.mean(shares)), min(shares), max(shares))
        rows.append(SlopeGroup(f"{len(controls)} random directions", every, spread, is_control=True))
    rows = [row for row in rows if np.isfinite(row.slopes).any()]
    return draw_slope_violins(rows, confidence=card.confidence) if rows else None


def curves(card: VectorCard) -> Drawing | None:
    """The preference of every item over the seven coefficients."""
    if not card.behaviour.propensities:
        return None
    table = np.array([_array(row) for row in card.behaviour.propensities])
    kept = {cost.strength: cost.propensity for cost in card.costs}
    means = _estimates([kept.get(strength, Quantity()) for strength in card.coefficients])
    return draw_propensity_curves(
        card.coefficients, table, slopes=_array(card.behaviour.slopes), mean=means, confidence=card.confidence
    )


def trade_off(card: VectorCard) -> Drawing:
    """Behaviour and costs over strength, with the guard and what is recommended."""
    at = [cost.strength for cost in card.costs]
    items = max(cost.propensity.n for cost in card.costs)
    texts = max(cost.perplexity_ratio.n for cost in card.costs)
    panels = [
        Curve(
            f"Behaviour: preference for the wanted answer (n = {items} items)",
            "propensity\n(nats)",
            _estimates([cost.propensity for cost in card.costs]),
            reference=_value_at_zero([(cost.strength, cost.propensity) for cost in card.costs]),
        ),
        Curve(
            f"Cost: perplexity of other text (n = {texts} texts)",
            "perplexity /\nunsteered",
            _estimates([cost.perplexity_ratio for cost in card.costs]),
            reference=1.0,
            guard=card.max_perplexity_ratio,
            is_log=max(cost.perplexity_ratio.value or 1.0 for cost in card.costs) > 5.0,
        ),
        Curve(
            f"Cost: KL(unsteered || steered) on the same text (n = {texts} texts)",
            "KL\n(nats a token)",
            _estimates([cost.kl for cost in card.costs]),
            reference=0.0,
        ),
    ]
    if any(cost.accuracy.value is not None for cost in card.costs):
        questions = max(cost.accuracy.n for cost in card.costs)
        panels.append(
            Curve(
                f"Cost: accuracy on questions (n = {questions})",
                "accuracy",
                _estimates([cost.accuracy for cost in card.costs]),
                reference=card.question_chance,
            )
        )
    towards = next(one for one in card.recommended if one.towards == "towards")
    span = None if towards.low is None or towards.high is None else (towards.low, towards.high)
    drawing = draw_trade_off(at, panels, recommended=span, onset=towards.onset.value, confidence=card.confidence)
    if card.question_chance is None:
        return drawing
    chance = f" The grey line of the accuracy is chance, {number(card.question_chance)}."
    return Drawing(drawing.figure, drawing.caption + chance, drawing.alt)


def position_bars(card: VectorCard) -> Drawing | None:
    """What letter and Yes/No explain of the slopes, in each prompt setting."""
    rows = [one for one in card.factors if one.letter_share is not None and one.yes_no_share is not None]
    if not rows:
        return None
    return draw_variance_bars(
        [one.setting for one in rows],
        [[one.letter_share or 0.0, one.yes_no_share or 0.0] for one in rows],
        factors=["letter A or B", "Yes or No beyond it"],
        explained=_estimates([one.explained for one in rows]),
        n=[one.explained.n for one in rows],
        confidence=card.confidence,
    )


def shifts(card: VectorCard) -> Drawing | None:
    """Slopes of the items under other prompts against those under the plain one."""
    inside = _array(card.behaviour.slopes)
    series = [
        ShiftSeries(one.name, Estimates(inside), Estimates(_array(one.slopes)), _estimate(one.correlation))
        for one in card.settings
        if np.isfinite(inside + _array(one.slopes)).any()
    ]
    if not series:
        return None
    return draw_shift_scatter(
        series,
        point="item",
        x_label="slope of an item, plain prompt",
        y_label="slope of the same item, other prompt",
        confidence=card.confidence,
    )


def layer_map(card: VectorCard) -> Drawing | None:
    """Change of propensity with each layer of the vector alone."""
    found = card.layer_map
    if found is None:
        return None
    return draw_heat_map(
        [_array(row) for row in found.changes],
        rows=[str(layer) for layer in found.layers],
        columns=[number(strength) for strength in found.strengths],
        row_label="layer, alone",
        column_label="coefficient",
        value_label="mean change of propensity (nats)",
        n=f"n = {found.n} items a cell",
        center=0.0,
    )


def _array(values: Sequence[float | None]) -> Float64Array:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _estimate(quantity: Quantity) -> Estimates:
    return Estimates(*quantity.ends)


def _estimates(quantities: Sequence[Quantity]) -> Estimates:
    return Estimates(*np.array([quantity.ends for quantity in quantities]).T)


def _value_at_zero(pairs: Sequence[tuple[float, Quantity]]) -> float | None:
    return next((quantity.value for strength, quantity in pairs if strength == 0.0), None)
