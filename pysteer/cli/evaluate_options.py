"""Arguments and options of ``pysteer evaluate``, and their texts as values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

_STEERING, _DATA, _RUN, _SETTING = "Steering", "Data", "Run", "Prompt setting"

PathsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="VECTOR... [PAIRS]",
        help="Vector files; without --data the last one is the data to measure on.",
    ),
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="What to measure on: pairs, questions, texts (see 'pysteer list formats') or a .txt; may be given several "
        "times. Every measurement is made on all that it can read.",
        show_default="the last argument",
        rich_help_panel=_DATA,
    ),
]
TrainOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--train",
        metavar="FILE",
        help="Pairs that the vectors were extracted from: an error if they share a prompt or a text with the data.",
        show_default=False,
        rich_help_panel=_DATA,
    ),
]
MetricsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metrics",
        metavar="LIST",
        help="Measurements, with settings behind a colon: steerability,perplexity:window_size=256. See 'pysteer list "
        "measurements'.",
        show_default="steerability",
    ),
]
LayerSetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        metavar="LAYERS",
        help="Only these of the vectors' layers, together: 8:20 (half-open), 3,5,8 or 14; given several times, one set "
        "after the other. 'each', or 'each:8:20': layer by layer.",
        show_default="all of a vector's",
        rich_help_panel=_STEERING,
    ),
]
OperationsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--operation",
        "--operations",
        metavar="NAME",
        help="What is done to a row; parameters follow a colon: affine:gain=0,offset=1. May be given several "
        "times; see 'pysteer list operations'.",
        show_default="add",
        rich_help_panel=_STEERING,
    ),
]
WindowsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--window",
        "--windows",
        metavar="WINDOW",
        help="Which tokens are steered; answer is the last prompt token and everything behind it. May be given several "
        "times.",
        show_default="answer",
        rich_help_panel=_STEERING,
    ),
]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="NAME",
        help="What stands around each prompt: base, sys+, sys-, user+ or user-; may be given several times. See "
        "'pysteer list settings'.",
        show_default="nothing",
        rich_help_panel=_SETTING,
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="Keep every result here the moment it is done, and compute none of them again.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option("--csv", metavar="FILE", help="Write the table.", show_default=False, rich_help_panel=_RUN),
]
ParquetOption = Annotated[
    Path | None,
    typer.Option(
        "--parquet",
        metavar="FILE",
        help="Write the table; needs the extra 'tables'.",
        show_default=False,
        rich_help_panel=_RUN,
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Only say what would be computed, how long it takes, in how much memory.",
        rich_help_panel=_RUN,
    ),
]


def split_paths(paths: Sequence[Path], data: Sequence[Path] | None) -> tuple[list[Path], list[Path]]:
    """Return vector files and data files."""
    if data:
        return list(paths), list(data)
    if len(paths) < 2:
        raise typer.BadParameter("expected a vector and the data to measure it on, got one file", param_hint="PAIRS")
    return list(paths[:-1]), [paths[-1]]


def parse_metrics(given: Sequence[str] | None, variant: str) -> list[str]:
    """Return measurements as `pysteer.measurements.make_measurement` takes them.

    A comma goes on with the settings of the measurement before it where a ``=`` follows: "steerability,
    perplexity:window_size=64,multiple_choice:form=letter,n_shots=5" are three.

    Parameters
    ----------
    variant : str
        Of steerability, where nothing else is given for it.
    """
    names: list[str] = []
    for text in given or ["steerability"]:
        for part in text.split(","):
            if "=" in part and ":" not in part and names:
                names[-1] += f",{part.strip()}"
            elif part.strip():
                names.append(part.strip())
    plain = "steerability" if variant == "auto" else f"steerability:variant={variant}"
    return [plain if name == "steerability" else name for name in names]


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return a name for each vector file: its own, with as many folders before it as tell it from the others."""
    names = []
    for path in paths:
        parts = path.with_suffix("").parts
        for n in range(1, len(parts) + 1):
            name = "/".join(parts[-n:])
            same = [other for other in paths if "/".join(other.with_suffix("").parts[-n:]) == name]
            if len(same) == 1:
                break
        names.append(name)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise typer.BadParameter(f"the vector {twice!r} is given twice", param_hint="VECTOR")
    return names
