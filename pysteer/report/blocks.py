"""What a page is made of: small frozen pieces of text, numbers, tables and figures.

All texts are plain text; the page escapes them. A number is shown with its interval, its n and its failures, or
with the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from pysteer.report.drawing import Drawing
from pysteer.report.estimates import interval, number, percent, percent_interval

Tone = Literal["good", "bad", "open", "neutral"]
"""How a verdict is coloured; each tone also has a sign of its own."""


@dataclass(frozen=True)
class Number:
    """A cell with a number.

    Parameters
    ----------
    value, low, high : float
        NaN value: not measured; NaN ends: no interval.
    n : int, optional
        Examples behind it.
    unit : str
        "share" is written as a percentage.
    failures : int
        Examples that could not be measured.
    digits : int
        Significant digits.
    note : str
        Such as the reason why there is no number.
    """

    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int | None = None
    unit: str = ""
    failures: int = 0
    digits: int = 3
    note: str = ""

    kind: ClassVar[str] = "number"

    @property
    def text(self) -> str:
        """The value, without its interval."""
        return percent(self.value) if self.unit == "share" else number(self.value, self.digits)

    @property
    def interval_text(self) -> str:
        """The interval in brackets; empty where there is none."""
        both = (
            percent_interval(self.value, self.low, self.high)
            if self.unit == "share"
            else interval(self.value, self.low, self.high, self.digits)
        )
        return both.removeprefix(self.text).strip()

    @property
    def small(self) -> str:
        """Unit, n, failures and note, in one line."""
        parts = [
            self.unit if self.unit != "share" else "",
            f"n = {self.n}" if self.n is not None else "",
            f"{self.failures} failed" if self.failures else "",
            self.note,
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Outcome:
    """A cell, or a word in a verdict, with a tone: "holds", "does not hold", "cannot be told"."""

    text: str
    tone: Tone = "neutral"

    kind: ClassVar[str] = "outcome"

    @property
    def sign(self) -> str:
        """A sign that says the tone without colour."""
        return {"good": "\N{CHECK MARK}", "bad": "\N{BALLOT X}", "open": "?", "neutral": "\N{BULLET}"}[self.tone]


@dataclass(frozen=True)
class Hash:
    """A cell with a hash or a seed: monospaced, shortened where it stands in a table, whole when copied."""

    text: str

    kind: ClassVar[str] = "hash"


Cell: TypeAlias = str | int | Number | Outcome | Hash


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str

    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True)
class Bullets:
    """A list, one text an entry."""

    items: Sequence[str]
    is_ordered: bool = False

    kind: ClassVar[str] = "bullets"


@dataclass(frozen=True)
class Verdict:
    """The answer in a sentence or two, in a box of its own."""

    outcome: Outcome
    text: str

    kind: ClassVar[str] = "verdict"


@dataclass(frozen=True)
class Facts:
    """Names and values: model, data, seed. Values that are a `Hash` stand whole."""

    facts: Mapping[str, Cell]

    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Table:
    """A table with a caption, which also names it for those who hear it.

    Parameters
    ----------
    columns : sequence of str
    rows : sequence of (sequence of cell)
        Each as long as the columns. The first cell of a row names the row.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for index, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.caption!r}, row {index}: expected {len(self.columns)} cells, got {len(row)}"
                )


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing with its caption; numbered by the page.

    Parameters
    ----------
    drawing : Drawing
    title : str
        What the figure shows, in front of the caption.
    """

    drawing: Drawing
    title: str = ""

    kind: ClassVar[str] = "figure"


@dataclass(frozen=True)
class Command:
    """A command line, or a few, to be copied."""

    text: str

    kind: ClassVar[str] = "command"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away on the screen, and printed."""

    summary: str
    blocks: Sequence[Block]

    kind: ClassVar[str] = "details"


Block: TypeAlias = Paragraph | Bullets | Verdict | Facts | Table | Figure | Command | Details


@dataclass(frozen=True)
class Section:
    """A heading with blocks."""

    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
