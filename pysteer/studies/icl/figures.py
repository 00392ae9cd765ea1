"""Figures of this study that are no other study's: curves over layers, heads and strengths, gain against cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval, number
from pysteer.report.figure_style import (
    COLOURS,
    FAINT,
    GREY,
    INK,
    LINES,
    MARKERS,
    label,
    new_figure,
    style,
    tint,
    zero_line,
)


@dataclass(frozen=True, eq=False)
class Line:
    """One curve with its interval."""

    name: str
    values: Estimates


@dataclass(frozen=True, eq=False)
class Path:
    """Gain and cost of one vector over its strengths, (n_strengths,) each."""

    name: str
    strengths: Sequence[float]
    x: Estimates
    y: Estimates


def draw_lines(
    at: Sequence[float],
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    caption: str,
    reference: tuple[str, float] | None = None,
    chosen: tuple[str, float] | None = None,
    is_log: bool = False,
) -> Drawing:
    """Draw curves over numbers, each with a band for its interval.

    Parameters
    ----------
    at : sequence of float
    reference, chosen : (name, number), optional
        A horizontal and a vertical line.
    is_log : bool
        Logarithmic axis of ``at``.
    """
    with style():
        figure = new_figure(2.9)
        axes = figure.add_subplot()
        for index, line in enumerate(lines):
            colour = COLOURS[index % len(COLOURS)]
            axes.fill_between(at, line.values.low, line.values.high, color=colour, alpha=0.18, linewidth=0.0)
            axes.plot(
                at,
                line.values.values,
                color=colour,
                marker=MARKERS[index % len(MARKERS)],
                linestyle=LINES[index % len(LINES)],
                label=label(line.name),
            )
        if reference is not None:
            axes.axhline(reference[1], color=GREY, linewidth=1.0, linestyle="--", label=label(reference[0]))
        if chosen is not None:
            axes.axvline(chosen[1], color=GREY, linewidth=1.0, linestyle=":", label=label(chosen[0]))
        if is_log:
            axes.set_xscale("log")
        axes.set_xticks(list(at), [number(float(x)) for x in at])
        axes.minorticks_off()
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(axis="y")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    told = "; ".join(
        f"{line.name}: {number(float(line.values.values[0]))} at {number(float(at[0]))}, "
        f"{number(float(line.values.values[-1]))} at {number(float(at[-1]))}"
        for line in lines
    )
    return Drawing(figure, caption, f"Curves of {y_label} over {x_label}. {told}.")


def draw_points(
    groups: Sequence[str],
    series: Sequence[Line],
    *,
    value_label: str,
    n: str,
    group_label: str = "",
    reference: tuple[str, float] | None = None,
) -> Drawing:
    """Draw a share, 0 to 1, as a point with its interval for each group and series, side by side.

    Parameters
    ----------
    series : sequence of Line
        Values (n_groups,).
    n : str
        What stands behind a point, for the caption.
    reference : (name, number), optional
        A horizontal line.
    """
    with style():
        figure = new_figure(2.9)
        axes = figure.add_subplot()
        places = np.arange(len(groups))
        offsets = np.linspace(-0.3, 0.3, len(series)) if len(series) > 1 else np.zeros(1)
        for index, one in enumerate(series):
            axes.errorbar(
                places + offsets[index], one.values.values, yerr=one.values.error_bars(), linestyle="none",
                marker=MARKERS[index], color=COLOURS[index], capsize=3, label=label(one.name),
            )  # fmt: skip
        if reference is not None:
            axes.axhline(reference[1], color=GREY, linestyle="--", linewidth=1.0, label=label(reference[0]))
        axes.set_xticks(places, [label(group, 24) for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylim(-0.03, 1.03)
        axes.set_xlabel(group_label)
        axes.set_ylabel(value_label)
        axes.grid(axis="y")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    told = "; ".join(
        f"{group}, {one.name}: {interval(*one.values.at(place))}"
        for place, group in enumerate(groups)
        for one in series
    )
    caption = f"{value_label[:1].upper()}{value_label[1:]}; {n}. Points with their 95 % intervals."
    return Drawing(figure, caption, f"{value_label}. {told}.")


def draw_paths(
    paths: Sequence[Path], *, x_label: str, y_label: str, caption: str, bound: tuple[str, float] | None = None
) -> Drawing:
    """Draw what is gained (up) against what it costs (right): one path for each vector, a point for each strength.

    Parameters
    ----------
    bound : (name, number), optional
        A vertical line: what may be paid.
    """
    with style():
        figure = new_figure(3.1, 6.6)
        axes = figure.add_subplot()
        zero_line(axes)
        points = np.concatenate([np.stack([path.x.values, path.y.values]) for path in paths], axis=1)
        spread = np.maximum(np.nanmax(points, axis=1) - np.nanmin(points, axis=1), 1e-12)
        written: list[Float64Array] = []  # where a strength stands already: others close by stay without
        for index, path in enumerate(paths):
            colour = COLOURS[index % len(COLOURS)]
            axes.errorbar(
                path.x.values, path.y.values, xerr=path.x.error_bars(), yerr=path.y.error_bars(), color=colour,
                ecolor=tint(colour, 0.45), elinewidth=1.0, marker=MARKERS[index], linestyle=LINES[index],
                label=label(path.name),
            )  # fmt: skip
            for x, y, strength in zip(path.x.values, path.y.values, path.strengths, strict=True):
                place = np.array([x, y])
                if np.isfinite(place).all() and all(np.abs((place - other) / spread).max() > 0.05 for other in written):
                    written.append(place)
                    axes.annotate(
                        number(strength), (float(x), float(y)), xytext=(4, 4), textcoords="offset points",
                        fontsize=7, color=INK,
                    )  # fmt: skip
        if bound is not None:
            axes.axvline(bound[1], color=GREY, linestyle="--", linewidth=1.0, label=label(bound[0]))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(color=FAINT, linewidth=0.4)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    told = "; ".join(
        f"{path.name} at {number(strength)}: {y_label} {number(float(y))}, {x_label} {number(float(x))}"
        for path in paths
        for x, y, strength in zip(path.x.values, path.y.values, path.strengths, strict=True)
    )
    return Drawing(figure, caption, f"Gain against cost. {told}.")
