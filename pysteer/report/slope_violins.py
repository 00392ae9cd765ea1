"""On which share of the inputs does a vector backfire? Slopes of single items, and the share that moves the wrong way.

Figure 1 of "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404, with intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, as_numbers, number, percent, percent_interval
from pysteer.report.figure_style import (
    BLUE,
    GREY,
    INK,
    VERMILLION,
    axis_label,
    label,
    new_figure,
    style,
    tint,
    zero_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS_UP_TO = 150
_QUARTILES_FROM, _VIOLIN_FROM = 4, 8
_ROOMY_UP_TO = 12
"""Rows whose n has a line of its own."""
_HALF = 0.36


@dataclass(frozen=True, eq=False)
class SlopeGroup:
    """The items of one data set under one vector.

    Parameters
    ----------
    name : str
    slopes : float, shape (n_items,)
        NaN: the item could not be measured; counted in the caption.
    anti_steerable : Estimates, of one number
        Share of the items whose slope is not positive.
    is_control : bool
        A random direction: drawn in grey.
    """

    name: str
    slopes: Float64Array
    anti_steerable: Estimates
    is_control: bool = False


def draw_slope_violins(
    groups: Sequence[SlopeGroup],
    *,
    unit: str = "nats per unit of coefficient",
    chance: float = 0.5,
    confidence: float = 0.95,
) -> Drawing:
    """Draw a violin of slopes for each group, with its points up to 150 of them, beside its anti-steerable share.

    Parameters
    ----------
    groups : sequence of SlopeGroup
        From top to bottom.
    unit : str
        Of the slopes.
    chance : float
        Share that a direction without an effect has: the dashed line.

    Raises
    ------
    MeasurementError
        No group, or one without a number.
    """
    rows = [(group, _known(group)) for group in groups]
    if not rows:
        raise MeasurementError("expected at least one group of slopes, got none")
    with style():
        figure = new_figure(1.15 + (0.42 if len(rows) <= _ROOMY_UP_TO else 0.24) * len(rows))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.6, 1.0))
        for row, (group, slopes) in enumerate(rows):
            _violin(left, row, slopes, is_control=group.is_control)
            _share_bar(right, row, group)
        zero_line(left, vertical=True)
        line = "\n" if len(rows) <= _ROOMY_UP_TO else ", "
        left.set_yticks(range(len(rows)), [f"{label(group.name, 30)}{line}n = {len(known)}" for group, known in rows])
        left.set_ylim(len(rows) - 0.45, -0.55)
        left.set_xlabel(axis_label(f"steerability of an item ({unit})"))
        left.set_title("slopes of single items")
        left.grid(axis="x")
        right.axvline(chance, color=INK, linestyle="--", linewidth=0.9)
        right.set_xlim(0.0, 1.0)
        right.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])
        right.set_xlabel("anti-steerable items (%)")
        right.set_title("moving the wrong way")
        right.tick_params(axis="y", length=0)
    return Drawing(figure, _caption(rows, chance, confidence), _alt(rows))


def _known(group: SlopeGroup) -> Float64Array:
    slopes = as_numbers(group.slopes, f"slopes of {group.name!r}")
    known: Float64Array = slopes[~np.isnan(slopes)]
    if slopes.ndim != 1 or known.size == 0:
        raise MeasurementError(f"slopes of {group.name!r}: expected a number for at least one item, got none")
    return known


def _violin(axes: Axes, row: int, slopes: Float64Array, *, is_control: bool) -> None:
    colour = GREY if is_control else BLUE
    if len(slopes) >= _VIOLIN_FROM and np.ptp(slopes) > 0.0:
        at, width = _density(slopes)
        for part, fill, hatch in ((at >= 0.0, colour, ""), (at <= 0.0, GREY if is_control else VERMILLION, "////")):
            # The point at zero belongs to both halves, so that they meet.
            axes.fill_between(
                at,
                row - _HALF * width,
                row + _HALF * width,
                where=part.tolist(),
                facecolor=tint(fill, 0.28),
                hatch=hatch,
                edgecolor=fill,
                linewidth=0.0,
            )
        axes.plot(at, row - _HALF * width, color=colour, linewidth=0.7)
        axes.plot(at, row + _HALF * width, color=colour, linewidth=0.7)
    if len(slopes) <= _POINTS_UP_TO:
        spread = row + (_HALF * 0.6 * _jitter(slopes) if len(slopes) >= _VIOLIN_FROM else 0.0 * slopes)
        for part, marker, fill in (
            (slopes > 0.0, "o", colour),
            (slopes <= 0.0, "x", colour if is_control else VERMILLION),
        ):
            edge = "white" if marker == "o" else fill
            axes.scatter(
                slopes[part], spread[part], s=11, marker=marker, color=fill, linewidths=0.8 if marker == "x" else 0.3,
                edgecolors=edge if marker == "o" else None, zorder=3,
            )  # fmt: skip
    if len(slopes) < _QUARTILES_FROM:
        return
    quartiles = np.quantile(slopes, [0.25, 0.75])
    axes.plot(quartiles, [row, row], color=INK, linewidth=2.4, solid_capstyle="butt", zorder=4)
    axes.plot(
        [np.median(slopes)], [row], marker="D", color="white", markeredgecolor=INK, markersize=5, zorder=5,
        linestyle="none",
    )  # fmt: skip


def _density(slopes: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return positions, zero among them, and the Gaussian kernel density there (Scott's bandwidth), at most 1."""
    bandwidth = float(slopes.std(ddof=1)) * len(slopes) ** -0.2
    at = np.linspace(slopes.min() - 1.5 * bandwidth, slopes.max() + 1.5 * bandwidth, 160)
    at = np.union1d(at, [0.0]) if at[0] < 0.0 < at[-1] else at
    density = np.exp(-0.5 * ((at[:, None] - slopes) / bandwidth) ** 2).sum(axis=1)
    return at, np.asarray(density / density.max())


def _jitter(slopes: Float64Array) -> Float64Array:
    """Return offsets in [-1, 1] that spread neighbours apart: the van der Corput sequence in order of the slopes."""
    order = np.empty(len(slopes), dtype=int)
    order[np.argsort(slopes, kind="stable")] = np.arange(len(slopes))
    bits = np.array([int(f"{index:010b}"[::-1], 2) / 1024 for index in range(len(slopes))])
    return np.asarray(2.0 * bits[order] - 1.0)


def _share_bar(axes: Axes, row: int, group: SlopeGroup) -> None:
    share = group.anti_steerable
    colour = GREY if group.is_control else VERMILLION
    axes.barh(
        row,
        float(share.values),
        height=0.5,
        facecolor=tint(colour, 0.45),
        hatch="////",
        edgecolor=colour,
        linewidth=0.8,
        xerr=share.error_bars()[:, None],
        ecolor=INK,
        capsize=2.5,
        error_kw={"linewidth": 1.0},
    )
    axes.text(
        1.04,
        row,
        percent(float(share.values)),
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8,
        color=INK,
    )


def _caption(rows: Sequence[tuple[SlopeGroup, Float64Array]], chance: float, confidence: float) -> str:
    failed = sum(len(group.slopes) - len(known) for group, known in rows)
    sizes = sorted({len(known) for _, known in rows})
    n = f"n = {sizes[0]}" if len(sizes) == 1 else f"n = {sizes[0]} to {sizes[-1]}"
    return (
        f"Left: least-squares slope of the preference for the wanted answer over the coefficient, one point an item "
        f"({n} items a row; crosses and hatched parts: the item moves the wrong way or not at all); diamond and bar: "
        f"median and quartiles. Right: share of such anti-steerable items with its {100 * confidence:g} % interval; "
        f"the dashed line, {percent(chance)}, is what a direction without an effect scores."
        + (f" {failed} items could not be measured and are not shown." if failed else "")
    )


def _alt(rows: Sequence[tuple[SlopeGroup, Float64Array]]) -> str:
    told = [
        f"{label(group.name)}: median slope {number(float(np.median(known)))}, anti-steerable "
        f"{percent_interval(*group.anti_steerable.one)}"
        for group, known in rows[:12]
    ]
    more = f"; and {len(rows) - 12} more" if len(rows) > 12 else ""
    return f"Distribution of slopes. {'; '.join(told)}{more}."
