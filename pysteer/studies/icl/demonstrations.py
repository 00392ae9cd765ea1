"""E14: what do strength and number of demonstrations of an in-context vector change, and what do they cost?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.estimates import interval
from pysteer.report.trade_off import Curve, draw_trade_off
from pysteer.studies.file_names import file_name
from pysteer.studies.icl.answers import MEASURES
from pysteer.studies.icl.figures import Line, draw_lines
from pysteer.studies.icl.found import FUNCTION, Found, each_model, estimates, largest, minus, tasks_behind
from pysteer.studies.icl.functional_tasks import UNITS
from pysteer.studies.icl.measuring import grid_columns
from pysteer.studies.rows import ResultTable, Row
from pysteer.studies.study import Piece, StudyFigure

SHOWN = ("first word", "probability", "n-gram entropy", "distinct-1", "distinct-2")


def _analyse(found: Found) -> Piece:
    content = found.part("in-context choice").content
    alphas, n_demos = settings_of(found)
    rows = [
        found.row(column(found, measure, place, strength), measure, UNITS[measure],
                  {"demonstrations": found.demonstrations(n), "alpha": float(alpha)})
        for place, n in enumerate(n_demos)
        for strength, alpha in enumerate(alphas)
        for measure in SHOWN
    ]  # fmt: skip
    lost = entropy_lost(found)
    hindsight, place = best_in_hindsight(found)
    tables = [
        ResultTable("demonstrations", "E14", "In-context vectors on the functional test questions", tuple(rows)),
        ResultTable("demonstrations_compared", "E14", "What strength costs, and the best setting in hindsight",
                    (lost, hindsight)),
    ]  # fmt: skip
    chosen, best = found.demonstrations(content["n_demos"]), found.demonstrations(n_demos[place[0]])
    note = (
        f"{found.label}: chosen on validation questions: alpha {content['alpha']:g}{largest(content['alpha'], alphas)} "
        f"with {chosen} demonstrations{largest(content['n_demos'], n_demos)}. Had the setting been "
        f"chosen on the test questions themselves (alpha {alphas[place[1]]:g}, {best} demonstrations), first-word "
        "accuracy of the function vector minus that of the in-context vector would be "
        f"{interval(hindsight.value, hindsight.low, hindsight.high)}."
        + (f" The other side of demonstrations: {found.material.random}." if found.material.random else "")
        + found.left_out([(fold.name, "in-context grid") for fold in found.material.folds])
    )
    return Piece(tables, [("C2.3b", lost)], _figures(found), {"E14": [note]})


analyse_demonstrations = each_model(_analyse, functional="E14")


def settings_of(found: Found) -> tuple[list[float], list[int]]:
    """Return the strengths (alpha) and the numbers of demonstrations that were tried; tasks can have fewer of these."""
    tried = found.part("in-context choice").content["tried"]
    return [float(alpha) for alpha in tried["alphas"]], [int(n) for n in tried["n_demos"]]


def column(found: Found, measure: str, place: int, strength: int) -> list[Float64Array]:
    """Return a measure on the test questions under one setting, by task; ``place`` of the number of demonstrations."""
    return _column(found, measure, 1 + place * len(settings_of(found)[0]) + strength)


def unsteered(found: Found, measure: str) -> list[Float64Array]:
    """Return a measure on the test questions without steering, by task."""
    return _column(found, measure, 0)


def _column(found: Found, measure: str, at: int) -> list[Float64Array]:
    alphas, n_demos = settings_of(found)
    groups = []
    for folds in found.folds.values():
        parts = [found.part(fold.name, "in-context grid") for fold in folds]
        places = [grid_columns(part.content["n_demos"], n_demos, len(alphas))[at] for part in parts]
        values = [part.arrays["test"][MEASURES.index(measure), :, at] for part, at in zip(parts, places, strict=True)]
        groups.append(np.concatenate(values))
    return groups


def entropy_lost(found: Found) -> Row:
    """Return the entropy of texts at the largest strength, most demonstrations, minus that without steering."""
    alphas, n_demos = settings_of(found)
    strongest = int(np.argmax(alphas))
    groups = minus(column(found, "n-gram entropy", len(n_demos) - 1, strongest), unsteered(found, "n-gram entropy"))
    labels = {"arm": f"in-context vector, alpha {alphas[strongest]:g}", "minus": "no vector"}
    return found.row(groups, "n-gram entropy, difference", "bits", labels)


def best_in_hindsight(found: Found) -> tuple[Row, tuple[int, int]]:
    """Return how far the function vector is ahead of the in-context setting that does best on the test questions."""
    alphas, n_demos = settings_of(found)
    means = {
        (place, strength): float(np.nanmean(found.task_means(column(found, "first word", place, strength))))
        for place in range(len(n_demos))
        for strength in range(len(alphas))
    }
    best = max(means, key=lambda at: means[at])
    groups = minus(found.answers("zero", "first word", FUNCTION), column(found, "first word", *best))
    labels = {"arm": FUNCTION, "minus": "in-context vector, best setting in hindsight"}
    return found.row(groups, "first word, difference", "share", labels), best


def _figures(found: Found) -> list[StudyFigure]:
    alphas, n_demos = settings_of(found)
    order = np.argsort(alphas)
    lines, behind = [], []
    for place, n in enumerate(n_demos):
        shown = [found.row(column(found, "first word", place, int(s)), "first word", "share", {}) for s in order]
        lines.append(Line(f"{found.demonstrations(n)} demonstrations", estimates(shown)))
        behind += shown
    clean = found.row(unsteered(found, "first word"), "first word", "share", {})
    accuracy = draw_lines(
        [alphas[int(index)] for index in order],
        lines,
        x_label="alpha of the in-context vector",
        y_label="first-word accuracy",
        caption=f"Mean over {tasks_behind(behind)}, no example in the prompt; bands: 95 % intervals over tasks.",
        reference=("no vector", clean.value),
        chosen=("chosen on validation", float(found.part("in-context choice").content["alpha"])),
    )
    curves = []
    for measure, title in (("first word", "first word right"), ("n-gram entropy", "variety of the text"),
                           ("distinct-1", "different words")):  # fmt: skip
        rows = {0.0: found.row(unsteered(found, measure), measure, UNITS[measure], {})}
        for index in order:
            values = column(found, measure, len(n_demos) - 1, int(index))
            rows[alphas[index]] = found.row(values, measure, UNITS[measure], {})
        shown = [rows[at] for at in sorted(rows)]
        base = rows[0.0].value
        curves.append(Curve(f"{title} (mean over {tasks_behind(shown)})", f"{measure}\n({UNITS[measure]})",
                            estimates(shown), None if np.isnan(base) else base))  # fmt: skip
    name = file_name(found.label)
    trade_off = draw_trade_off(
        sorted({0.0, *alphas}),
        curves,
        x_label=f"alpha of the in-context vector, {found.demonstrations(n_demos[-1])} demonstrations",
    )
    return [
        StudyFigure(f"demonstrations_{name}", "E14", f"Strength and number of demonstrations, {found.label}", accuracy),
        StudyFigure(f"strength_{name}", "E14", f"Strength and fluency, {found.label}", trade_off),
    ]
