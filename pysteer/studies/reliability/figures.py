"""Figures of this study that are no other study's: curves over layers, and scatters of cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval, number
from pysteer.report.figure_style import COLOURS, FAINT, GREY, INK, MARKERS, label, new_figure, style, zero_line


@dataclass(frozen=True, eq=False)
class Cells:
    """Points of a scatter.

    Parameters
    ----------
    name : str
    x, y : float, shape (n,)
    correlation : Estimates, optional
        Of one number.
    """

    name: str
    x: Float64Array
    y: Float64Array
    correlation: Estimates | None = None


def draw_layers(
    layers: Sequence[int], curves: Float64Array, mean: Estimates, *, chosen: int, n_layers: int, unit: str
) -> Drawing:
    """Draw steerability over layers: a faint line for each questionnaire, their mean with its interval.

    Parameters
    ----------
    curves : float, shape (n_questionnaires, n_layers)
    mean : Estimates, shape (n_layers,)
    chosen : int
        Layer.
    """
    with style():
        figure = new_figure(2.9)
        axes = figure.add_subplot()
        for curve in curves:
            axes.plot(layers, curve, color=FAINT, linewidth=0.9)
        axes.fill_between(layers, mean.low, mean.high, color=COLOURS[0], alpha=0.2, linewidth=0.0)
        axes.plot(layers, mean.values, color=COLOURS[0], marker="o", label="mean")
        axes.axvline(chosen, color=COLOURS[1], linestyle="--", linewidth=1.2, label=f"chosen: layer {chosen}")
        zero_line(axes)
        axes.set_xlabel(f"layer (0 to {n_layers - 1})")
        axes.set_ylabel(f"steerability\n({unit})")
        axes.locator_params(axis="x", integer=True)
        axes.legend(loc="best")
    best = int(np.argmax(mean.values))
    caption = (
        f"Mean slope on validation items of a vector that is read and added at one layer; faint: each of "
        f"{len(curves)} questionnaires; blue: their mean with its 95 % interval over questionnaires. Vectors are not "
        "normalised, and residual streams grow with depth."
    )
    alt = f"Steerability over layers; highest at layer {layers[best]} with {number(float(mean.values[best]))}."
    return Drawing(figure, caption, alt)


def draw_cells(series: Sequence[Cells], *, x_label: str, y_label: str, caption: str) -> Drawing:
    """Draw a scatter with a marker for each series, and its correlation in the legend."""
    with style():
        figure = new_figure(3.6, 6.4)
        axes = figure.add_subplot()
        zero_line(axes)
        for index, one in enumerate(series):
            rho = "" if one.correlation is None else f"\nρ = {interval(*one.correlation.one, 2)}"
            axes.plot(
                one.x,
                one.y,
                linestyle="none",
                marker=MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                alpha=0.65,
                markeredgecolor="white",
                markeredgewidth=0.4,
                label=f"{label(one.name)}{rho}",
            )
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        axes.grid(color=FAINT, linewidth=0.4)
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    told = "; ".join(
        f"{label(one.name)}: {one.x.size} points"
        + ("" if one.correlation is None else f", rank correlation {interval(*one.correlation.one, 2)}")
        for one in series
    )
    return Drawing(figure, caption, f"Scatter of {y_label} against {x_label}. {told}.")


def draw_bars(
    groups: Sequence[str],
    names: Sequence[str],
    values: Estimates,
    *,
    y_label: str,
    caption: str,
    reference: float = 0.0,
    limits: tuple[float, float] | None = None,
) -> Drawing:
    """Draw points with intervals: one group for each entry of ``groups``, one marker for each of ``names``.

    Parameters
    ----------
    values : Estimates, shape (n_groups, n_names)
        NaN: not measured.
    """
    with style():
        figure = new_figure(2.9)
        axes = figure.add_subplot()
        offsets = np.linspace(-0.25, 0.25, len(names)) if len(names) > 1 else np.zeros(1)
        bars = values.error_bars()
        for index, name in enumerate(names):
            axes.errorbar(
                np.arange(len(groups)) + offsets[index],
                values.values[:, index],
                yerr=bars[:, :, index],
                linestyle="none",
                marker=MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                capsize=3,
                label=label(name),
            )
        axes.axhline(reference, color=GREY, linewidth=0.8, zorder=0)
        axes.set_xticks(range(len(groups)), [label(group, 24) for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylabel(y_label)
        if limits is not None:
            axes.set_ylim(*limits)
        axes.tick_params(axis="x", colors=INK)
        axes.grid(axis="y")
        if len(names) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    told = "; ".join(
        f"{group}, {name}: {interval(float(values.values[g, n]), float(values.low[g, n]), float(values.high[g, n]))}"
        for g, group in enumerate(groups)
        for n, name in enumerate(names)
    )
    return Drawing(figure, caption, f"{y_label}. {told}.")
