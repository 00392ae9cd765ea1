"""The report of a study as one page: verdicts first, then what was done, experiments, limits, and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

import pysteer
from pysteer.report.blocks import (
    Block,
    Bullets,
    Cell,
    Command,
    Details,
    Facts,
    Figure,
    Hash,
    Number,
    Outcome,
    Paragraph,
    Section,
    Table,
    Tone,
)
from pysteer.report.page import Page
from pysteer.studies.claims import Claim, Verdict
from pysteer.studies.rows import ResultTable, Row
from pysteer.studies.study import Analysis, Study, StudyContext

_SHOWN_ROWS = 14
"""Longer tables are folded away."""
_TONES: dict[str, Tone] = {"confirmed": "good", "refuted": "bad", "inconclusive": "open"}


@dataclass(frozen=True)
class RunFacts:
    """How a run was made, for the end of the report.

    Parameters
    ----------
    command : str
    n_parts : int
    files : sequence of str
        What was written beside the report.
    """

    command: str
    n_parts: int
    files: Sequence[str] = ()


def study_page(
    study: Study, context: StudyContext, analysis: Analysis, verdicts: Sequence[Verdict], facts: RunFacts
) -> Page:
    """Return the report; nothing in it depends on when or where it was made."""
    sections = [
        Section("Verdicts", _verdict_blocks(study, context, verdicts)),
        Section("What was done", [*(Paragraph(text) for text in study.design), _design_facts(context)]),
        *(_experiment(study, context, analysis, verdicts, index) for index in range(len(study.experiments))),
        Section("Limits", [Bullets(study.limits)] if study.limits else []),
        Section("How to repeat it", _repeat_blocks(context, analysis, facts)),
    ]
    return Page(
        study.title,
        [section for section in sections if section.blocks],
        lead=study.question,
        footer=f"pysteer {pysteer.__version__}, preset {context.preset}, seed {context.seed}",
    )


def _verdict_blocks(study: Study, context: StudyContext, verdicts: Sequence[Verdict]) -> list[Block]:
    counts = {name: sum(verdict.outcome == name for verdict in verdicts) for name in _TONES}
    told = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
    labels = _labels(context, verdicts)
    columns = ["Claim", "Published", *(["On"] if len(labels) > 1 else []), "Measured", "Verdict"]
    rows = [row for claim in study.claims for row in _claim_rows(claim, labels, verdicts)]
    unasked = [claim for claim in study.claims if claim.id not in {verdict.claim for verdict in verdicts}]
    explained = (
        "Each claim was turned into one number and a rule before anything was measured. Confirmed: the whole 95 % "
        "interval agrees with the claim. Refuted: the whole interval contradicts it. Inconclusive: the interval is "
        "compatible with both, or there was too little data. A verdict is about the models, data and sizes of this run."
    )
    models = ", ".join(model.label for model in context.models)
    intro = f"{told[0].upper()}{told[1:]}, on {models}." if told else "Nothing was decided."
    return [
        Paragraph(intro),
        Table("Each claim with what was published and what was measured", columns, rows),
        Details("Why: the rule and the reason for each verdict", [_reasons(study, verdicts)]),
        Paragraph(explained),
        *([Paragraph(_not_asked(unasked))] if unasked else []),
    ]


def _not_asked(claims: Sequence[Claim]) -> str:
    listed = "; ".join(f"{claim.id} ({claim.sentence.rstrip('.')})" for claim in claims)
    return f"Not asked in this run, because models or data do not allow it: {listed}."


def _labels(context: StudyContext, verdicts: Sequence[Verdict]) -> list[str]:
    """Return what the verdicts are about: models, in their order, and then whatever else, such as pairs of models."""
    known = [model.label for model in context.models]
    others = [str(verdict.row.labels.get("model", "")) for verdict in verdicts]
    found = dict.fromkeys(others)
    return [label for label in known if label in found] + [label for label in found if label not in known]


def _about(verdict: Verdict) -> str:
    return str(verdict.row.labels.get("model", "all models"))


def _claim_rows(claim: Claim, labels: Sequence[str], verdicts: Sequence[Verdict]) -> list[list[Cell]]:
    """Return a row for each model, or whatever else the claim was judged on; claim and published numbers once."""
    rows: list[list[Cell]] = []
    for verdict in verdicts:
        if verdict.claim == claim.id:
            first: list[Cell] = [claim.id, ""] if rows else [f"{claim.id}: {claim.sentence}", claim.published_text]
            about: list[Cell] = [_about(verdict)] if len(labels) > 1 else []
            rows.append([*first, *about, _number(verdict.row), Outcome(verdict.outcome, _TONES[verdict.outcome])])
    return rows


def _reasons(study: Study, verdicts: Sequence[Verdict]) -> Block:
    claims = {claim.id: claim for claim in study.claims}
    rows: list[list[Cell]] = [
        [
            f"{verdict.claim} on {_about(verdict)}",
            claims[verdict.claim].measured,
            f"confirmed where {claims[verdict.claim].rule.words}",
            verdict.reason,
        ]
        for verdict in verdicts
    ]
    return Table("Rule and reason of each verdict", ["Claim", "What is measured", "Rule", "Reason"], rows)


def _design_facts(context: StudyContext) -> Block:
    facts: dict[str, Cell] = {"preset": context.preset}
    sizes = context.sizes
    for name, value in (vars(sizes) if hasattr(sizes, "__dict__") else {}).items():
        shown = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
        facts[name.replace("_", " ")] = shown
    return Details("Sizes of this preset", [Facts(facts)])


def _experiment(
    study: Study, context: StudyContext, analysis: Analysis, verdicts: Sequence[Verdict], index: int
) -> Section:
    experiment = study.experiments[index]
    decided = {claim.id for claim in study.claims if claim.experiment == experiment.id}
    blocks: list[Block] = [
        Bullets(
            [
                f"{verdict.claim} on {_about(verdict)}: {verdict.outcome}. {verdict.reason}"
                for verdict in verdicts
                if verdict.claim in decided
            ]
        )
    ]
    blocks = [block for block in blocks if isinstance(block, Bullets) and block.items]
    blocks += [Paragraph(text) for text in analysis.notes.get(experiment.id, ())]
    blocks += [Figure(each.drawing, each.title) for each in analysis.figures if each.experiment == experiment.id]
    for table in analysis.tables:
        if table.experiment == experiment.id and table.rows:
            shown = pivoted(table)
            is_long = table.is_folded or len(shown.rows) > _SHOWN_ROWS
            blocks.append(Details(f"Table: {table.caption} ({len(shown.rows)} rows)", [shown]) if is_long else shown)
    if not blocks:
        return Section(f"{experiment.id} {experiment.title}")
    return Section(f"{experiment.id} {experiment.title}", [Paragraph(experiment.design), *blocks])


def pivoted(table: ResultTable) -> Table:
    """Return a table for readers: one row for each combination of labels, one column for each quantity.

    A single combination is written one quantity a row. A unit that a column has throughout stands in its head.
    """
    quantities = list(dict.fromkeys(row.quantity for row in table.rows))
    names = [name for name in table.label_names if len({row.labels.get(name) for row in table.rows}) > 1]
    names = names or list(table.label_names[:1])
    cells: dict[tuple[object, ...], dict[str, Row]] = {}
    for row in table.rows:
        at = cells.setdefault(tuple(row.labels.get(name, "") for name in names), {})
        at.setdefault(row.quantity, row)
    if len(cells) == 1:
        ((labels, found),) = cells.items()
        about = ", ".join(map(_text, labels))
        return Table(table.caption, ["", about or "value"], [[name, _number(found[name])] for name in quantities])
    units = {name: _common_unit(row for row in table.rows if row.quantity == name) for name in quantities}
    rows: list[list[Cell]] = [
        [*map(_text, labels), *(_number(found[name], units[name]) if name in found else "" for name in quantities)]
        for labels, found in cells.items()
    ]
    heads = [f"{name} ({units[name]})" if units[name] else name for name in quantities]
    return Table(table.caption, [*(name.replace("_", " ") for name in names), *heads], rows)


def _common_unit(rows: Iterable[Row]) -> str:
    """Return the unit of a column if all its numbers have the same, except shares, which are percentages anyway."""
    units = {row.unit for row in rows}
    return units.pop() if len(units) == 1 and "share" not in units else ""


def _number(row: Row, unit_above: str = "") -> Number:
    """Return a cell; the unit is left out where it stands in the column's head."""
    unit = "" if row.unit == unit_above else row.unit
    return Number(row.value, row.low, row.high, n=row.n or None, unit=unit, failures=row.failures, note=row.note)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _repeat_blocks(context: StudyContext, analysis: Analysis, facts: RunFacts) -> list[Block]:
    hashes: dict[str, Cell] = {f"model {model.label}": Hash(model.hash) for model in context.models}
    rows = [row for table in analysis.tables for row in table.rows]
    n_numbers = int(np.sum([not np.isnan(row.value) for row in rows]))
    told = (
        f"{facts.n_parts} parts were computed; {n_numbers} numbers stand in the tables, each with n, interval, seed "
        "and hashes of model and data in the CSV files. The same files, seed and versions give the same tables."
    )
    blocks: list[Block] = [Paragraph(told), Command(facts.command), Facts({**hashes, "seed": Hash(str(context.seed))})]
    if facts.files:
        blocks.append(Details("Files beside this report", [Bullets(list(facts.files))]))
    return blocks
