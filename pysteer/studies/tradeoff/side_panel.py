"""E25: the same vectors on tasks that nothing was tuned on, on running text, and on requests nobody should refuse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import bootstrap_datasets, bootstrap_mean, wilson_interval
from pysteer.studies.rows import ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.figures import draw_rows, file_name
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found, clustered_mean, item_means, widened
from pysteer.studies.tradeoff.side_effects import KINDS
from pysteer.studies.tradeoff.side_tasks import SideTask

_UNITS = {"accuracy": "share", "accuracy by sum": "share", "refusals": "share", "nll": RATIO_UNIT, "kl": RATIO_UNIT}


def analyse_side_effects(models: list[Found]) -> Piece:
    """One table: every task without steering, and what each kind of direction changes."""
    rows: list[Row] = []
    findings: list[tuple[str, Row]] = []
    figures: list[StudyFigure] = []
    notes: list[str] = []
    for found in models:
        mine = [row for task in found.material.side_tasks for row in _task(found, task)]
        rows += [*mine, *_coherence(found)]
        findings += [("C0.8", transfer(found, "vector")), ("C0.9", predictions(found))]
        rows += [transfer(found, kind) for kind in KINDS]
        figures.append(_figure(found, mine))
        notes.append(_note(found))
    caption = "Side effects at the strength of the arms, means over styles; changes against the unsteered model"
    return Piece([ResultTable("side_effects", "E25", caption, tuple(rows))], findings, figures, {"E25": notes})


def _coherence(found: Found) -> list[Row]:
    """What the same directions do to the coherence of what is written, from the arms."""
    arms = {"vector": "vector", "features": "features", "random": "random direction"}
    rows = []
    for kind, arm in arms.items():
        row = found.surprise_change(arm)
        labels = {**row.labels, "task": "texts of the arms", "direction": kind}
        rows.append(replace(row, labels=labels, quantity="change of surprise"))
    return rows


def changes(found: Found, task: SideTask, kind: str, value: str) -> Float64Array:
    """Return what a kind of direction changes, (n_styles, n_items); NaN: not measured."""
    part = found.part("side effects", task.name)
    column = part.content["values"].index(value)
    steered = part.arrays[kind][..., column]
    return np.asarray(steered - part.arrays["unsteered"][None, :, column], dtype=np.float64)


def _task(found: Found, task: SideTask) -> list[Row]:
    part = found.part("side effects", task.name)
    origin = found.context.origin(found.model, task.items.content_hash)
    rows = []
    for column, value in enumerate(part.content["values"]):
        base = part.arrays["unsteered"][:, column]
        known = base[~np.isnan(base)]
        about: dict[str, str | float] = {"model": found.label, "task": task.name, "direction": "unsteered"}
        n_missing = int(np.isnan(base).sum())
        if known.size < 2:
            reason = "fewer than two items could be measured"
            rows.append(no_number(origin, value, reason, failures=n_missing, labels=about))
            continue
        unit = _UNITS[value]
        of_base = bootstrap_mean(known, seed=found.seed)
        if unit == "share":
            of_base = widened(of_base, is_change=False)
        rows.append(row_of(of_base, origin, quantity=value, unit=unit, failures=n_missing, labels=about))
        for kind in KINDS:
            cells = changes(found, task, kind, value)
            interval = clustered_mean(cells, seed=found.seed)
            labels = {**about, "direction": kind}
            quantity = f"change of {value}" if value != "kl" else "kl"
            if interval is None:
                reason = "no feature of the dictionary sets these styles apart"
                rows.append(no_number(origin, quantity, reason, labels=labels))
                continue
            n_missing = int(np.isnan(cells).sum())
            if unit == "share":
                interval = widened(interval, is_change=True)
            rows.append(row_of(interval, origin, quantity=quantity, unit=unit, failures=n_missing, labels=labels))
    return rows


def above_chance(found: Found) -> list[SideTask]:
    """Return the tasks on which the unsteered model is above chance, by Wilson's interval on every other item.

    The loss is measured on the items between them: a task that was chosen for a lucky score would lose by itself.
    """
    kept = []
    for task in found.material.side_tasks:
        if np.isnan(task.chance):
            continue
        base = found.part("side effects", task.name).arrays["unsteered"][::2, 0]
        known = base[~np.isnan(base)]
        if known.size >= 2 and wilson_interval(int(known.sum()), known.size).low > task.chance:
            kept.append(task)
    return kept


def transfer(found: Found, kind: str) -> Row:
    """Return the change of accuracy over the tasks that are above chance; items are drawn, tasks and styles are not."""
    quantity = "change of accuracy, tasks above chance"
    about = {"model": found.label, "task": "all above chance", "direction": kind}
    tasks = above_chance(found)
    if not tasks:
        reason = "without steering, no task is above chance: there is nothing to lose"
        return no_number(found.origin, quantity, reason, unit="share", labels=about)
    origin = found.context.origin(found.model, joined_hash([task.items.content_hash for task in tasks]))
    groups = [item_means(changes(found, task, kind, "accuracy")[:, 1::2]) for task in tasks]
    groups = [group[~np.isnan(group)] for group in groups]
    groups = [group for group in groups if group.size >= 2]
    if not groups:
        return no_number(origin, quantity, "no such direction", unit="share", labels=about)
    if len(groups) == 1:
        interval = bootstrap_mean(groups[0], seed=found.seed)
    else:
        interval = bootstrap_datasets(groups, seed=found.seed)
    n = sum(group.size for group in groups)
    interval = widened(replace(interval, n=n), is_change=True)
    return Row(about, quantity, interval.mean, interval.low, interval.high, n, "share", origin)


def predictions(found: Found) -> Row:
    """Return the KL that the vector causes on running text minus that of a random direction of the same length."""
    quantity = "KL on running text, vector minus random direction"
    [task] = [each for each in found.material.side_tasks if each.measurement.startswith("perplexity")]
    cells = changes(found, task, "vector", "kl") - changes(found, task, "random", "kl")
    row = found.mean_row(cells, quantity, unit=RATIO_UNIT)
    return replace(row, origin=found.context.origin(found.model, task.items.content_hash))


def _figure(found: Found, rows: list[Row]) -> StudyFigure:
    chosen = [
        (f"{row.labels['task']}, {row.labels['direction']}", row)
        for row in rows
        if row.quantity in ("change of accuracy", "change of refusals")
    ]
    drawing = draw_rows(
        chosen,
        x_label="change of accuracy, or of the share of refusals",
        caption=(
            "Change against the unsteered model at the strength of the arms, mean over styles, with 95 % intervals "
            "over items. Random: directions of the same length."
        ),
    )
    return StudyFigure(f"side_effects_{file_name(found.label)}", "E25", f"Side effects, {found.label}", drawing)


def _note(found: Found) -> str:
    names = [task.name for task in above_chance(found)]
    asked = [task.name for task in found.material.side_tasks if not np.isnan(task.chance)]
    told = f"{', '.join(names)} are above chance" if names else "none is above chance, so no loss can be measured"
    return f"{found.label}: of the tasks {', '.join(asked)}, {told} without steering."
