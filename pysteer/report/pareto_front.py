"""Which settings are worth having? Behaviour gained against cost; no setting on the front is beaten in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, number
from pysteer.report.figure_style import COLOURS, GREY, INK, MARKERS, PAGE, axis_label, label, new_figure, style


@dataclass(frozen=True, eq=False)
class Candidates:
    """Settings of one kind, such as all strengths of one vector.

    Parameters
    ----------
    name : str
    cost, gain : Estimates, shape (n,)
        NaN: not measured; left out and counted.
    labels : sequence of str
        One a setting, such as its strength; written at points on the front.
    """

    name: str
    cost: Estimates
    gain: Estimates
    labels: Sequence[str]


def draw_pareto_front(
    candidates: Sequence[Candidates],
    on_front: npt.ArrayLike,
    *,
    cost_label: str,
    gain_label: str,
    confidence: float = 0.95,
) -> Drawing:
    """Draw all settings, and the front as a staircase.

    Parameters
    ----------
    candidates : sequence of Candidates
    on_front : bool, shape (n in all,)
        Whether a setting is on the front, in the order of the candidates.

    Raises
    ------
    MeasurementError
        No setting measured, or lengths that differ.
    """
    is_front = np.asarray(on_front, dtype=bool)
    for one in candidates:
        if not one.cost.values.shape == one.gain.values.shape == (len(one.labels),):
            raise MeasurementError(
                f"{one.name!r}: expected a cost, a gain and a label for each setting, got shapes "
                f"{one.cost.values.shape}, {one.gain.values.shape} and {len(one.labels)} labels"
            )
    cost = np.concatenate([one.cost.values for one in candidates]) if candidates else np.empty(0)
    gain = np.concatenate([one.gain.values for one in candidates]) if candidates else np.empty(0)
    if is_front.shape != cost.shape or not np.isfinite(cost + gain).any():
        raise MeasurementError(
            f"expected a flag for each of {cost.size} settings that were measured, got {is_front.shape}"
        )
    names = [text for one in candidates for text in one.labels]
    with style():
        figure = new_figure(3.7, PAGE)
        axes = figure.add_subplot()
        begin = 0
        for index, one in enumerate(candidates):
            flags = is_front[begin : begin + len(one.labels)]
            begin += len(one.labels)
            colour = COLOURS[index % len(COLOURS)]
            axes.errorbar(
                one.cost.values, one.gain.values, xerr=one.cost.error_bars(), yerr=one.gain.error_bars(),
                linestyle="none", ecolor=colour, elinewidth=0.8, alpha=0.7,
            )  # fmt: skip
            for part, face in ((flags, colour), (~flags, "white")):
                axes.plot(
                    one.cost.values[part], one.gain.values[part], linestyle="none", markersize=6.5, color=colour,
                    marker=MARKERS[index % len(MARKERS)], markerfacecolor=face, zorder=3,
                    label=label(one.name) if face == colour else None,
                )  # fmt: skip
        order = np.flatnonzero(is_front)[np.argsort(cost[is_front], kind="stable")]
        if order.size:
            axes.step(cost[order], gain[order], where="post", color=INK, linewidth=1.0, linestyle="--", zorder=2)
        for index in order:
            axes.annotate(
                label(names[index], 16), (cost[index], gain[index]), xytext=(6, -9), textcoords="offset points",
                fontsize=7, color=INK,
            )  # fmt: skip
        axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        axes.set_xlabel(axis_label(cost_label))
        axes.set_ylabel(axis_label(gain_label))
        axes.margins(0.08)
        if len(candidates) > 1:
            axes.legend(loc="best")
    n_missing = int((~np.isfinite(cost + gain)).sum())
    caption = (
        f"{cost.size - n_missing} settings with {100 * confidence:g} % intervals. Filled markers and the dashed "
        "staircase: the Pareto front, settings that no other one beats in both gain and cost; hollow: beaten."
        + (f" {n_missing} settings were not measured." if n_missing else "")
    )
    best = order[np.argmax(gain[order])] if order.size else int(np.nanargmax(gain))
    alt = (
        f"Gain against cost; {int(is_front.sum())} of {cost.size} settings are on the front. The largest gain there, "
        f"{number(float(gain[best]))}, costs {number(float(cost[best]))} ({label(names[best], 16)})."
    )
    return Drawing(figure, caption, alt)
