"""Numbers of a study, one a row: each with n, interval, seed and the hashes of what it was measured on.

Tables are long (tidy): what a number is about stands in its labels, so that any tool can filter and pivot them.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pysteer.errors import MeasurementError
from pysteer.measurements.measured import Undefined
from pysteer.score import Score
from pysteer.statistics import Correlation, Interval

Label = str | int | float
_FIELDS = ("quantity", "value", "low", "high", "n", "unit", "seed", "model_hash", "data_hash", "failures", "note")
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Origin:
    """What a number was measured on: the seed of whatever was random, and SHA-256 of model and data."""

    seed: int
    model_hash: str
    data_hash: str


@dataclass(frozen=True)
class Row:
    """One number.

    Parameters
    ----------
    labels : mapping of str to str, int or float
        What it is about: {"model": "tinytalk", "data": "openness", "setting": "BASE"}.
    quantity : str
        Such as "steerability".
    value, low, high : float
        The number and its interval. NaN, all three, where there is none; then ``note`` says why.
    n : int
        Units behind it: items, data sets, windows.
    unit : str
        "share" is shown as a percentage.
    origin : Origin
    failures : int
        Units that could not be measured; not in n.
    note : str

    Raises
    ------
    MeasurementError
        A field breaks the rules above: no number may be shown without n, interval, seed and hashes.
    """

    labels: Mapping[str, Label]
    quantity: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    origin: Origin
    failures: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", dict(self.labels))
        where = f"{self.quantity!r} of {self.labels}"
        ends = [float(self.value), float(self.low), float(self.high)]
        for name, end in zip(("value", "low", "high"), ends, strict=True):
            object.__setattr__(self, name, end)
        if all(math.isnan(end) for end in ends):
            if not self.note:
                raise MeasurementError(f"{where}: no number, and no note that says why")
        elif not all(math.isfinite(end) for end in ends) or self.low > self.high:
            raise MeasurementError(f"{where}: expected a number with its interval, got {ends}")
        elif self.n < 1:
            raise MeasurementError(f"{where}: a number of n = {self.n} units")
        if self.n < 0 or self.failures < 0:
            raise MeasurementError(f"{where}: expected counts, got n = {self.n}, failures = {self.failures}")
        if not self.quantity or set(self.labels) & set(_FIELDS):
            raise MeasurementError(f"{where}: expected a name, and labels other than {', '.join(_FIELDS)}")
        for name in ("model_hash", "data_hash"):
            if not _HASH.fullmatch(getattr(self.origin, name)):
                raise MeasurementError(f"{where}: {name} {getattr(self.origin, name)!r} is no SHA-256")
        if not isinstance(self.origin.seed, int):
            raise MeasurementError(f"{where}: expected a seed, got {self.origin.seed!r}")

    def record(self) -> dict[str, Any]:
        """Return labels and fields as one flat record, the number at full precision; NaN as None."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        return {
            **self.labels,
            "quantity": self.quantity,
            **{name: None if math.isnan(number) else number for name, number in numbers.items()},
            "n": self.n,
            "unit": self.unit,
            "seed": self.origin.seed,
            "model_hash": self.origin.model_hash,
            "data_hash": self.origin.data_hash,
            "failures": self.failures,
            "note": self.note,
        }


def row_of(
    found: Score | Undefined | Interval | Correlation,
    origin: Origin,
    *,
    labels: Mapping[str, Label],
    quantity: str = "",
    unit: str = "",
    failures: int = 0,
    note: str = "",
) -> Row:
    """Return the row of a score, an interval or a correlation.

    Parameters
    ----------
    labels : mapping
        What it is about.
    quantity, unit : str
        Needed for an `Interval` and a `Correlation`; for the others, instead of their own.
    """
    if isinstance(found, Undefined):
        reason = note or found.reason
        return no_number(
            origin, quantity or found.name, reason, n=found.n, unit=unit or found.unit,
            failures=found.failures + failures, labels=labels,
        )  # fmt: skip
    if isinstance(found, Score):
        return Row(
            labels, quantity or found.name, found.value, found.low, found.high, found.n, unit or found.unit, origin,
            found.failures + failures, note,
        )  # fmt: skip
    value = found.mean if isinstance(found, Interval) else found.value
    return Row(labels, quantity, value, found.low, found.high, found.n, unit, origin, failures, note)


def no_number(
    origin: Origin,
    quantity: str,
    reason: str,
    *,
    labels: Mapping[str, Label],
    n: int = 0,
    unit: str = "",
    failures: int = 0,
) -> Row:
    """Return the row of something that could not be measured, with its reason."""
    nan = math.nan
    return Row(labels, quantity, nan, nan, nan, n, unit, origin, failures, reason.rstrip("."))


def joined_hash(hashes: Sequence[str]) -> str:
    """Return one SHA-256 for several, in their order; a single one stays as it is."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode("ascii")).hexdigest()


@dataclass(frozen=True)
class ResultTable:
    """Rows that belong together.

    Parameters
    ----------
    name : str
        Of its files.
    experiment : str
        Id of the experiment it belongs to.
    caption : str
    rows : tuple of Row
    is_folded : bool
        Folded away on the page, for long tables; it is in the CSV anyway.
    """

    name: str
    experiment: str
    caption: str
    rows: tuple[Row, ...] = field(default_factory=tuple)
    is_folded: bool = False

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of all labels, in the order in which they occur."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.labels))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the flat table."""
        return (*self.label_names, *_FIELDS)

    def to_csv(self) -> str:
        """Return the rows with a header; floats at full precision, no number as an empty field."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.record() for row in self.rows)
        return text.getvalue()

    def to_records(self) -> list[dict[str, Any]]:
        """Return the rows as flat records with the same columns each."""
        return [{name: row.record().get(name) for name in self.columns} for row in self.rows]
