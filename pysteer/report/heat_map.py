"""Where does it work? A number over two settings, such as layer and strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import MINUS, as_numbers, number
from pysteer.report.figure_style import GREY, INK, PAGE, axis_label, label, new_figure, style

_WRITTEN_UP_TO = 13
"""Columns in which a number still fits."""
_TICKS = 24


def draw_heat_map(
    values: npt.ArrayLike,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_label: str,
    column_label: str,
    value_label: str,
    n: str,
    center: float | None = None,
    chosen: Sequence[tuple[int, int]] = (),
) -> Drawing:
    """Draw one cell for each pair of settings; the first row is at the bottom.

    Parameters
    ----------
    values : float, shape (n_rows, n_columns)
        NaN: not measured; hatched.
    row_label, column_label, value_label : str
        With units.
    n : str
        What stands behind a cell, for the caption: "n = 50 items a cell".
    center : float, optional
        Value without an effect, such as 0: colours diverge from it, and cells below it carry a minus where no number
        is written, for grey prints.
    chosen : sequence of (row, column)
        Cells with a frame.

    Raises
    ------
    MeasurementError
        Another shape than the names say, or no cell at all.
    """
    table = as_numbers(values, "values")
    if table.shape != (len(rows), len(columns)) or table.size == 0:
        raise MeasurementError(f"values: expected shape {(len(rows), len(columns))}, a cell a name, got {table.shape}")
    with style():
        from matplotlib.patches import Rectangle

        figure = new_figure(min(8.5, max(2.3, 1.1 + 0.27 * len(rows))), min(PAGE, 2.4 + 0.62 * max(3, len(columns))))
        axes = figure.add_subplot()
        low, high = _limits(table, center)
        mesh = axes.pcolormesh(
            np.ma.masked_invalid(table),
            cmap="cividis" if center is None else "RdBu_r",
            vmin=low,
            vmax=high,
            edgecolors="white",
            linewidth=0.6,
        )
        for row, column in np.argwhere(np.isnan(table)):
            axes.add_patch(
                Rectangle((column, row), 1, 1, facecolor="#ECECEC", edgecolor=GREY, hatch="xxxx", linewidth=0.0)
            )
        for row, column in chosen:
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=INK, linewidth=2.0, zorder=4))
        for row, column in np.argwhere(~np.isnan(table)):
            value = float(table[row, column])
            written = len(columns) <= _WRITTEN_UP_TO
            text = number(value, 2) if written else MINUS if _is_clearly_below(value, center, high) else ""
            if text:
                axes.text(
                    column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7,
                    color=_readable_on(mesh.to_rgba(np.array([value]))[0]),
                )  # fmt: skip
        _ticks(axes.set_xticks, columns)
        _ticks(axes.set_yticks, rows)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set(xlabel=axis_label(column_label), ylabel=axis_label(row_label))
        if np.isfinite(table).any():
            figure.colorbar(mesh, ax=axes, label=axis_label(value_label), aspect=max(14, 0.9 * len(rows)), pad=0.02)
    n_missing = int(np.isnan(table).sum())
    caption = (
        f"{value_label[:1].upper()}{value_label[1:]} over {row_label} and {column_label}; {n}."
        + (f" Hatched: not measured ({n_missing} of {table.size} cells)." if n_missing else "")
        + (" Framed: chosen." if chosen else "")
        + (f" Colours diverge from {number(center)}, no effect." if center is not None else "")
    )
    return Drawing(figure, caption, _alt(table, rows, columns, value_label))


def _limits(table: Float64Array, center: float | None) -> tuple[float, float]:
    """Return the values of the colour scale's ends; around ``center`` they are equally far."""
    if not np.isfinite(table).any():
        return 0.0, 1.0
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    if center is not None:
        reach = max(high - center, center - low) or 1.0
        return center - reach, center + reach
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _readable_on(rgba: Float64Array) -> str:
    """Return black or white, whichever has more contrast with this colour (relative luminance of WCAG 2)."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgba[:3])
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "#FFFFFF"


def _is_clearly_below(value: float, center: float | None, high: float) -> bool:
    return center is not None and center - value > 0.05 * (high - center)


def _ticks(set_ticks: object, names: Sequence[str]) -> None:
    step = -(-len(names) // _TICKS)
    shown = range(0, len(names), step)
    set_ticks([index + 0.5 for index in shown], [label(names[index], 14) for index in shown])  # type: ignore[operator]


def _alt(table: Float64Array, rows: Sequence[str], columns: Sequence[str], value_label: str) -> str:
    if not np.isfinite(table).any():
        return f"Heat map of {value_label}: nothing was measured."
    best = np.unravel_index(np.nanargmax(table), table.shape)
    worst = np.unravel_index(np.nanargmin(table), table.shape)
    told = [
        f"{name} {number(float(table[at]))} at row {label(rows[int(at[0])])}, column {label(columns[int(at[1])])}"
        for name, at in (("highest", best), ("lowest", worst))
    ]
    return f"Heat map of {value_label}, {len(rows)} rows and {len(columns)} columns: {'; '.join(told)}."
