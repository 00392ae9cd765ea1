"""What the effect studies share: where models and data are, one line of a result, its verdict, table and CSV.

A line is a claim with a difference and its 95 % interval (bootstrap over items, unless the line says otherwise).
**confirmed**: the interval lies above 0. **refuted**: it lies below 0. **inconclusive**: it holds 0. Nothing is chosen
after the result was seen: layers, strengths and seeds stand in the scripts.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import pysteer
from pysteer.statistics import Interval, bootstrap_mean

REPOSITORY = Path(__file__).resolve().parents[2]
SEED = 0
N_RANDOM = 10


@dataclass(frozen=True)
class Line:
    """One claim and what was found.

    Parameters
    ----------
    study, model, data, claim : str
    value, low, high : float
        In ``unit``.
    n : int
        What the interval is over.
    detail : str
        Numbers beside the claim.
    """

    study: str
    model: str
    data: str
    claim: str
    value: float
    low: float
    high: float
    unit: str
    n: int
    detail: str
    seed: int
    model_hash: str
    data_hash: str

    @property
    def verdict(self) -> str:
        if self.low > 0.0:
            return "confirmed"
        return "refuted" if self.high < 0.0 else "inconclusive"


def line(
    study: str,
    model: pysteer.Model,
    data: str,
    claim: str,
    interval: Interval,
    *,
    unit: str,
    data_hash: str,
    detail: str = "",
) -> Line:
    """Return the line of an interval."""
    found = (float(interval.mean), float(interval.low), float(interval.high))
    return Line(study, model.name, data, claim, *found, unit, interval.n, detail, SEED, model.hash, data_hash)


def pooled(lines: Sequence[Line]) -> list[Line]:
    """Return the mean over lines of one claim, with a bootstrap over them: does it hold for data sets like these?

    No line where there are fewer than two.
    """
    if len(lines) < 2:
        return []
    first = lines[0]
    interval = bootstrap_mean([one.value for one in lines], seed=SEED)
    verdicts = [one.verdict for one in lines]
    detail = f"of {len(lines)} data sets {verdicts.count('confirmed')} confirmed, {verdicts.count('refuted')} refuted"
    claim = f"{first.claim}, over data sets"
    found = (interval.mean, interval.low, interval.high)
    origin = (SEED, first.model_hash, "")
    return [Line(first.study, first.model, "all of them", claim, *found, first.unit, len(lines), detail, *origin)]


def slopes(coefficients: Sequence[float], propensities: np.ndarray) -> np.ndarray:
    """Return the least-squares slope over the coefficients (m,) of each row of propensities (n, m)."""
    centred = np.asarray(coefficients) - np.mean(coefficients)
    return np.asarray(propensities @ centred / (centred @ centred))


def folder(variable: str, name: str) -> Path:
    """Return the folder ``$variable``, else ``../shared/<name>`` beside the repository."""
    found = Path(os.environ.get(variable) or REPOSITORY.parent / "shared" / name)
    if not found.is_dir():
        raise SystemExit(f"no folder {found}: set {variable} to the folder of {name}")
    return found


def tinytalk() -> pysteer.Model:
    """Return TinyTalk 3M chat, float32."""
    return pysteer.Model.load(folder("PYSTEER_MODELS", "models") / "tinytalk-3m-chat-f32.gguf")


def run(study: str, measure: Callable[[argparse.Namespace], list[Line]], parser: argparse.ArgumentParser) -> None:
    """Run one study, print its table, and write it to ``--output``."""
    parser.add_argument("--output", type=Path, help="CSV file to write")
    arguments = parser.parse_args()
    begin = time.perf_counter()
    lines = measure(arguments)
    show(study, lines)
    print(f"{time.perf_counter() - begin:.0f} s")
    if arguments.output is not None:
        with arguments.output.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*(field.name for field in fields(Line)), "verdict"])
            writer.writerows([*asdict(one).values(), one.verdict] for one in lines)


def show(title: str, lines: Sequence[Line]) -> None:
    table = Table(title=title, title_justify="left", show_lines=False)
    for name in ("model", "data", "claim", "difference", "95 % interval", "n", "verdict", "detail"):
        table.add_column(name, justify="right" if name in ("difference", "n") else "left")
    for one in lines:
        interval = f"{one.low:+.3g} to {one.high:+.3g} {one.unit}"
        table.add_row(
            one.model, one.data, one.claim, f"{one.value:+.3g}", interval, str(one.n), one.verdict, one.detail
        )
    Console(width=max(Console().width, 200)).print(table)
