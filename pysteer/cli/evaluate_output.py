"""The results of ``pysteer evaluate``: one vector's steerability in full, or a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pysteer.arrays import Float64Array

if TYPE_CHECKING:
    from pysteer.evaluation_table import EvaluationTable, Row

_AXES = ("vector", "layers", "operation", "window", "data", "setting", "measurement")


def evaluation_facts(table: EvaluationTable, coefficients: Sequence[float], vector_file: Path | None) -> dict[str, Any]:
    """Return the table's rows, and before them the numbers of its only steerability, if there is only one."""
    from pysteer.file_hash import file_hash

    slopes = table.select(metric="steerability")
    facts: dict[str, Any] = {}
    if len(slopes) == 1 and vector_file is not None:
        (slope,) = slopes
        share = table.one(metric="anti_steerable_fraction")
        facts = {
            "steerability": slope.value,
            "low": slope.low,
            "high": slope.high,
            "unit": slope.unit,
            "n": slope.n,
            "anti_steerable": share.value,
            "anti_steerable_low": share.low,
            "anti_steerable_high": share.high,
            "per_example": slope.per_example.tolist(),
            "coefficients": list(coefficients),
            "propensity": _variant(table, slope),
            "propensities": _propensities(table, slope).tolist(),
            "failures": slope.failures,
            "reason": slope.reason,
            "seed": slope.seed,
            "model_hash": slope.model_hash,
            "data_hash": slope.data_hash,
            "vector_hash": file_hash(vector_file),
        }
    return {**facts, "rows": table.to_dicts()}


def print_evaluation(
    table: EvaluationTable, coefficients: Sequence[float], vector_files: Sequence[Path], data_files: Sequence[Path]
) -> None:
    """Print one vector's steerability with its histogram, or all rows."""
    slopes = table.select(metric="steerability")
    if len(slopes) == 1 and {row.measurement for row in table.rows} == {slopes[0].measurement} and not slopes[0].reason:
        variant = _variant(table, slopes[0])
        title = f"{vector_files[0]} on {slopes[0].n} items of {data_files[0]}, propensity {variant} in nats"
        _print_curve(table, slopes[0], coefficients, title)
    else:
        _print_rows(table)


def _cells(table: EvaluationTable, slope: Row) -> list[Any]:
    return [
        table.cells[row.cell]
        for row in table.rows
        if row.metric == "propensity" and row.coefficient is not None and _arm(row) == _arm(slope)
    ]


def _arm(row: Row) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in _AXES)


def _propensities(table: EvaluationTable, slope: Row) -> Float64Array:
    """Return propensities, (n_items, n_coefficients); none where a strength could not be measured."""
    columns = [cell.values.get("propensity") for cell in _cells(table, slope)]
    return np.stack(columns, axis=1) if all(column is not None for column in columns) else np.empty((0, 0))


def _variant(table: EvaluationTable, slope: Row) -> str:
    found = [cell.details["variant"] for cell in _cells(table, slope) if "variant" in cell.details]
    return str(found[0]) if found else ""


def _print_curve(table: EvaluationTable, slope: Row, coefficients: Sequence[float], title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, signed, stdout
    from pysteer.cli.histogram import histogram

    console = stdout()
    share = table.one(metric="anti_steerable_fraction")
    console.print(Text(title, "bold"), soft_wrap=True)
    shown = Table(box=None, padding=(0, 2), header_style="bold")
    shown.add_column("coefficient", justify="right")
    shown.add_column("mean propensity", justify="right")
    shown.add_column("prefer the wanted answer", justify="right")
    for coefficient, column in zip(coefficients, _propensities(table, slope).T, strict=True):
        shown.add_row(signed(coefficient), f"{np.nanmean(column):+.3f}", f"{(column > 0).mean():.0%}")
    print_table(shown)
    summary = Table.grid(padding=(0, 2))
    summary.add_column(style="bold")
    summary.add_column()
    summary.add_row(
        "steerability", Text(f"{slope.value:.4g}   [{slope.low:.4g}, {slope.high:.4g}] nats per unit of coefficient")
    )
    summary.add_row("anti-steerable", Text(f"{share.value:.0%}   [{share.low:.0%}, {share.high:.0%}] of the items"))
    if slope.failures:
        summary.add_row("failures", Text(f"{slope.failures} items have no number: {slope.went_wrong}"))
    print_table(summary)
    console.print()
    console.print(Text("items by slope", "bold"))
    for line, is_anti_steerable in histogram(slope.per_example, width=40):
        console.print(Text(line, "red" if is_anti_steerable else "green"))


def _print_rows(table: EvaluationTable) -> None:
    """Print every row; columns that are the same in all of them are left out."""
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, signed

    axes = [name for name in _AXES if len({getattr(row, name) for row in table.rows}) > 1]
    shown = Table(box=None, padding=(0, 2), header_style="bold")
    for name in (*axes, "metric"):
        shown.add_column(name)
    for name in ("coefficient", "value", "interval", "n", "failures"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for row in table.rows:
        at = "" if row.coefficient is None else signed(row.coefficient)
        numbers = ("", "") if row.reason else (f"{row.value:.4g}", f"[{row.low:.4g}, {row.high:.4g}]")
        notes = [row.reason] if row.reason else []
        notes += ["extracted from this data"] if row.is_training_data else []
        cells = [*(getattr(row, name) for name in axes), row.metric, at, *numbers, str(row.n), str(row.failures)]
        shown.add_row(*map(Text, [*cells, "; ".join(notes)]))
    print_table(shown)
