"""Figures of this study that are no other study's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import interval, number
from pysteer.report.figure_style import (
    BLUE,
    COLOURS,
    FAINT,
    GREY,
    LINES,
    MARKERS,
    label,
    new_figure,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PER_ROW = 4


@dataclass(frozen=True, eq=False)
class CostCurve:
    """Perplexity ratios of one behaviour's vector.

    Parameters
    ----------
    name : str
    ratios : float64, shape (3, n_strengths)
        Ratio, low, high; NaN where there is none.
    random : float64, shape (n_random, n_random_strengths)
        Of random directions of the same norm.
    """

    name: str
    ratios: Float64Array
    random: Float64Array


def draw_costs(strengths: Sequence[float], drawn_at: Sequence[float], curves: Sequence[CostCurve]) -> Drawing:
    """Draw one panel for each behaviour: its ratio with the interval, and the range of random directions in grey."""
    with style():
        n_rows = -(-len(curves) // _PER_ROW)
        figure = new_figure(0.6 + 1.75 * n_rows)
        panels = figure.subplots(n_rows, min(_PER_ROW, len(curves)), sharex=True, sharey=True, squeeze=False)
        for axes in panels.flat[len(curves) :]:
            axes.set_axis_off()
        for axes, curve in zip(panels.flat, curves, strict=False):
            _cost_panel(axes, strengths, drawn_at, curve)
        for axes in panels[:, 0]:
            axes.set_ylabel("perplexity ratio")
        figure.supxlabel("strength (multiples of the vector)", fontsize=9)
    told = "; ".join(
        f"{curve.name}: {interval(*curve.ratios[:, 0])} at {strengths[0]:g}, {interval(*curve.ratios[:, -1])} at "
        f"{strengths[-1]:g}"
        for curve in curves
    )
    caption = (
        "Perplexity with the vector active over that without, on text that has nothing to do with the behaviour "
        "(logarithmic axis); bars: 95 % intervals over windows of text. Grey: random directions of the same norm, from "
        "the lowest to the highest, dashed their mean; at five strengths. At 1 nothing is lost."
    )
    return Drawing(figure, caption, f"Perplexity ratio over strength. {told}.")


def _cost_panel(axes: Axes, strengths: Sequence[float], drawn_at: Sequence[float], curve: CostCurve) -> None:
    at = np.array(strengths)
    if len(curve.random):
        low, high = curve.random.min(axis=0), curve.random.max(axis=0)
        axes.fill_between(drawn_at, low, high, color=FAINT, linewidth=0.0)
        axes.plot(drawn_at, np.exp(np.log(curve.random).mean(axis=0)), color=GREY, linewidth=0.9, linestyle="--")
    value, low, high = curve.ratios
    axes.errorbar(at, value, yerr=[value - low, high - value], color=BLUE, marker="o", markersize=3, capsize=2)
    axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=0)
    axes.set_yscale("log")
    ticks = _ratio_ticks(axes.get_ylim())
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_xticks([at[0], 0.0, at[-1]])
    axes.set_title(label(curve.name, 26), fontsize=8)


def _ratio_ticks(limits: tuple[float, float]) -> list[float]:
    """Return round ratios within limits, 1 among them."""
    steps = (0.5, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
    inside = [step for step in steps if limits[0] <= step <= limits[1]]
    far = limits[1] > 1.15  # the fine steps would overlap
    return [step for step in inside if step not in (0.95, 1.05) or not far] or [1.0]


@dataclass(frozen=True, eq=False)
class DoseCurve:
    """Effect and damage of one behaviour's vector, each float64, (n_strengths,); NaN where there is no number.

    Parameters
    ----------
    moved : share of items that move the right way
    broken : share of broken texts
    """

    name: str
    moved: Float64Array
    broken: Float64Array


def draw_doses(
    strengths: Sequence[float], curves: Sequence[DoseCurve], steered: Collection[str], *, n_prompts: int
) -> Drawing:
    """Draw the share of items that move the right way, and below it that of broken texts, over strength.

    Parameters
    ----------
    steered : collection of str
        Behaviours whose slope is above 0; the others are drawn thin.
    """
    with style():
        figure = new_figure(4.4)
        upper, lower = figure.subplots(2, 1, sharex=True)
        places = np.arange(len(strengths))
        for index, curve in enumerate(curves):
            look = _look(index, is_thin=curve.name not in steered)
            upper.plot(places, curve.moved, **look, label=label(curve.name, 26))
            lower.plot(places, curve.broken, **look)
        upper.axhline(0.5, color=GREY, linewidth=0.8, zorder=0)
        upper.set_ylabel("items moved\nthe right way")
        lower.set_ylabel("broken texts")
        for axes in (upper, lower):
            axes.set_ylim(-0.03, 1.03)
            axes.grid(axis="y")
        lower.set_xticks(places, [f"{strength:g}" for strength in strengths])
        lower.set_xlabel("strength (multiples of the vector; not to scale)")
        figure.legend(loc="outside right upper")
    caption = (
        "Above: share of held-out items whose preference moves towards the behaviour; one half is what a direction "
        "without an effect gives. Below: share of texts that are broken, of "
        f"{n_prompts} prompts. Thin: behaviours that are not steered at moderate strengths."
    )
    told = "; ".join(
        f"{curve.name}: {curve.moved[-1]:.2f} moved and {curve.broken[-1]:.2f} broken at {strengths[-1]:g}"
        for curve in curves
    )
    return Drawing(figure, caption, f"Effect and broken texts over strength. {told}.")


@dataclass(frozen=True, eq=False)
class SizeCurve:
    """One behaviour's vectors from few pairs.

    Parameters
    ----------
    sizes : sequence of int
        Pairs.
    cosines : float64, shape (n_repeats, n_sizes)
        With the vector of all pairs.
    predicted : float64, shape (n_sizes,), optional
    matched, raw : float64, shape (n_repeats, n_sizes), optional
        Effect over that of all pairs, at equal norm and as extracted; None where there is no effect.
    knee : float
        Predicted; NaN where there is none.
    """

    name: str
    sizes: Sequence[int]
    cosines: Float64Array
    predicted: Float64Array | None
    matched: Float64Array | None
    raw: Float64Array | None
    knee: float


def draw_sizes(curves: Sequence[SizeCurve], *, target: float, effect: float) -> Drawing:
    """Draw cosine (left) and effect at equal norm (right) over the number of pairs, with the spread over subsets."""
    with style():
        figure = new_figure(3.6)
        left, right = figure.subplots(1, 2)
        for index, curve in enumerate(curves):
            look = _look(index, is_thin=curve.matched is None)
            _spread(left, curve.sizes, curve.cosines, look, label(curve.name, 26))
            if curve.predicted is not None:
                left.plot(curve.sizes, curve.predicted, color=look["color"], linewidth=0.8, linestyle=":")
            if curve.matched is not None and curve.raw is not None:
                _spread(right, curve.sizes, curve.matched, look, None)
                right.plot(curve.sizes, curve.raw.mean(axis=0), color=look["color"], linewidth=0.8, linestyle="--")
        left.axhline(target, color=GREY, linewidth=0.8, zorder=0)
        right.axhline(effect, color=GREY, linewidth=0.8, zorder=0)
        left.set_ylabel("cosine with the vector of all pairs")
        right.set_ylabel("effect over that of all pairs")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_xlabel("contrast pairs")
            axes.axvspan(40.0, 160.0, color="#F2F2F2", zorder=-1)
            axes.set_xticks([1, 10, 100], ["1", "10", "100"])
        if all(curve.matched is None for curve in curves):
            right.text(0.5, 0.5, "no behaviour is steered", transform=right.transAxes, ha="center", va="center")
            right.set_ylim(0.0, 1.1)
        figure.legend(loc="outside lower center", ncols=3)
    caption = (
        "Vectors of random subsets against the vector of all training pairs; bands: the middle 95 % of subsets, of "
        "behaviours that are steered; thin: of those that are not. Left: "
        "direction; dotted: predicted from the scatter of the pairs. Right: slope of the behaviours that are steered, "
        "at the norm of all pairs' vector; dashed: as extracted. Grey lines: the knee's targets; grey field: 40 to 160 "
        "pairs, around the published 80. Near the right end a subset is largely the whole."
    )
    told = "; ".join(
        f"{curve.name}: cosine {curve.cosines[:, 0].mean():.2f} with {curve.sizes[0]} pair and "
        f"{curve.cosines[:, -1].mean():.2f} with {curve.sizes[-1]}, predicted knee {number(curve.knee)}"
        for curve in curves
    )
    return Drawing(figure, caption, f"Cosine and effect over the number of pairs. {told}.")


def _spread(axes: Axes, sizes: Sequence[int], values: Float64Array, look: dict[str, Any], name: str | None) -> None:
    if look["linewidth"] > 1.0:  # the bands of behaviours that are not steered would hide the others
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        axes.fill_between(sizes, low, high, color=look["color"], alpha=0.12, linewidth=0.0)
    axes.plot(sizes, values.mean(axis=0), **look, label=name)


def _look(index: int, *, is_thin: bool) -> dict[str, Any]:
    """Return colour, marker and line of a series."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": LINES[index // len(COLOURS) % len(LINES)],
        "linewidth": 0.7 if is_thin else 1.8,
        "markersize": 3.0 if is_thin else 5.0,
    }
