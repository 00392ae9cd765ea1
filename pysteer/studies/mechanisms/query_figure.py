"""How much of the gain in distribution is there on user queries: one row for each behaviour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval
from pysteer.report.figure_style import COLOURS, MARKERS, label, new_figure, style, zero_line


def draw_gains(behaviours: Sequence[str], asked: Sequence[str], gains: Estimates, *, caption: str) -> Drawing:
    """Draw a point with its interval for each behaviour and kind of prompt.

    Parameters
    ----------
    behaviours, asked : sequence of str
        Names of rows, and of the markers in each.
    gains : Estimates, shape (n_behaviours, n_asked)
    """
    with style():
        figure = new_figure(1.2 + 0.42 * len(behaviours))
        axes = figure.add_subplot()
        offsets = np.linspace(-0.24, 0.24, len(asked))
        bars = gains.error_bars()
        for place, name in enumerate(asked):
            axes.errorbar(
                gains.values[:, place],
                np.arange(len(behaviours)) + offsets[place],
                xerr=bars[:, :, place],
                linestyle="none",
                marker=MARKERS[place],
                color=COLOURS[place],
                capsize=2,
                label=label(name),
            )
        zero_line(axes, vertical=True)
        axes.set_yticks(range(len(behaviours)), [label(name, 30) for name in behaviours])
        axes.set_ylim(len(behaviours) - 0.5, -0.5)
        axes.set_xlabel("gain of the behaviour rate (share of items)")
        axes.grid(axis="x")
        figure.legend(loc="outside upper center", ncols=len(asked))
    told = "; ".join(
        f"{name}, {kind}: "
        + interval(float(gains.values[row, place]), float(gains.low[row, place]), float(gains.high[row, place]))
        for row, name in enumerate(behaviours)
        for place, kind in enumerate(asked)
    )
    return Drawing(figure, caption, f"Gain of the behaviour rate. {told}.")
