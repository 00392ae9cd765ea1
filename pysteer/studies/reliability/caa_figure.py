"""Small panels, one a behaviour: how likely is the matching answer over the multiplier, in each prompt setting?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates
from pysteer.report.figure_style import COLOURS, GREY, LINES, MARKERS, new_figure, style

_COLUMNS = 4


@dataclass(frozen=True, eq=False)
class BehaviourCurves:
    """A panel.

    Parameters
    ----------
    name : str
    n : int
        Items.
    settings : sequence of Estimates, each of shape (n_coefficients,)
        In the order of the settings.
    """

    name: str
    n: int
    settings: Sequence[Estimates]


def draw_behaviours(
    coefficients: Sequence[float], settings: Sequence[str], panels: Sequence[BehaviourCurves]
) -> Drawing:
    """Draw P(match) over the multiplier, a line with its interval for each prompt setting."""
    n_rows = -(-len(panels) // _COLUMNS)
    n_columns = min(_COLUMNS, len(panels))
    with style():
        figure = new_figure(0.7 + 1.75 * n_rows)
        grid = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for number, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
            axes.tick_params(labelbottom=number + n_columns >= len(panels))  # nothing stands below it
            axes.axhline(0.5, color=GREY, linewidth=0.8)
            for index, (setting, found) in enumerate(zip(settings, panel.settings, strict=True)):
                colour = COLOURS[index]
                axes.fill_between(coefficients, found.low, found.high, color=colour, alpha=0.15, linewidth=0.0)
                axes.plot(
                    coefficients,
                    found.values,
                    color=colour,
                    linestyle=LINES[index],
                    marker=MARKERS[index],
                    markersize=3.5,
                    label=setting,
                )
            axes.set_title(f"{panel.name}\n(n = {panel.n})", fontsize=8)
            axes.set_xticks(list(coefficients))
            axes.set_ylim(-0.03, 1.03)
        for axes in grid[:, 0]:
            axes.set_ylabel("P(match)")
        figure.supxlabel("multiplier", fontsize=9)
        figure.legend(*grid.flat[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(settings))
    names = ", ".join(settings)
    caption = (
        "Probability of the answer that matches the behaviour, among the two letters, mean over test items with its "
        f"95 % interval, under the prompt settings {names}. Grey: one half. A behaviour that can be steered rises from "
        "left to right."
    )
    ends = [f"{panel.name} {panel.settings[0].values[0]:.2f} to {panel.settings[0].values[-1]:.2f}" for panel in panels]
    alt = f"P(match) from the lowest to the highest multiplier under {settings[0]}: {'; '.join(ends)}."
    return Drawing(figure, caption, alt)
