"""Bars with intervals: one number for each of several groups, in one or more conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval
from pysteer.report.figure_style import COLOURS, GREY, HATCHES, INK, PAGE, axis_label, label, new_figure, style

_LEVEL_UP_TO = 8
"""Groups whose names still fit side by side."""


@dataclass(frozen=True, eq=False)
class BarSeries:
    """One condition: a value for each group. NaN: not measured."""

    name: str
    values: Estimates


def draw_interval_bars(
    groups: Sequence[str],
    series: Sequence[BarSeries],
    *,
    value_label: str,
    n: str,
    group_label: str = "",
    reference: float | None = None,
    reference_name: str = "",
    confidence: float = 0.95,
) -> Drawing:
    """Draw the conditions of each group side by side.

    Parameters
    ----------
    groups : sequence of str
    series : sequence of BarSeries
        At most eight: so many hatches can be told apart.
    value_label : str
        With its unit.
    n : str
        What stands behind a bar, for the caption: "n = 50 items a bar".
    reference : float, optional
        A dashed line, such as chance, with its name.

    Raises
    ------
    MeasurementError
        No group or condition, more than eight conditions, or lengths that differ.
    """
    if not groups or not series or len(series) > len(HATCHES):
        raise MeasurementError(
            f"expected at least one group, and one to {len(HATCHES)} conditions, got {len(groups)} and {len(series)}"
        )
    for one in series:
        if one.values.values.shape != (len(groups),):
            raise MeasurementError(
                f"{one.name!r}: expected a value for each of {len(groups)} groups, got {one.values.values.shape}"
            )
    is_level = len(groups) <= _LEVEL_UP_TO
    with style():
        figure = new_figure(3.1, PAGE)
        axes = figure.add_subplot()
        width = 0.8 / len(series)
        rows = np.arange(len(groups))
        for index, one in enumerate(series):
            at = rows + (index - (len(series) - 1) / 2) * width
            values = one.values.values
            axes.bar(
                at, np.nan_to_num(values), width=0.92 * width, facecolor=COLOURS[index], hatch=HATCHES[index],
                edgecolor="white", linewidth=0.5, label=label(one.name),
            )  # fmt: skip
            axes.errorbar(
                at, values, yerr=one.values.error_bars(), linestyle="none", color=INK, elinewidth=1.1, capsize=2.5
            )
            for place in at[np.isnan(values)]:
                axes.text(place, 0.0, " not measured", rotation=90, ha="center", va="bottom", fontsize=6.5, color=INK)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        if reference is not None:
            axes.axhline(reference, color=GREY, linestyle="--", linewidth=1.0, label=axis_label(reference_name) or None)
        axes.set_xticks(
            rows, [label(group, 22) for group in groups], rotation=0 if is_level else 40,
            ha="center" if is_level else "right", rotation_mode=None if is_level else "anchor",
        )  # fmt: skip
        axes.tick_params(axis="x", length=0)
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_xlabel(axis_label(group_label))
        axes.set_ylabel(axis_label(value_label))
        axes.grid(axis="y")
        axes.margins(y=0.12)
        if len(series) > 1 or reference_name:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
    quantity = " ".join(value_label.split())
    caption = (
        f"{quantity[:1].upper()}{quantity[1:]}; {n}. Bars end at the value, whiskers are its "
        f"{100 * confidence:g} % interval."
    )
    told = [
        f"{label(group)}, {label(one.name)}: {interval(*one.values.at(i))}"
        for i, group in enumerate(groups[:8])
        for one in series
    ]
    return Drawing(figure, caption, f"Bar chart. {'; '.join(told)}.")
