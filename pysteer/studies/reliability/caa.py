"""E10: do the behaviours of contrastive activation addition rise with the multiplier, also on top of a persona?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.estimates import Estimates
from pysteer.statistics import bootstrap_datasets, bootstrap_mean, wilson_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.parts import PartResult
from pysteer.studies.reliability.caa_behaviours import Behaviour
from pysteer.studies.reliability.caa_figure import BehaviourCurves, draw_behaviours
from pysteer.studies.reliability.found import Found
from pysteer.studies.reliability.intervals import bootstrap_over
from pysteer.studies.reliability.plan import name_of
from pysteer.studies.reliability.sizes import CAA_COEFFICIENTS
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

UNIT = "probability"
_DOWN, _UP = CAA_COEFFICIENTS.index(-1.0), CAA_COEFFICIENTS.index(1.0)


def analyse_caa(models: list[Found]) -> Piece:
    """Probability of the matching letter over the multiplier, by behaviour and prompt setting."""
    rates: list[Row] = []
    effects: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        if not found.behaviours:
            notes.append(f"{found.label}: there is no behaviour whose items it can read.")
            continue
        settings = _settings(found)
        curves = []
        for each in found.behaviours:
            own = [_rate_rows(found, each, setting) for setting in settings]
            rates += [row for rows in own for row in rows]
            curves.append(BehaviourCurves(each.name, len(each.test), [_estimates(rows) for rows in own]))
            effects += [row for setting in settings for row in _effect_rows(found, each, setting)]
        findings += [("A1", _monotone(found)), ("A2", _above_random(found)), ("A3", _on_top(found, settings[1:]))]
        title = f"Answers that match the behaviour, by multiplier, {found.label}"
        drawing = draw_behaviours(CAA_COEFFICIENTS, settings, curves)
        figures.append(StudyFigure(f"caa_{file_name(found.label)}", "E10", title, drawing))
        notes.append(_note(found))
    tables = [
        ResultTable("caa_effects", "E10", "Change from multiplier -1 to 1, and share of steps upwards", tuple(effects)),
        ResultTable("caa_rates", "E10", "Probability of the matching letter", tuple(rates), is_folded=True),
    ]
    return Piece([table for table in tables if table.rows], findings, figures, {"E10": notes})


def probabilities(found: Found, each: Behaviour, setting: str) -> Float64Array:
    """Return P(match) / (P(A) + P(B)), (n_items, n_coefficients)."""
    result = _part(found, each)
    index = result.content["settings"].index(setting)
    return _sigmoid(result.arrays["propensities"][:, index])


def _part(found: Found, each: Behaviour) -> PartResult:
    return found.results[name_of(found.model, "CAA", each.name, "steered")]


def _settings(found: Found) -> list[str]:
    return list(_part(found, found.behaviours[0]).content["settings"])


def _sigmoid(propensities: Float64Array) -> Float64Array:
    return np.asarray(1.0 / (1.0 + np.exp(-propensities)), dtype=np.float64)


def _change(found: Found, each: Behaviour, setting: str) -> Float64Array:
    values = probabilities(found, each, setting)
    return np.asarray(values[:, _UP] - values[:, _DOWN])


def _random_change(found: Found, each: Behaviour) -> Float64Array:
    """Return the change of every item under random directions, their mean, (n_items,)."""
    values = _sigmoid(_part(found, each).arrays["random"])
    return np.asarray((values[:, :, 1] - values[:, :, 0]).mean(axis=1))


def _steps_up(values: Float64Array) -> float:
    """Return the share of steps between neighbouring multipliers at which the mean over items rises."""
    return float(np.mean(np.diff(values.mean(axis=0)) > 0.0))


def _origin(found: Found, *behaviours: Behaviour) -> Origin:
    return found.context.origin(found.model, joined_hash([each.test.content_hash for each in behaviours]))


def _rate_rows(found: Found, each: Behaviour, setting: str) -> list[Row]:
    values = probabilities(found, each, setting)
    return [
        row_of(
            bootstrap_mean(values[:, index], seed=found.seed),
            _origin(found, each),
            quantity="P(match)",
            unit=UNIT,
            labels={"model": found.label, "behaviour": each.name, "setting": setting, "multiplier": coefficient},
        )
        for index, coefficient in enumerate(CAA_COEFFICIENTS)
    ]


def _effect_rows(found: Found, each: Behaviour, setting: str) -> list[Row]:
    about = {"model": found.label, "behaviour": each.name, "setting": setting}
    origin, values = _origin(found, each), probabilities(found, each, setting)
    change = bootstrap_mean(_change(found, each, setting), seed=found.seed)
    steps = bootstrap_over(lambda drawn: _steps_up(values[drawn]), len(values), seed=found.seed, n_resamples=1000)
    return [
        row_of(change, origin, quantity="P(match) at 1 minus at -1", unit=UNIT, labels=about),
        row_of(steps, origin, quantity="steps upwards", unit="share", labels=about),
    ]


def _monotone(found: Found) -> Row:
    setting = _settings(found)[0]
    n_rising = sum(_steps_up(probabilities(found, each, setting)) == 1.0 for each in found.behaviours)
    interval = wilson_interval(n_rising, len(found.behaviours))
    quantity = "behaviours that rise at every step"
    return row_of(
        interval, _origin(found, *found.behaviours), quantity=quantity, unit="share", labels={"model": found.label}
    )


def _above_random(found: Found) -> Row:
    setting = _settings(found)[0]
    groups = [_change(found, each, setting) - _random_change(found, each) for each in found.behaviours]
    return _mean(found, groups, "P(match) at 1 minus at -1, above that of random directions")


def _on_top(found: Found, settings: Sequence[str]) -> Row:
    quantity = "P(match) at 1 minus at -1, under a persona"
    if not settings:
        origin = _origin(found, *found.behaviours)
        return no_number(origin, quantity, "the model takes no personas", unit=UNIT, labels={"model": found.label})
    groups = [np.mean([_change(found, each, name) for name in settings], axis=0) for each in found.behaviours]
    return _mean(found, groups, quantity)


def _mean(found: Found, groups: Sequence[Float64Array], quantity: str) -> Row:
    """Return the mean over behaviours; these and their items are drawn anew."""
    origin, about = _origin(found, *found.behaviours), {"model": found.label}
    try:
        return row_of(bootstrap_datasets(groups, seed=found.seed), origin, quantity=quantity, unit=UNIT, labels=about)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit=UNIT, labels=about)


def _estimates(rows: Sequence[Row]) -> Estimates:
    return Estimates([row.value for row in rows], [row.low for row in rows], [row.high for row in rows])


def _note(found: Found) -> str:
    setting = _settings(found)[0]
    rising = [each.name for each in found.behaviours if _steps_up(probabilities(found, each, setting)) == 1.0]
    left_out = sum(each.n_left_out for each in found.behaviours)
    return (
        f"{found.label}, layer {found.layer}: {len(rising)} of {len(found.behaviours)} behaviours rise at every step "
        f"under {setting}{': ' + ', '.join(rising) if rising else ''}. {left_out} items were left out: too long for "
        "the models, or asked both in training and in the test."
    )
