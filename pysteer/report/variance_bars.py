"""How much of the spread between items comes from where and how the answer is written, and not from its meaning?

Figure 2 of arXiv:2407.12404, with intervals of what the factors explain together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates, as_numbers, percent, percent_interval
from pysteer.report.figure_style import COLOURS, FAINT, HATCHES, INK, label, new_figure, style


def draw_variance_bars(
    names: Sequence[str],
    shares: npt.ArrayLike,
    *,
    factors: Sequence[str],
    explained: Estimates,
    n: Sequence[int],
    confidence: float = 0.95,
) -> Drawing:
    """Draw a stacked bar for each data set: one part a factor, the rest is unexplained.

    Parameters
    ----------
    names : sequence of str
        Data sets, from top to bottom.
    shares : float, shape (n_data_sets, n_factors)
        Share of the variance that each factor adds. A row of NaN was not measured.
    factors : sequence of str
    explained : Estimates, shape (n_data_sets,)
        Share that all factors explain together.
    n : sequence of int
        Items behind each row.

    Raises
    ------
    MeasurementError
        Lengths that differ, no data set, or a share that is clearly not between 0 and 1.
    """
    table = as_numbers(shares, "shares")
    if table.shape != (len(names), len(factors)) or table.size == 0:
        raise MeasurementError(f"shares: expected shape {(len(names), len(factors))}, got {table.shape}")
    if explained.values.shape != (len(names),) or len(n) != len(names):
        raise MeasurementError(f"expected an explained share and an n for each of {len(names)} data sets")
    if (np.nan_to_num(table) < -1e-9).any() or (np.nan_to_num(table).sum(axis=1) > 1.0 + 1e-9).any():
        raise MeasurementError("shares: expected parts of one variance, between 0 and 1 and at most 1 in all")
    is_known = ~np.isnan(table).any(axis=1)
    with style():
        figure = new_figure(1.35 + 0.3 * len(names))
        axes = figure.add_subplot()
        rows = np.arange(len(names))
        begin = np.zeros(len(names))
        for index, factor in enumerate(factors):
            widths = np.nan_to_num(table[:, index])
            axes.barh(
                rows, widths, left=begin, height=0.66, facecolor=COLOURS[index], hatch=HATCHES[index],
                edgecolor="white", linewidth=0.6, label=label(factor),
            )  # fmt: skip
            begin = begin + widths
        axes.barh(
            rows[is_known], 1.0 - begin[is_known], left=begin[is_known], height=0.66, facecolor="#EDEDED",
            edgecolor=FAINT, linewidth=0.6, label="unexplained",
        )  # fmt: skip
        for colour, wider in (("white", 2.0), (INK, 0.0)):  # a white rim, so that it stands out on every part
            axes.errorbar(
                explained.values, rows, xerr=explained.error_bars(), linestyle="none", color=colour,
                elinewidth=1.2 + wider, capsize=3, capthick=1.2 + wider, marker="|", markersize=9,
                markeredgewidth=1.2 + wider,
            )  # fmt: skip
        axes.barh(rows[~is_known], 1.0, height=0.66, facecolor="none", hatch="xxxx", edgecolor=FAINT, linewidth=0.0)
        for row in rows[~is_known]:
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            axes.text(0.5, row, "not measured", ha="center", va="center", fontsize=7, color="#000000", bbox=box)
        axes.set_yticks(rows, [f"{label(name, 34)} (n = {size})" for name, size in zip(names, n, strict=True)])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0.0, 1.0)
        axes.set_xticks(np.linspace(0.0, 1.0, 5), ["0", "25", "50", "75", "100"])
        axes.set_xlabel("share of the variance of slopes between items (%)")
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(factors) + 1, borderaxespad=0.2)
    caption = (
        f"Least-squares decomposition of the slopes' variance; the black mark is what {_listed(factors)} explain "
        f"together, with its {100 * confidence:g} % interval. n: items. A vector that steers by meaning alone has "
        "short coloured parts."
    )
    told = [
        f"{label(name)}: {percent_interval(*explained.at(i))} explained ("
        + ", ".join(f"{factor} {percent(float(table[i, k]))}" for k, factor in enumerate(factors))
        + ")"
        for i, name in enumerate(names[:12])
    ]
    return Drawing(figure, caption, f"Stacked bars of variance shares. {'; '.join(told)}.")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
