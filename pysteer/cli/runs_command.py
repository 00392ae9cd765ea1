"""``pysteer runs``: what a run store holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import JsonOption

if TYPE_CHECKING:
    from pysteer.store import CellHead, RunStore


def runs(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Run store, as 'pysteer evaluate --store' writes it.")],
    measurement: Annotated[
        list[str] | None,
        typer.Option(
            "--measurement", metavar="NAME", help="Only these; may be given several times.", show_default=False
        ),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the list.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the results with all their numbers and texts: JSON Lines, one result a line.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the results of a run store, or write them to a file. The store is not changed."""
    from pysteer.cli.console import print_json
    from pysteer.cli.loading import check_output
    from pysteer.store import RunStore

    for file in (csv, output):
        if file is not None:
            check_output(file, [store])
    with RunStore(store, read_only=True) as opened:
        heads = [head for head in opened.heads() if not measurement or head.identity.get("measurement") in measurement]
        if output is not None:
            _export(opened, heads, output)
    rows = [_row(head) for head in heads]
    if csv is not None:
        _write_csv(rows, csv)
    if as_json:
        print_json(rows)
    else:
        _print_rows(rows, store)


def _row(head: CellHead) -> dict[str, Any]:
    identity, labels = head.identity, head.labels
    return {
        "created_at": head.created_at,
        "measurement": _named(identity),
        "model": labels.get("model", ""),
        "data": labels.get("data", ""),
        "setting": labels.get("setting", ""),
        "vector": labels.get("vector", ""),
        "steering": "; ".join(_steering(each) for each in identity.get("steering", [])) or "none",
        "seconds": head.seconds,
        "failures": head.failures,
        "model_hash": identity.get("model", ""),
        "data_hash": identity.get("data", {}).get("hash", ""),
        "pysteer": identity.get("pysteer", ""),
        "key": head.key,
    }


def _named(identity: Any) -> str:
    settings = ",".join(f"{name}={value}" for name, value in identity.get("settings", {}).items() if value is not None)
    return f"{identity.get('measurement', '')}:{settings}" if settings else str(identity.get("measurement", ""))


def _steering(identity: dict[str, Any]) -> str:
    parameters = ",".join(f"{name}={value:g}" for name, value in identity["parameters"].items())
    operation = f"{identity['operation']}:{parameters}" if parameters else identity["operation"]
    return f"{identity['coefficient']:+g} {operation} {identity['window']} {identity['directions'][:8]}"


def _export(store: RunStore, heads: list[CellHead], path: Path) -> None:
    import json

    with path.open("w", encoding="utf-8", newline="\n") as file:
        for head in heads:
            cell = store.get(head.key)
            if cell is None:
                continue
            record = {
                "key": head.key,
                "created_at": head.created_at,
                "seconds": head.seconds,
                "identity": head.identity,
                "labels": head.labels,
                **cell.content,
                "values": {name: _numbers(array.tolist()) for name, array in cell.arrays.items()},
            }
            file.write(json.dumps(record, allow_nan=False) + "\n")


def _numbers(values: Any) -> Any:
    """Return nested lists with NaN and infinity as null."""
    import math

    if isinstance(values, list):
        return [_numbers(value) for value in values]
    return values if math.isfinite(values) else None


def _write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    import csv

    from pysteer.errors import DataError

    if not rows:
        raise DataError(f"{path}: not written, the store holds no such result")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _print_rows(rows: list[dict[str, Any]], store: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table

    shown = Table(box=None, padding=(0, 2), header_style="bold")
    columns = (
        "created_at",
        "measurement",
        "model",
        "data",
        "setting",
        "vector",
        "steering",
        "seconds",
        "failures",
        "key",
    )
    for name in columns:
        shown.add_column(name, justify="right" if name in ("seconds", "failures") else "left")
    for row in rows:
        texts = {
            **row,
            "created_at": row["created_at"][:19],
            "seconds": f"{row['seconds']:.2f}",
            "key": row["key"][:12],
        }
        shown.add_row(*(Text(str(texts[name])) for name in columns))
    print_table(shown)
    seconds = sum(row["seconds"] for row in rows)
    typer.echo(f"{len(rows)} results in {store}, {seconds:.0f} s of computing")
