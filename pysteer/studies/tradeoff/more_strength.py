"""E18: behaviour, accuracy and coherence over strength."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.capability_cost import capability_cost
from pysteer.metrics.monotonicity import monotonicity
from pysteer.metrics.over_steering_onset import over_steering_onset
from pysteer.metrics.pareto_front import pareto_front
from pysteer.report.estimates import Estimates, interval
from pysteer.report.pareto_front import Candidates, draw_pareto_front
from pysteer.report.trade_off import Curve, draw_trade_off
from pysteer.studies.file_names import file_name
from pysteer.studies.rows import ResultTable, Row, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.cells import item_means
from pysteer.studies.tradeoff.figures import estimates_of
from pysteer.studies.tradeoff.found import PAIRS_UNIT, RATIO_UNIT, Found, missing

KINDS = ("vector", "features", "random")
_CURVES = (
    ("ratio, requests", "ratio", "requests", RATIO_UNIT),
    ("accuracy, written", "hit", "questions", "share"),
    ("surprise", "surprise", "all", RATIO_UNIT),
    ("repetition", "repetition", "all", PAIRS_UNIT),
    ("style shows (words)", "shows", "requests", "share"),
)


def analyse_strength(models: list[Found]) -> Piece:
    """Curves over strength, where over-steering sets in, what a unit of behaviour costs, and the Pareto front."""
    curves: list[Row] = []
    summary: list[Row] = []
    prices: list[Row] = []
    findings: list[tuple[str, Row]] = []
    figures: list[StudyFigure] = []
    notes: list[str] = []
    for found in models:
        for kind in KINDS:
            mine = _curve_rows(found, kind)
            curves += mine
            summary += [*_monotone(found, kind), *_onsets(found, kind)]
            prices += _costs(found, kind)
            if kind != "random" and mine:
                figures.append(_trade_off(found, kind))
        findings += [
            ("C0.5a", falls(found, "vector")),
            ("C0.5b", falls(found, "features")),
            ("C0.5c", last_change(found)),
        ]
        figures.append(_pareto(found))
        notes.append(_note(found))
    return Piece(
        [
            ResultTable("strengths", "E18", "Behaviour, accuracy and coherence over strength", tuple(curves)),
            ResultTable("over_steering", "E18", "Monotonic or not, and onset of over-steering", tuple(summary)),
            ResultTable("price", "E18", "What a unit of behaviour (1 nat per token of the ratio) costs", tuple(prices)),
        ],
        findings,
        figures,
        {"E18": notes},
    )


def _is_there(found: Found, kind: str) -> bool:
    return not np.isnan(found.sweep(kind, "n_tokens")[..., 1:]).all()


def _curve_rows(found: Found, kind: str) -> list[Row]:
    if not _is_there(found, kind):
        return []
    rows = []
    for shown, quantity, where, unit in _CURVES:
        cells = found.sweep(kind, quantity, where)
        if np.isnan(cells).all():
            continue
        for place, strength in enumerate(found.strengths.tolist()):
            rows.append(found.mean_row(cells[..., place], shown, unit=unit, kind=kind, strength=strength))
    return rows


def falls(found: Found, kind: str) -> Row:
    """Return the mean rank correlation of strength and surprise, over items (each the mean over styles)."""
    quantity = f"rank correlation of strength and surprise, {kind}"
    if not _is_there(found, kind):
        return found.none(quantity, missing(kind))
    return _rank(found, quantity, found.sweep(kind, "surprise"), {})


def _rank(found: Found, quantity: str, cells: Float64Array, labels: dict[str, str]) -> Row:
    items = np.stack([item_means(cells[..., place]) for place in range(cells.shape[2])], axis=1)
    known = items[np.isfinite(items).all(axis=1)]
    n_missing = len(items) - len(known)
    try:
        score = monotonicity(found.strengths, known, seed=found.seed)
    except MeasurementError as error:
        return found.none(quantity, str(error), failures=n_missing, **labels)
    return row_of(score, found.origin, quantity=quantity, failures=n_missing, labels={"model": found.label, **labels})


def _monotone(found: Found, kind: str) -> list[Row]:
    if not _is_there(found, kind):
        return []
    return [
        _rank(found, f"rank correlation of strength and {shown}", found.sweep(kind, quantity, where), {"kind": kind})
        for shown, quantity, where, _ in _CURVES[:3]
        if quantity != "hit" or found.capability_kind == "written"
    ]


def last_change(found: Found) -> Row:
    """Return the accuracy at the largest strength of the vector minus that without steering."""
    quantity = "accuracy, largest strength minus none"
    if found.capability_kind != "written":
        reason = found.nothing_to_lose or "written answers are not above chance without steering"
        return found.none(quantity, reason, unit="share")
    cells = found.sweep("vector", "hit", "questions")
    return found.mean_row(cells[..., -1] - cells[..., 0], quantity, unit="share", is_change=True)


def _onsets(found: Found, kind: str) -> list[Row]:
    """Strength from which on accuracy falls, and coherence."""
    if not _is_there(found, kind):
        return []
    tables = {"coherence": -found.sweep(kind, "surprise")}
    if found.capability_kind == "written":
        tables["accuracy"] = found.sweep(kind, "hit", "questions")
    rows = []
    for name, cells in tables.items():
        quantity = f"onset of over-steering, {name}"
        items = np.stack([item_means(cells[..., place]) for place in range(cells.shape[2])], axis=1)
        known = items[np.isfinite(items).all(axis=1)]
        n_missing = len(items) - len(known)
        try:
            score = over_steering_onset(found.strengths, known, seed=found.seed)
        except MeasurementError as error:
            rows.append(found.none(quantity, str(error), unit="strength", failures=n_missing, kind=kind))
            continue
        about = {"model": found.label, "kind": kind}
        rows.append(row_of(score, found.origin, quantity=quantity, unit="strength", failures=n_missing, labels=about))
    return rows


def _costs(found: Found, kind: str) -> list[Row]:
    """What a unit of behaviour costs at every strength: accuracy, and surprise.

    A request whose surprise or whose gain is not known counts for neither.
    """
    if not _is_there(found, kind) or found.ratio_is_blind:
        return []
    ratio = found.sweep(kind, "ratio", "requests")
    losses = {"surprise": found.sweep(kind, "surprise") - found.sweep(kind, "surprise")[..., :1]}
    if found.capability_kind == "written":
        hits = found.sweep(kind, "hit", "questions")
        losses["accuracy"] = hits[..., :1] - hits
    rows = []
    for name, cells in losses.items():
        for place in range(1, len(found.strengths)):
            strength = float(found.strengths[place])
            quantity = f"{name} lost per unit of behaviour"
            about: dict[str, str | float] = {"kind": kind, "strength": strength}
            unit = "share per nat per token" if name == "accuracy" else "nats per nat"
            gain, loss = (item_means(each) for each in (ratio[..., place] - ratio[..., 0], cells[..., place]))
            gain, loss, n_missing = measured_together(gain, loss, found.n_swept_questions)
            try:
                with np.errstate(divide="ignore", invalid="ignore"):  # single draws without any gain; see below
                    score = capability_cost(gain, loss, seed=found.seed)
            except MeasurementError as error:
                rows.append(found.none(quantity, str(error), unit=unit, failures=n_missing, **about))
                continue
            if not np.isfinite([score.low, score.high]).all():
                reason = "the gain is 0 in too many draws for an interval"
                rows.append(found.none(quantity, reason, unit=unit, failures=n_missing, **about))
                continue
            rows.append(
                row_of(
                    score, found.origin, quantity=quantity, unit=unit, failures=n_missing,
                    labels={"model": found.label, **about},
                )
            )  # fmt: skip
    return rows


def measured_together(
    gain: Float64Array, loss: Float64Array, n_questions: int
) -> tuple[Float64Array, Float64Array, int]:
    """Return gains and losses of the items that have what there should be of them, and how many items have not.

    Parameters
    ----------
    gain : float, shape (n_requests,)
        NaN: not known.
    loss : float, shape (n_questions,) or (n_questions + n_requests,)

    Examples
    --------
    >>> measured_together(np.array([1.0, np.nan]), np.array([0.5, np.nan, 0.1, 0.2]), 2)
    (array([1.]), array([0.5, 0.1]), 2)
    """
    is_known, has_gain = ~np.isnan(loss), ~np.isnan(gain)
    if len(loss) > n_questions:  # requests have both
        has_gain = is_known[n_questions:] = is_known[n_questions:] & has_gain
        return gain[has_gain], loss[is_known], int((~is_known).sum())
    return gain[has_gain], loss[is_known], int((~is_known).sum() + (~has_gain).sum())


def _series(found: Found, kind: str, quantity: str, where: str) -> Estimates:
    cells = found.sweep(kind, quantity, where)
    return estimates_of([found.mean_row(cells[..., place], quantity) for place in range(len(found.strengths))])


def _trade_off(found: Found, kind: str) -> StudyFigure:
    n_questions, n = found.n_swept_questions, found.sweep(kind, "surprise").shape[1]
    curves = [
        Curve(
            f"behaviour: likelihood ratio on requests (n = {n - n_questions}, {len(found.names)} styles)",
            "nats per token",
            _series(found, kind, "ratio", "requests"),
            reference=float(np.nanmean(found.sweep(kind, "ratio", "requests")[..., 0])),
        ),
        Curve(
            f"capability: accuracy of written answers (n = {n_questions} questions)",
            "accuracy",
            _series(found, kind, "hit", "questions"),
            reference=0.25,
        ),
        Curve(
            f"coherence: surprise of the texts (n = {n})",
            "nats per token",
            _series(found, kind, "surprise", "all"),
            reference=float(np.nanmean(found.sweep(kind, "surprise")[..., 0])),
        ),
    ]
    onsets = [row for row in _onsets(found, kind) if row.quantity.endswith("accuracy") and not np.isnan(row.value)]
    drawing = draw_trade_off(
        found.strengths,
        curves,
        onset=onsets[0].value if onsets else None,
        x_label="strength: length of what is added over the residual stream's",
    )
    title = f"More of the {kind}, {found.label}"
    return StudyFigure(f"strength_{kind}_{file_name(found.label)}", "E18", title, drawing)


def _pareto(found: Found) -> StudyFigure:
    is_written = found.capability_kind == "written"
    candidates = []
    for kind in KINDS:
        if not _is_there(found, kind):
            continue
        ratio = found.sweep(kind, "ratio", "requests")
        cells = found.sweep(kind, "hit", "questions") if is_written else -found.sweep(kind, "surprise")
        cost, gain = (
            estimates_of([found.mean_row(table[..., k], "x") for k in range(1, len(found.strengths))])
            for table in (cells[..., :1] - cells, ratio - ratio[..., :1])
        )
        candidates.append(Candidates(kind, cost, gain, [f"{strength:g}" for strength in found.strengths[1:]]))
    costs = np.concatenate([each.cost.values for each in candidates])
    gains = np.concatenate([each.gain.values for each in candidates])
    known = np.isfinite(costs + gains)
    flags = np.zeros(costs.size, dtype=bool)
    if known.any():
        flags[known] = pareto_front(gains[known], -costs[known])
    drawing = draw_pareto_front(
        candidates,
        flags,
        cost_label="accuracy lost" if is_written else "surprise added (nats per token)",
        gain_label="behaviour gained: likelihood ratio on requests\n(nats per token)",
    )
    return StudyFigure(f"pareto_{file_name(found.label)}", "E18", f"Gain against cost, {found.label}", drawing)


def _note(found: Found) -> str:
    told = []
    for kind in ("vector", "features"):
        if _is_there(found, kind):
            means = np.array([np.nanmean(found.sweep(kind, "surprise")[..., k]) for k in range(len(found.strengths))])
            steps = np.diff(means)
            word = "rises at every step" if (steps > 0.0).all() else "does not rise at every step"
            told.append(f"mean surprise {word} of strength under the {kind}")
    row = last_change(found)
    loss = "" if np.isnan(row.value) else f"; accuracy changes by {interval(row.value, row.low, row.high)} in all"
    return f"{found.label}: {'; '.join(told)}{loss}."
