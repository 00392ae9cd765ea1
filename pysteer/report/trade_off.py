"""What does steering gain and what does it cost, strength by strength?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, as_numbers, number
from pysteer.report.figure_style import (
    COLOURS,
    GREEN,
    GREY,
    INK,
    LINES,
    MARKERS,
    PAGE,
    VERMILLION,
    axis_label,
    label,
    new_figure,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL = 1.35


@dataclass(frozen=True, eq=False)
class Curve:
    """One quantity over strength, a panel of its own.

    Parameters
    ----------
    name : str
        Title of the panel, with n: "prefers the wanted answer (n = 60 items)".
    axis : str
        Label of its axis, with the unit.
    values : Estimates, shape (n_strengths,)
        NaN: not measured there; hatched.
    reference : float, optional
        The unsteered model's, or chance: a grey line.
    guard : float, optional
        The bound that a recommended strength respects: a dashed line.
    is_log : bool
        Logarithmic axis.
    """

    name: str
    axis: str
    values: Estimates
    reference: float | None = None
    guard: float | None = None
    is_log: bool = False


def draw_trade_off(
    strengths: npt.ArrayLike,
    curves: Sequence[Curve],
    *,
    recommended: tuple[float, float] | None = None,
    onset: float | None = None,
    x_label: str = "coefficient of the vector",
    confidence: float = 0.95,
) -> Drawing:
    """Draw the behaviour, and below it each cost, over the same strengths.

    Parameters
    ----------
    strengths : float, shape (n_strengths,)
        Ascending.
    curves : sequence of Curve
        From top to bottom; behaviour first.
    recommended : (float, float), optional
        Strengths that are recommended: the shaded range.
    onset : float, optional
        Strength at which over-steering sets in: the dotted line.

    Raises
    ------
    MeasurementError
        No curve, a curve of another length, or strengths that do not ascend.
    """
    at = as_numbers(strengths, "strengths")
    if at.ndim != 1 or at.size == 0 or np.isnan(at).any() or (np.diff(at) <= 0).any():
        raise MeasurementError(f"strengths: expected different numbers in ascending order, got {at.tolist()}")
    if not curves:
        raise MeasurementError("expected at least one curve, got none")
    for curve in curves:
        if curve.values.values.shape != at.shape:
            raise MeasurementError(
                f"curve {curve.name!r}: expected a value for each of the {at.size} strengths, "
                f"got shape {curve.values.values.shape}"
            )
    with style():
        figure = new_figure(0.75 + _PANEL * len(curves), PAGE)
        panels = np.atleast_1d(figure.subplots(len(curves), 1, sharex=True))
        for index, (panel, curve) in enumerate(zip(panels, curves, strict=True)):
            _draw_curve(panel, at, curve, index)
            if recommended is not None:
                panel.axvspan(*_widened(recommended, at), facecolor=GREEN, alpha=0.13, linewidth=0.0, zorder=0)
            if onset is not None:
                panel.axvline(onset, color=VERMILLION, linestyle=":", linewidth=1.3)
        _annotate(panels[0], recommended, onset)
        panels[-1].set_xlabel(axis_label(x_label))
        if at.size == 1:
            panels[-1].set_xlim(float(at[0]) - 1.0, float(at[0]) + 1.0)
        if at.size <= 15:
            panels[-1].set_xticks(at, _tick_labels(at))
    return Drawing(figure, _caption(at, curves, recommended, onset, confidence), _alt(at, curves))


def _draw_curve(axes: Axes, at: Float64Array, curve: Curve, index: int) -> None:
    from matplotlib.ticker import LogLocator

    colour = COLOURS[index % len(COLOURS)]
    values = curve.values
    is_known = ~np.isnan(values.values)
    if curve.is_log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    if curve.reference is not None:
        axes.axhline(curve.reference, color=GREY, linewidth=0.8)
    if curve.guard is not None:
        axes.axhline(curve.guard, color=INK, linestyle="--", linewidth=0.9)
        axes.annotate(
            f"guard {number(curve.guard)}", (0.005, curve.guard), xycoords=("axes fraction", "data"), fontsize=7,
            va="bottom", color=INK, xytext=(0, 1), textcoords="offset points",
        )  # fmt: skip
    axes.fill_between(at, values.low, values.high, color=colour, alpha=0.2, linewidth=0.0)
    axes.plot(
        at,
        values.values,
        color=colour,
        marker=MARKERS[index % len(MARKERS)],
        linestyle=LINES[index % len(LINES)],
        markeredgecolor="white",
        markeredgewidth=0.5,
    )
    if at.size == 1 or (~np.isnan(values.low)).sum() == 1:  # a band needs two points
        axes.errorbar(at, values.values, yerr=values.error_bars(), color=colour, linestyle="none", capsize=3)
    for strength in at[~is_known]:
        half = 0.25 * (float(np.diff(at).min()) if at.size > 1 else 1.0)
        axes.axvspan(strength - half, strength + half, facecolor="none", edgecolor=GREY, hatch="xxxx", linewidth=0.0)
    axes.margins(y=0.14 if curve.guard is not None else 0.05)
    axes.set_ylabel(axis_label(curve.axis))
    axes.set_title(label(curve.name, 90))
    axes.grid(axis="y")


def _widened(span: tuple[float, float], at: Float64Array) -> tuple[float, float]:
    """Return the span; a single strength gets a width that can be seen."""
    if span[0] < span[1]:
        return span
    half = 0.15 * (float(np.diff(at).min()) if at.size > 1 else 1.0)
    return span[0] - half, span[1] + half


def _tick_labels(at: Float64Array) -> list[str]:
    """Return the strengths as text; empty where one would run into the one before it."""
    room = 0.06 * float(at[-1] - at[0])
    labels, last = [], -np.inf
    for strength in at.tolist():
        is_far = strength - last >= room or at.size == 1
        labels.append(number(strength) if is_far else "")
        last = strength if is_far else last
    return labels


def _annotate(axes: Axes, recommended: tuple[float, float] | None, onset: float | None) -> None:
    above = axes.get_xaxis_transform()
    if recommended is not None:
        left, right = axes.get_xlim()
        is_wide = recommended[1] - recommended[0] > 0.25 * (right - left)  # else away from the line of over-steering
        place, side = (sum(recommended) / 2, "center") if is_wide else (recommended[1], "right")
        axes.text(place, 0.97, "recommended", transform=above, fontsize=7, color=INK, ha=side, va="top")
    if onset is not None:
        axes.text(onset, 0.03, " over-steering", transform=above, fontsize=7, color=VERMILLION, va="bottom")


def _caption(
    at: Float64Array,
    curves: Sequence[Curve],
    recommended: tuple[float, float] | None,
    onset: float | None,
    confidence: float,
) -> str:
    parts = [
        f"Behaviour and costs at {at.size} strengths; coefficient 0 is the unsteered model (grey lines: its value, or "
        f"no change). Bands: {100 * confidence:g} % intervals."
    ]
    if any(curve.guard is not None for curve in curves):
        parts.append("Dashed: the guard.")
    if recommended is not None:
        span = " to ".join(dict.fromkeys(map(number, recommended)))
        parts.append(f"Shaded: recommended, {span}.")
    if onset is not None:
        parts.append(f"Dotted: over-steering sets in at about {number(onset)}.")
    if any(np.isnan(curve.values.values).any() for curve in curves):
        parts.append("Hatched: not measured.")
    return " ".join(parts)


def _alt(at: Float64Array, curves: Sequence[Curve]) -> str:
    told = [
        f"{label(curve.name, 90)}: {number(float(curve.values.values[0]))} at {number(float(at[0]))}, "
        f"{number(float(curve.values.values[-1]))} at {number(float(at[-1]))}"
        for curve in curves
    ]
    return f"Curves over the coefficient. {'; '.join(told)}."
