"""E11: which vector makes the model do a task that has one right answer?"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.report.heat_map import draw_heat_map
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.icl.answers import FLUENCY, MEASURES
from pysteer.studies.icl.figures import Line, draw_points
from pysteer.studies.icl.found import (
    ANOTHER,
    CLEAN,
    FUNCTION,
    HIDDEN,
    IN_CONTEXT,
    KINDS,
    MORE_HEADS,
    PROMPT_ONLY,
    RANDOM,
    RANDOM_MORE,
    RANDOMS,
    Found,
    each_model,
    estimates,
    largest,
    minus,
    span,
    tasks_behind,
)
from pysteer.studies.icl.plan import told_missing
from pysteer.studies.icl.tasks import MAX_TOKENS
from pysteer.studies.rows import ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

UNITS = {
    "first word": "share",
    "F1": "F1",
    "answer present": "share",
    "first-token rank": "tokens",
    "probability": "0 to 1",
    "n-gram entropy": "bits",
    "distinct-1": "different per word",
    "distinct-2": "different per word",
}
_TOP = {"top-1": 1, "top-3": 3}
BOUNDS = {"few": "right examples", "many": "right examples, as many as fit"}
_COMPARED = ((FUNCTION, IN_CONTEXT), (FUNCTION, CLEAN), (FUNCTION, RANDOM), (FUNCTION, HIDDEN), (FUNCTION, ANOTHER),
             (FUNCTION, PROMPT_ONLY), (IN_CONTEXT, CLEAN), (IN_CONTEXT, RANDOM), (MORE_HEADS, IN_CONTEXT),
             (MORE_HEADS, RANDOM_MORE), (MORE_HEADS, HIDDEN))  # fmt: skip
_CLAIMS = {
    "C2.1a": ("zero", FUNCTION, IN_CONTEXT),
    "C2.1b": ("shuffled", FUNCTION, IN_CONTEXT),
    "C2.1c": ("zero", FUNCTION, CLEAN),
    "C2.1d": ("zero", FUNCTION, RANDOM),
    "C2.1e": ("zero", FUNCTION, HIDDEN),
    "C2.1f": ("zero", FUNCTION, ANOTHER),
    "C2.1g": ("zero", MORE_HEADS, IN_CONTEXT),
}


def _analyse(found: Found) -> Piece:
    findings = functional_findings(found)
    gains = [gain(found, kind, a, b) for kind in KINDS for a, b in _COMPARED]
    tables = [
        ResultTable("arms", "E11", "Every arm, means over tasks", tuple(_arm_rows(found))),
        ResultTable("differences", "E11", "First-word accuracy of one arm minus another's", tuple(gains)),
        ResultTable("tasks", "E11", "First-word accuracy of each task", tuple(_task_rows(found)), is_folded=True),
    ]
    return Piece(tables, findings, _figures(found), {"E11": [_note(found, dict(findings)["C2.1c"])]})


analyse_functional = each_model(_analyse, functional="E11")


def functional_findings(found: Found) -> list[tuple[str, Row]]:
    """Return the numbers that decide the claims."""
    findings = [(claim, gain(found, *compared)) for claim, compared in _CLAIMS.items()]
    return [*findings, ("C2.3a", gain(found, "zero", FUNCTION, CLEAN, "n-gram entropy"))]


def gain(found: Found, kind: str, arm: str, other: str, measure: str = "first word") -> Row:
    """Return a measure of one arm minus that of another on the same questions, mean over tasks."""
    labels, quantity = {"prompt": KINDS[kind], "arm": arm, "minus": other}, f"{measure}, difference"
    if other not in found.arms:
        about, reason = {"model": found.label, **labels}, "the model has one task only, so no other task's vector"
        return no_number(found.functional, quantity, reason, unit=UNITS[measure], labels=about)
    groups = minus(found.answers(kind, measure, arm), found.answers(kind, measure, other))
    return found.row(groups, quantity, UNITS[measure], labels)


def _arm_rows(found: Found) -> list[Row]:
    rows = []
    cells = [(kind, told, arm) for kind, told in KINDS.items() for arm in found.arms]
    cells += [(kind, told, CLEAN) for kind, told in BOUNDS.items()]
    for kind, told, arm in cells:
        labels = {"prompt": told, "arm": arm}
        for measure in MEASURES:
            groups = found.answers(kind, measure, arm)
            if measure != "first-token rank":
                rows.append(found.row(groups, measure, UNITS[measure], labels))
            elif arm not in RANDOMS:  # a rank averaged over directions is no rank
                rows += [
                    found.row([np.where(np.isnan(ranks), np.nan, ranks < k) for ranks in groups], name, "share", labels)
                    for name, k in _TOP.items()
                ]
    return rows


def _task_rows(found: Found) -> list[Row]:
    rows = []
    for kind, told, arm in [("zero", KINDS["zero"], arm) for arm in found.arms] + [("many", BOUNDS["many"], CLEAN)]:
        groups = found.answers(kind, "first word", arm)
        for task, items, units in zip(found.tasks, groups, found.by_word(groups), strict=True):
            values, failures = units[np.isfinite(units)], int(np.isnan(items).sum())
            labels = {"model": found.label, "task": task, "prompt": told, "arm": arm}
            hashes = [fold.test.content_hash for fold in found.folds[task]]
            origin = found.context.origin(found.model, joined_hash(hashes))
            try:
                interval = bootstrap_mean(values, seed=found.seed)
                rows.append(
                    row_of(interval, origin, quantity="first word", unit="share", failures=failures, labels=labels)
                )
            except MeasurementError as error:
                rows.append(no_number(origin, "first word", str(error), unit="share", failures=failures, labels=labels))
    return rows


def _figures(found: Found) -> list[StudyFigure]:
    shown = [arm for arm in (CLEAN, FUNCTION, MORE_HEADS, IN_CONTEXT, HIDDEN, ANOTHER, RANDOM) if arm in found.arms]
    series, behind = [], []
    for arm in shown:
        rows = [found.row(found.answers(kind, "first word", arm), "first word", "share", {}) for kind in KINDS]
        series.append(Line(arm, estimates(rows)))
        behind += rows
    many = found.row(found.answers("many", "first word"), "first word", "share", {}).value
    points = draw_points(
        list(KINDS.values()),
        series,
        value_label="first-word accuracy",
        n=f"mean over {tasks_behind(behind)}, intervals over tasks",
        reference=("right examples, no vector", many),
    )
    columns = [*((arm, "zero", arm) for arm in shown), ("right examples", "many", CLEAN)]
    table = np.stack([found.task_means(found.answers(kind, "first word", arm)) for _, kind, arm in columns], axis=1)
    heat = draw_heat_map(
        table[::-1],
        rows=[task.rsplit("/", 1)[-1] for task in found.tasks][::-1],
        columns=[_short(name) for name, _, _ in columns],
        row_label="task",
        column_label="arm, no example in the prompt (last column: with right examples)",
        value_label="first-word accuracy",
        n=f"{sum(len(fold.test) for fold in found.material.folds)} questions together",
    )
    name = file_name(found.label)
    return [
        StudyFigure(f"arms_{name}", "E11", f"Functional tasks, {found.label}", points),
        StudyFigure(f"tasks_{name}", "E11", f"Each task, {found.label}", heat),
    ]


def _short(arm: str) -> str:
    """Return a name for a narrow column."""
    return {
        FUNCTION: "function",
        MORE_HEADS: "more heads",
        IN_CONTEXT: "in-context",
        HIDDEN: "hidden",
        ANOTHER: "other task",
        RANDOM: "random",
        "right examples": "examples",
    }.get(arm, arm)


def _note(found: Found, row: Row) -> str:
    folds = found.material.folds
    n_left_out = sum(fold.n_left_out for fold in {fold.task: fold for fold in folds}.values())
    content = found.part(folds[0].name, "vectors").content
    choice, heads = found.part("in-context choice").content, found.part("heads choice").content["n_heads"]
    tried, counts = choice["tried"], found.part(folds[0].name, "places").content["n_heads"]
    missing = told_missing(found.material.missing_tasks)
    shots, most = [fold.n_shots for fold in folds], [fold.n_bound for fold in folds]
    fluent = ", ".join(FLUENCY)
    return (
        f"{found.label}: {len(found.tasks)} tasks, {sum(len(fold.test) for fold in folds)} test questions. Function "
        f"vectors are made from prompts of {span(shots)} examples, as the sum over {content['n_heads']} of "
        f"{_n_all_heads(found)} heads, and added after block {content['layer']} of {found.n_layers}. Chosen on "
        f"validation questions: {heads} head{'' if heads == 1 else 's'}{largest(heads, counts)} for the arm with "
        f"more heads; for the in-context vector alpha {choice['alpha']:g}{largest(choice['alpha'], tried['alphas'])} "
        f"and {found.demonstrations(choice['n_demos'])} demonstrations{largest(choice['n_demos'], tried['n_demos'])}. "
        f"The longest prompts hold {span(most)} examples. {_repeated(found)}"
        + (
            f"{n_left_out} words did not fit the context, or have no first token of their own but a bare blank. "
            if n_left_out
            else ""
        )
        + (f"Left out: {missing}. " if missing else "")
        + f"Fluency ({fluent}) is that of the same texts of at most {MAX_TOKENS} tokens; with a short answer it says "
        "little."
        + ("" if not row.low <= 0.0 <= row.high else " Here the function vector has no clear effect to compare with.")
        + found.left_out([(fold.name, "arms") for fold in folds])
    )


def _repeated(found: Found) -> str:
    """Return how many words the questions are about, where several splits ask about the same ones."""
    n_questions, n_words = sum(map(len, found.words)), sum(len(set(words)) for words in found.words)
    if n_questions == n_words:
        return ""
    return f"The test questions are about {n_words} words; one that several splits test counts once, with its mean. "


def _n_all_heads(found: Found) -> int:
    cie = found.part(found.material.folds[0].name, "vectors").arrays["cie"]
    return int(cie.shape[1] * cie.shape[2])
