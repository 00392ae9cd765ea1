"""Do all items follow the vector, and in a straight line? The preference of every single item over the coefficient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, as_numbers, number
from pysteer.report.figure_style import (
    BLUE,
    GREY,
    INK,
    PAGE,
    VERMILLION,
    axis_label,
    label,
    new_figure,
    style,
    zero_line,
)


def draw_propensity_curves(
    coefficients: npt.ArrayLike,
    propensities: npt.ArrayLike,
    *,
    slopes: npt.ArrayLike,
    mean: Estimates,
    name: str = "",
    unit: str = "nats",
    confidence: float = 0.95,
) -> Drawing:
    """Draw a thin line for each item (dashed where it moves the wrong way) and a thick one for their mean.

    Parameters
    ----------
    coefficients : float, shape (k,)
        Ascending.
    propensities : float, shape (n_items, k)
        NaN: not measured.
    slopes : float, shape (n_items,)
        Of the items; its sign decides how a line is drawn.
    mean : Estimates, shape (k,)
        Mean over items with its interval.

    Raises
    ------
    MeasurementError
        Shapes that do not fit together.
    """
    at = as_numbers(coefficients, "coefficients")
    values = as_numbers(propensities, "propensities")
    slope = as_numbers(slopes, "slopes")
    if at.ndim != 1 or at.size == 0 or np.isnan(at).any() or (np.diff(at) <= 0).any():
        raise MeasurementError(f"coefficients: expected different numbers in ascending order, got {at.tolist()}")
    if values.ndim != 2 or values.shape != (slope.size, at.size) or slope.ndim != 1 or mean.values.shape != at.shape:
        raise MeasurementError(
            f"expected propensities (n_items, {at.size}), a slope an item and a mean a coefficient, got "
            f"{values.shape}, {slope.shape} and {mean.values.shape}"
        )
    wrong = ~(slope > 0.0)
    faint = float(np.clip(20.0 / len(values), 0.2, 0.8))
    with style():
        figure = new_figure(3.2, PAGE)
        axes = figure.add_subplot()
        zero_line(axes)
        for is_wrong, colour, line, name_of in (
            (False, BLUE, "-", "items that follow"),
            (True, VERMILLION, (0, (4, 2)), "anti-steerable items"),
        ):
            rows = values[wrong == is_wrong]
            for number_of, row in enumerate(rows):
                axes.plot(
                    at, row, color=colour, linestyle=line, linewidth=0.9, alpha=faint,
                    marker="." if at.size == 1 else None,
                    label=f"{name_of} (n = {len(rows)})" if number_of == 0 else None,
                )  # fmt: skip
        if len(values) > 1:
            axes.fill_between(at, mean.low, mean.high, color=INK, alpha=0.22, linewidth=0.0)
            axes.plot(
                at, mean.values, color=INK, linewidth=2.2, marker="o", markersize=4.5, label=f"mean (n = {len(values)})"
            )
        axes.axvline(0.0, color=GREY, linewidth=0.8, linestyle=":")
        axes.set_xlabel("coefficient of the vector")
        axes.set_ylabel(axis_label(f"preference for the wanted\nanswer ({unit})"))
        if at.size <= 15:
            axes.set_xticks(at, [number(float(c)) for c in at])
        legend = axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
        for handle in legend.get_lines():
            handle.set_alpha(1.0)
    n_missing = int(np.isnan(values).sum())
    caption = (
        f"{label(name) + ': ' if name else ''}preference of each of {len(values)} items, and their mean with its "
        f"{100 * confidence:g} % interval (band). Dashed: items whose line does not rise. A straight bundle means that "
        "the coefficient can be read as a dose." + (f" {n_missing} values were not measured." if n_missing else "")
    )
    alt = (
        f"Lines over the coefficient: {int((~wrong).sum())} items rise, {int(wrong.sum())} do not; the mean goes from "
        f"{number(float(mean.values[0]))} to {number(float(mean.values[-1]))} {unit}."
    )
    return Drawing(figure, caption[:1].upper() + caption[1:] if name == "" else caption, alt)
