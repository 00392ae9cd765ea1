"""Does a vector that works on the prompts it was made for also work under other prompts?

Figure 4 of arXiv:2407.12404: one point a data set, steerability in distribution against that under a shift, y = x.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, interval
from pysteer.report.figure_style import COLOURS, FAINT, GREY, INK, MARKERS, axis_label, label, new_figure, style

_NAMED_UP_TO, _LARGE_UP_TO = 6, 60


@dataclass(frozen=True, eq=False)
class ShiftSeries:
    """All data sets under one shift.

    Parameters
    ----------
    name : str
        Such as "USER_NEG".
    inside, outside : Estimates, shape (n_data_sets,)
        Steerability without and with the shift. NaN: not measured; left out and counted.
    correlation : Estimates, of one number, optional
        Rank correlation of the two.
    """

    name: str
    inside: Estimates
    outside: Estimates
    correlation: Estimates | None = None


def draw_shift_scatter(
    series: Sequence[ShiftSeries],
    *,
    names: Sequence[str] = (),
    point: str = "data set",
    x_label: str = "steerability, same prompts as in training",
    y_label: str = "steerability, other prompts",
    unit: str = "nats per unit of coefficient",
    confidence: float = 0.95,
) -> Drawing:
    """Draw each series with its intervals, the line y = x, and the correlations.

    Parameters
    ----------
    names : sequence of str
        Of the data sets; written at the points where there are at most 6.
    point : str
        What a point is: "data set", "item".

    Raises
    ------
    MeasurementError
        No series, arrays of different lengths, or nothing measured.
    """
    _check(series, names)
    ends = np.concatenate(
        [part for one in series for side in (one.inside, one.outside) for part in (side.values, side.low, side.high)]
    )
    low, high = min(0.0, float(np.nanmin(ends))), max(0.0, float(np.nanmax(ends)))
    n_points = sum(_n(one) for one in series)
    margin = 0.06 * ((high - low) or 1.0)
    limits = (low - margin, high + margin)
    with style():
        figure = new_figure(4.3, 6.4)
        axes = figure.add_subplot()
        axes.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
        axes.axvline(0.0, color=FAINT, linewidth=0.8, zorder=0)
        axes.plot(limits, limits, color=GREY, linestyle="--", linewidth=1.0, label="y = x: nothing is lost")
        for index, one in enumerate(series):
            axes.errorbar(
                one.inside.values,
                one.outside.values,
                xerr=one.inside.error_bars(),
                yerr=one.outside.error_bars(),
                linestyle="none",
                marker=MARKERS[index % len(MARKERS)],
                color=COLOURS[index % len(COLOURS)],
                markeredgecolor="white",
                markeredgewidth=0.5,
                markersize=6.5 if n_points <= _LARGE_UP_TO else 4.5,
                elinewidth=0.8,
                label=_legend(one),
            )
        for index, name in enumerate(names if len(names) <= _NAMED_UP_TO else ()):
            highest = max(series, key=lambda one: np.nan_to_num(one.outside.values[index], nan=-np.inf))
            at = (float(highest.inside.values[index]), float(highest.outside.values[index]))
            if np.isfinite(at).all():
                axes.annotate(label(name, 24), at, xytext=(6, 5), textcoords="offset points", fontsize=7, color=INK)
        axes.set(
            xlim=limits,
            ylim=limits,
            xlabel=axis_label(f"{x_label}\n({unit})"),
            ylabel=axis_label(f"{y_label}\n({unit})"),
        )
        axes.locator_params(nbins=7)
        axes.set_aspect("equal")
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.0)
    return Drawing(figure, _caption(series, point, confidence), _alt(series, point))


def _check(series: Sequence[ShiftSeries], names: Sequence[str]) -> None:
    if not series:
        raise MeasurementError("expected at least one series of data sets, got none")
    for one in series:
        if one.inside.values.ndim != 1 or one.inside.values.shape != one.outside.values.shape:
            raise MeasurementError(
                f"series {one.name!r}: expected as many data sets inside as outside, "
                f"got {one.inside.values.shape} and {one.outside.values.shape}"
            )
        if names and len(names) != one.inside.values.size:
            raise MeasurementError(
                f"series {one.name!r} has {one.inside.values.size} data sets, got {len(names)} names"
            )
        if np.isnan(one.inside.values + one.outside.values).all():
            raise MeasurementError(f"series {one.name!r}: nothing was measured")


def _n(one: ShiftSeries) -> int:
    return int(np.isfinite(one.inside.values + one.outside.values).sum())


def _correlation(one: ShiftSeries) -> str:
    rho = one.correlation
    return "" if rho is None else f"ρ = {interval(*rho.one, 2)}"


def _legend(one: ShiftSeries) -> str:
    return "\n".join(part for part in (label(one.name), _correlation(one)) if part)


def _caption(series: Sequence[ShiftSeries], point: str, confidence: float) -> str:
    sizes = sorted({_n(one) for one in series})
    n = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    missing = sum(one.inside.values.size - _n(one) for one in series)
    has_intervals = any(np.isfinite(side.low).any() for one in series for side in (one.inside, one.outside))
    bars = f", with {100 * confidence:g} % intervals" if has_intervals else ""
    ranked = any(one.correlation is not None for one in series)
    return (
        f"Each point is one {point} (n = {n} a series){bars}. On the dashed line the vector works as well under the "
        "shift as without it; below it, worse; below zero, in reverse."
        + (f" ρ: Spearman's rank correlation over {point}s, with its interval." if ranked else "")
        + (f" {missing} points were not measured." if missing else "")
    )


def _alt(series: Sequence[ShiftSeries], point: str) -> str:
    told = []
    for one in series:
        below = int((one.outside.values < one.inside.values).sum())
        told.append(f"{label(one.name)}: {below} of {_n(one)} {point}s below y = x" + (
            f", {_correlation(one)}" if one.correlation is not None else ""
        ))  # fmt: skip
    return f"Scatter of steerability under a shift against that without it. {'; '.join(told)}."
