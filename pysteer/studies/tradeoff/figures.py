"""Figures of this study only: violins of arms, and points with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval, number
from pysteer.report.figure_style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    MARKERS,
    PAGE,
    label,
    new_figure,
    style,
    tint,
    zero_line,
)
from pysteer.studies.rows import Row
from pysteer.studies.tradeoff.cells import known_mean

_POINTS_FROM = 8
"""Values from which a violin is drawn."""


def draw_arm_violins(
    arms: Sequence[str], panels: Sequence[tuple[str, Mapping[str, Float64Array]]], *, caption: str
) -> Drawing:
    """Draw, for each arm, how a number is spread over its items: one panel for each number.

    Parameters
    ----------
    arms : sequence of str
        From top to bottom.
    panels : sequence of (axis label, mapping of arm to float (n_items,))
        NaN: not measured, left out.
    """
    with style():
        figure = new_figure(1.0 + 0.3 * len(arms), PAGE)
        all_axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=True))
        for axes, (name, values) in zip(all_axes, panels, strict=True):
            for row, arm in enumerate(arms):
                known = values[arm][~np.isnan(values[arm])]
                colour = COLOURS[row % len(COLOURS)]
                if known.size == 0:
                    axes.text(0.0, row, "not measured", fontsize=6.5, color=GREY, va="center")
                    continue
                if known.size >= _POINTS_FROM and np.ptp(known) > 0.0:
                    at, width = _density(known)
                    axes.fill_between(
                        at, row - 0.4 * width, row + 0.4 * width, facecolor=tint(colour, 0.3), edgecolor=colour,
                        linewidth=0.7,
                    )  # fmt: skip
                axes.plot(float(known.mean()), row, marker="D", color=colour, markersize=4, markeredgecolor="white")
            zero_line(axes, vertical=True)
            axes.set_xlabel(name, fontsize=8)
            axes.grid(axis="x")
        all_axes[0].set_yticks(range(len(arms)), [label(arm, 24) for arm in arms])
        all_axes[0].set_ylim(len(arms) - 0.4, -0.6)
    told = "; ".join(
        f"{name}: " + ", ".join(f"{arm} {number(known_mean(values[arm]))}" for arm in arms) for name, values in panels
    )
    return Drawing(figure, caption, f"Violins of arms. {told}.")


def draw_rows(rows: Sequence[tuple[str, Row]], *, x_label: str, caption: str) -> Drawing:
    """Draw numbers with their intervals, one a line; those without a number are named as such."""
    values = Estimates(
        [row.value for _, row in rows], [row.low for _, row in rows], [row.high for _, row in rows]
    )  # fmt: skip
    bars = values.error_bars()
    with style():
        figure = new_figure(0.9 + 0.27 * len(rows), PAGE)
        axes = figure.add_subplot()
        for index, (_, row) in enumerate(rows):
            if np.isnan(row.value):
                axes.text(0.0, index, " no number", fontsize=7, color=GREY, va="center")
                continue
            axes.errorbar(
                row.value,
                index,
                xerr=bars[:, index : index + 1],
                color=BLUE,
                marker=MARKERS[0],
                capsize=3,
                linestyle="none",
            )
        zero_line(axes, vertical=True)
        axes.set_yticks(range(len(rows)), [label(name, 48) for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel(x_label, color=INK)
        axes.grid(axis="x")
    told = "; ".join(f"{name}: {interval(row.value, row.low, row.high)}" for name, row in rows)
    return Drawing(figure, caption, f"{x_label}. {told}.")


def turn_names(drawing: Drawing, names: Sequence[str]) -> None:
    """Write the names below a heat map in full, turned, so that long ones do not run into each other."""
    with style():
        axes = drawing.figure.axes[0]
        axes.set_xticks([index + 0.5 for index in range(len(names))], [label(name, 24) for name in names])
        for name in axes.get_xticklabels():
            name.set(rotation=35, ha="right", rotation_mode="anchor", fontsize=7.5)


def estimates_of(rows: Sequence[Row]) -> Estimates:
    """Return rows as a curve."""
    return Estimates([row.value for row in rows], [row.low for row in rows], [row.high for row in rows])


def _density(values: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return where, and how densely (1 at most), values lie: a Gaussian kernel of Silverman's width."""
    spread = 0.9 * float(values.std()) * values.size ** (-0.2)
    at = np.linspace(values.min(), values.max(), 60)
    height = np.exp(-0.5 * ((at[:, None] - values) / spread) ** 2).sum(axis=1)
    return at, np.asarray(height / height.max(), dtype=np.float64)
