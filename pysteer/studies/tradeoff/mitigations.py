"""E17b: what worked examples, a passage and a searched setting win back of the accuracy that the vector costs."""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.recovered_share import recovered_share
from pysteer.studies.file_names import file_name
from pysteer.studies.rows import ResultTable, Row, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.cells import item_means
from pysteer.studies.tradeoff.figures import draw_rows
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found
from pysteer.studies.tradeoff.matched import accuracy_at, bootstrap_two, mean_curve

MITIGATED = {"few-shot": "few-shot + vector", "open book": "open book + vector"}
"""Arm without the vector, arm with it."""
KEPT = "answers that keep their letter"
_COST, _RATIO = "cost on own answers", "ratio of replies, minus control"
_MISSING = {
    KEPT: "without steering no letter is given",
    _COST: "without steering no answer was written",
    _RATIO: "a reply is empty, with or without steering",
}


def analyse_mitigations(models: list[Found]) -> Piece:
    """Accuracy won back, as points and as a share of the loss, with the behaviour that is left."""
    rows: list[Row] = []
    chosen: list[Row] = []
    findings: list[tuple[str, Row]] = []
    figures: list[StudyFigure] = []
    notes: list[str] = []
    for found in models:
        optimised = at_same_gain(found)
        points = {name: found_back(found, arm) for name, arm in MITIGATED.items()}
        findings += [("M1", optimised), ("M2", points["few-shot"]), ("M3", points["open book"])]
        rows += [optimised]
        for name, arm in (*MITIGATED.items(), ("control", "optimised")):
            rows += [
                found.accuracy_change(arm, "vector"),
                _share(found, arm),
                found.accuracy_change(arm, name),
                found.behaviour_gain(arm, "vector", "questions"),
            ]
        rows += [found.behaviour_gain("optimised", "vector"), found.accuracy_change("vector")]
        chosen += _settings(found)
        figures.append(_figure(found))
        notes.append(_note(found))
    return Piece(
        [
            ResultTable("mitigations", "E17b", "Accuracy won back, and behaviour left", tuple(rows)),
            ResultTable("searched", "E17b", "What the search chose for each style", tuple(chosen), is_folded=True),
        ],
        findings,
        figures,
        {"E17b": notes},
    )


def found_back(found: Found, arm: str) -> Row:
    """Return the accuracy of a mitigated arm minus that of the vector; no number where the vector costs nothing."""
    loss = found.accuracy_change("vector")
    quantity = f"accuracy, {arm} minus vector"
    if np.isnan(loss.value):
        return found.none(quantity, loss.note, unit="share")
    if loss.high >= 0.0:
        reason = (
            f"there may be no loss to win back: accuracy changes by {loss.value:.3g} [{loss.low:.3g}, {loss.high:.3g}]"
        )
        return found.none(quantity, reason, unit="share")
    return found.accuracy_change(arm, "vector")


def _share(found: Found, arm: str) -> Row:
    quantity = f"share of the loss won back, {arm}"
    if found.nothing_to_lose or arm not in found.arms:
        return found.none(quantity, found.nothing_to_lose or "this arm was not written for every style")
    control, steered, mitigated = (item_means(found.capability(each)) for each in ("control", "vector", arm))
    known = np.isfinite(control + steered + mitigated)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # single draws without a loss; too many are an error
            score = recovered_share(control[known], steered[known], mitigated[known], seed=found.seed)
    except MeasurementError as error:
        return found.none(quantity, str(error), failures=int((~known).sum()))
    n_missing = int((~known).sum())
    return row_of(score, found.origin, quantity=quantity, failures=n_missing, labels={"model": found.label})


def at_same_gain(found: Found) -> Row:
    """Return the accuracy of the optimised arm minus that of the plain vector where it reaches the same behaviour.

    On the items of the sweep; behaviour on requests.
    """
    quantity = "accuracy, optimised minus vector at the same behaviour gain"
    if found.capability_kind != "written":
        reason = found.nothing_to_lose or "written answers are not above chance without steering"
        return found.none(quantity, reason, unit="share")
    if found.ratio_is_blind:
        return found.none(quantity, found.ratio_is_blind, unit="share")
    plain_hits = found.sweep("vector", "hit", "questions")
    worst = int(np.argmin(mean_curve(plain_hits, np.arange(plain_hits.shape[1]))))
    fall = found.mean_row(plain_hits[..., worst] - plain_hits[..., 0], "largest loss", unit="share", is_change=True)
    if fall.high >= 0.0:
        return found.none(quantity, "no strength of the sweep costs accuracy: nothing to win back", unit="share")
    ratio = found.sweep("vector", "ratio", "requests")
    n_questions, n_requests = plain_hits.shape[1], ratio.shape[1]
    hits = found.written_hits("optimised")[:, :n_questions]
    gains = (found.cells("optimised", "ratio", "requests") - found.cells("control", "ratio", "requests"))[
        :, :n_requests
    ]

    def difference(questions: np.ndarray, requests: np.ndarray) -> float:
        curve = mean_curve(ratio - ratio[..., :1], requests)
        gain = float(mean_curve(gains[..., None], requests)[0])
        plain = accuracy_at(gain, curve, mean_curve(plain_hits, questions))
        return float(mean_curve(hits[..., None], questions)[0]) - plain

    try:
        interval = bootstrap_two(difference, n_questions, n_requests, seed=found.seed)
    except MeasurementError as error:
        return found.none(quantity, str(error), unit="share")
    return row_of(interval, found.origin, quantity=quantity, unit="share", labels={"model": found.label})


def _settings(found: Found) -> list[Row]:
    """Return what was chosen for each style, with its numbers.

    ``n`` is that of settings tried, pairs of texts, answers, replies, and questions with a letter.
    """
    rows = []
    for style in found.material.styles:
        part = found.part(style.name, "search")
        content, place = part.content, 1 + int(part.content["chosen"])
        setting = f"block {content['layer']}, {content['window']} tokens, {content['operation']}"
        labels: dict[str, str | float] = {"model": found.label, "style": style.name, "setting": setting}
        note = "" if content["is_within"] else "no setting that wrote stayed within the guards; this one keeps most"
        origin, n_of, arrays = (
            found.origin_of(style.validation, found.material.tasks.validation),
            content["n"],
            part.arrays,
        )
        for quantity, value, n, unit in (
            ("strength", content["strength"], len(content["settings"]), ""),
            ("gain on validation texts", arrays["gain"][place], n_of["gain"], RATIO_UNIT),
            (_COST, arrays["cost"][place], n_of["cost"], RATIO_UNIT),
            (_RATIO, arrays["ratio"][place] - arrays["ratio"][0], n_of["ratio"], RATIO_UNIT),
            (KEPT, arrays["kept"][place], n_of["kept"], "share"),
        ):
            number = float(value)
            reason = note if np.isfinite(number) else _MISSING[quantity]
            rows.append(Row(labels, quantity, number, number, number, n, unit, origin, 0, reason))
    return rows


def _figure(found: Found) -> StudyFigure:
    arms = ["control", "vector", "optimised", *(arm for both in MITIGATED.items() for arm in both)]
    rows = [(arm, found.mean_row(found.capability(arm), "accuracy", unit="share")) for arm in arms if arm in found.arms]
    drawing = draw_rows(
        rows,
        x_label=f"accuracy ({found.capability_name})",
        caption=(
            "Accuracy with 95 % intervals over questions, styles together. Control, few-shot and open book stand "
            "beside the same with the vector: what a mitigation wins back is the step from 'vector' to it."
        ),
    )
    return StudyFigure(f"mitigations_{file_name(found.label)}", "E17b", f"Accuracy by arm, {found.label}", drawing)


def _note(found: Found) -> str:
    letters = "written" if found.capability_kind == "written" else "most probable"
    n_within = sum(bool(found.part(name, "search").content["is_within"]) for name in found.names)
    return (
        f"{found.label}: the search found a setting within its guards for {n_within} of {len(found.names)} styles; "
        f"where there was none, the setting that keeps most of the {letters} letters of the validation questions was "
        "taken."
    )
