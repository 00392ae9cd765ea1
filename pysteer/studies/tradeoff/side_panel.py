"""E25: the same vectors on tasks that nothing was tuned on, on running text, and on requests nobody should refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import Interval, bootstrap_mean, drawn_interval, wilson_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.cells import clustered_mean, item_means, n_without, told_of_cells, widened
from pysteer.studies.tradeoff.figures import draw_rows
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found
from pysteer.studies.tradeoff.side_effects import KINDS
from pysteer.studies.tradeoff.side_tasks import SideTask
from pysteer.studies.tradeoff.sweeping import ARM_OF

_UNITS = {"accuracy": "share", "accuracy by sum": "share", "refusals": "share", "nll": RATIO_UNIT, "kl": RATIO_UNIT}
_FEW = "fewer than two items could be measured"
_N_RESAMPLES = 2000


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
    rows = []
    for kind, arm in ARM_OF.items():
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
    origin = found.origin_of(task.items)
    rows = []
    for column, value in enumerate(part.content["values"]):
        base = part.arrays["unsteered"][:, column]
        known = base[~np.isnan(base)]
        about: dict[str, str | float] = {"model": found.label, "task": task.name, "direction": "unsteered"}
        unit, n_missing = _UNITS[value], int(np.isnan(base).sum())
        if known.size < 2:
            rows.append(no_number(origin, value, _FEW, unit=unit, failures=n_missing, labels=about))
            continue
        of_base = bootstrap_mean(known, seed=found.seed)
        if unit == "share":
            of_base = widened(of_base, is_change=False)
        rows.append(row_of(of_base, origin, quantity=value, unit=unit, failures=n_missing, labels=about))
        for kind in KINDS:
            cells = changes(found, task, kind, value)
            interval = clustered_mean(cells, seed=found.seed)
            labels = {**about, "direction": kind}
            quantity = f"change of {value}" if value != "kl" else "kl"
            n_missing = n_without(cells)
            if interval is None:
                reason = _why_nothing(found, task, kind)
                rows.append(no_number(origin, quantity, reason, unit=unit, failures=n_missing, labels=labels))
                continue
            if unit == "share":
                interval = widened(interval, is_change=True)
            note = told_of_cells(cells)
            rows.append(
                row_of(interval, origin, quantity=quantity, unit=unit, failures=n_missing, labels=labels, note=note)
            )
    return rows


def _why_nothing(found: Found, task: SideTask, kind: str) -> str:
    """Return why fewer than two items have a number under a kind of direction."""
    if np.isnan(found.part("side effects", task.name).arrays[kind]).all():
        return "no feature of the dictionary sets these styles apart" if kind == "features" else "no such direction"
    return _FEW


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


def counted(found: Found, kind: str) -> tuple[list[tuple[SideTask, Float64Array]], int]:
    """Return the tasks behind the transfer with the change of each measured item, and how many items have none.

    Items are those that did not decide whether the task counts, each with its mean over styles; a task with fewer than
    two such numbers is left out, with all of its items.
    """
    kept, n_missing = [], 0
    for task in above_chance(found):
        means = item_means(changes(found, task, kind, "accuracy")[:, 1::2])
        known = means[~np.isnan(means)]
        if known.size >= 2:
            kept.append((task, known))
            n_missing += means.size - known.size
        else:
            n_missing += means.size
    return kept, n_missing


def transfer(found: Found, kind: str) -> Row:
    """Return the change of accuracy over the tasks that are above chance; items are drawn, tasks and styles are not."""
    quantity = "change of accuracy, tasks above chance"
    about = {"model": found.label, "task": "all above chance", "direction": kind}
    tasks = above_chance(found)
    if not tasks:
        reason = "without steering, no task is above chance: there is nothing to lose"
        return no_number(found.origin, quantity, reason, unit="share", labels=about)
    groups, n_missing = counted(found, kind)
    if not groups:
        origin, reason = found.origin_of(*(task.items for task in tasks)), _why_nothing(found, tasks[0], kind)
        return no_number(origin, quantity, reason, unit="share", failures=n_missing, labels=about)
    origin = found.origin_of(*(task.items for task, _ in groups))
    interval = widened(mean_within([values for _, values in groups], seed=found.seed), is_change=True)
    return row_of(interval, origin, quantity=quantity, unit="share", failures=n_missing, labels=about)


def mean_within(groups: Sequence[Float64Array], *, seed: int) -> Interval:
    """Return the mean over groups of the mean over their items, items drawn anew within each group.

    ``n`` is the number of items. The interval is about other items of these groups, not about other groups.

    >>> found = mean_within([np.zeros(4), np.ones(2)], seed=0)
    >>> found.mean, found.n
    (0.5, 6)
    """
    generator = np.random.default_rng(seed)
    drawn = np.mean([values[generator.integers(0, values.size, (_N_RESAMPLES, values.size))].mean(axis=1)
                     for values in groups], axis=0)  # fmt: skip
    mean = float(np.mean([values.mean() for values in groups]))
    return drawn_interval(mean, drawn, sum(values.size for values in groups))


def predictions(found: Found) -> Row:
    """Return the KL that the vector causes on running text minus that of a random direction of the same length."""
    quantity = "KL on running text, vector minus random direction"
    [task] = [each for each in found.material.side_tasks if each.measurement.startswith("perplexity")]
    cells = changes(found, task, "vector", "kl") - changes(found, task, "random", "kl")
    return replace(found.mean_row(cells, quantity, unit=RATIO_UNIT), origin=found.origin_of(task.items))


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
    names, used = [task.name for task in above_chance(found)], [task.name for task, _ in counted(found, "vector")[0]]
    asked = [task.name for task in found.material.side_tasks if not np.isnan(task.chance)]
    above = ", ".join(names) if names else "none, so that no loss can be measured"
    few = [name for name in names if name not in used]
    left_out = f" Of {', '.join(few)} too few items could be measured: left out." if few else ""
    return f"{found.label}: {len(asked)} tasks ({', '.join(asked)}); above chance without steering: {above}.{left_out}"
