"""How far do vectors of single pairs steer, beside that of all pairs and one that was written by hand?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.figure_style import BLUE, GREEN, GREY, VERMILLION, label, new_figure, style


@dataclass(frozen=True, eq=False)
class SpreadRow:
    """Slopes of one behaviour by what the vector was made of, in units of the root mean square of its items' slopes.

    Parameters
    ----------
    singles : float64, shape (2, n_pairs)
        As extracted, and at the norm of all pairs.
    whole : float
        All pairs.
    written : float64, shape (2, n_written)
        Hand-written pairs.
    """

    name: str
    singles: Float64Array
    whole: float
    written: Float64Array


def draw_spread(rows: Sequence[SpreadRow], ways: Sequence[str]) -> Drawing:
    """Draw every single pair's slope as a point, with that of all pairs and that of the hand-written pair."""
    with style():
        figure = new_figure(1.3 + 0.36 * len(rows))
        panels = figure.subplots(1, 2, sharey=True)
        for way, axes in enumerate(panels):
            for place, row in enumerate(rows):
                points = row.singles[way]
                shifts = np.linspace(-0.22, 0.22, len(points)) if len(points) > 1 else np.zeros(1)
                axes.plot(
                    points, place + shifts, linestyle="none", marker="o", markersize=2.6, color="#56B4E9",
                    markeredgewidth=0.0, label="single pairs" if place == 0 else None,
                )  # fmt: skip
                axes.plot(
                    [points.mean()], [place], linestyle="none", marker="|", markersize=11, markeredgewidth=2.0,
                    color=BLUE, label="their mean" if place == 0 else None,
                )  # fmt: skip
                axes.plot(
                    [row.whole], [place], linestyle="none", marker="D", color=VERMILLION,
                    label="all pairs" if place == 0 else None,
                )  # fmt: skip
                axes.plot(
                    row.written[way], [place] * row.written.shape[1], linestyle="none", marker="s", color=GREEN,
                    label="hand-written pair" if place == 0 else None,
                )  # fmt: skip
            axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
            axes.set_title(ways[way])
            axes.grid(axis="x")
        panels[0].set_yticks(range(len(rows)), [label(row.name, 26) for row in rows])
        panels[0].set_ylim(len(rows) - 0.5, -0.5)
        figure.supxlabel("slope (over the root mean square of the behaviour's items and vectors)", fontsize=9)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside upper center", ncols=4)
    told = "; ".join(
        f"{row.name}: all pairs {row.whole:.2f}, single pairs {row.singles[0].mean():.2f} on average, from "
        f"{row.singles[0].min():.2f} to {row.singles[0].max():.2f}"
        for row in rows
    )
    caption = (
        "Mean slope over held-out items, by what the vector was made of: one training pair (a point each), all of "
        "them, or one pair of words or sentences written by hand. Left: vectors as extracted; right: all scaled to the "
        "norm of the vector of all pairs. Below 0 a vector steers the wrong way."
    )
    return Drawing(figure, caption, f"Slopes of single pairs and of all. {told}.")
