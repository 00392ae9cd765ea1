"""How every figure looks: one style for screen and paper.

Colours are those of Okabe & Ito (2008), which colour-blind readers tell apart. No meaning hangs on colour alone: each
series also has a marker, a line style or a hatch of its own, so that a grey print says the same. SVG files keep text
as text and are reproducible: the same numbers give the same bytes (with the same matplotlib).

Figures are made without pyplot: nothing global is opened or has to be closed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pysteer.errors import MeasurementError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, VERMILLION, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#8C6D1F")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (8, 3)), (0, (1, 3)))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "++", "oo", "--")
INK, GREY, FAINT = "#222222", "#6E6E6E", "#C9C9C9"
"""Text and axes; reference lines; grids. A page replaces INK by the colour of its text."""

COLUMN, PAGE = 3.5, 7.2
"""Widths in inches: one column of a paper, and its full page."""

DPI = 200


@contextmanager
def style() -> Iterator[None]:
    """Draw and save in this style; matplotlib's own settings come back afterwards.

    Raises
    ------
    MeasurementError
        matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
    except ImportError as error:
        raise MeasurementError("figures need matplotlib: pip install 'pysteer-gguf[plot]'") from error
    settings: dict[Any, Any] = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "text.color": INK,
        "text.parse_math": False,  # names of data sets and files may hold dollars
        "axes.titlelocation": "left",
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.color": INK,
        "ytick.color": INK,
        "grid.color": FAINT,
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "lines.markersize": 5,
        "hatch.linewidth": 0.7,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "svg.fonttype": "none",
        "svg.hashsalt": "pysteer",
        "path.simplify": False,
    }
    with rc_context(settings):
        yield


def new_figure(height: float, width: float = PAGE) -> Figure:
    """Return an empty figure of this size in inches; call it, and draw, inside `style`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def zero_line(axes: Axes, *, vertical: bool = False) -> None:
    """Mark zero, where an effect changes its sign."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0.0, color=GREY, linewidth=0.8, zorder=1)


def tint(colour: str, share: float) -> str:
    """Return a colour mixed with white. Not transparency: SVG would make a hatch as pale as what lies below it.

    Examples
    --------
    >>> tint("#000000", 0.2), tint("#D55E00", 1.0)
    ('#cccccc', '#d55e00')
    """
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - part)):02x}" for part in parts)


def axis_label(text: str) -> str:
    """Return a text that may have several lines, each cleaned as `label` does."""
    return "\n".join(label(line, 80) for line in text.splitlines())


def label(text: str, limit: int = 40) -> str:
    """Return a name from data as a figure can show it: one line, no control characters, not longer than ``limit``.

    Examples
    --------
    >>> label("two\\nlines \\x00"), label("abcdefgh", limit=5)
    ('two lines \N{REPLACEMENT CHARACTER}', 'abcd\N{HORIZONTAL ELLIPSIS}')
    """
    kept = "".join(
        character if character.isspace() or unicodedata.category(character)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
