"""Figures of E23: what strings do against how natural they are, how searches went, and reversal against file size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import interval, number
from pysteer.report.figure_style import BLUE, COLOURS, FAINT, GREY, MARKERS, label, new_figure, style, zero_line
from pysteer.studies.mechanisms.adversarial_found import NAMES, Tested
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.rows import Row
from pysteer.studies.study import StudyFigure

_LOOKS = {  # kind: colour, marker, filled
    "random": (GREY, "o", False),
    "natural": (COLOURS[2], "^", True),
    "sampled": (COLOURS[1], "s", True),
    "front": (COLOURS[5], "D", False),
    "found": (BLUE, "D", True),
}
_LEGEND = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}


def front_figure(found: Found, one: Tested) -> StudyFigure:
    """Draw the reversal of every tested string on held-out items against its cross-entropy."""
    needed = float(one.preference("none").mean())
    undone = float(one.effect("none").mean())
    told = []
    with style():
        figure = new_figure(3.4)
        axes = figure.add_subplot()
        zero_line(axes)
        for kind, (colour, marker, is_filled) in _LOOKS.items():
            x, y = _means(one.of(kind, one.cross_entropy)), _means(one.reversal(kind))
            axes.plot(
                x, y, linestyle="none", marker=marker, color=colour, markerfacecolor=colour if is_filled else "white",
                markersize=6.5 if kind == "found" else 4.5, zorder=3 if kind == "found" else 2, label=NAMES[kind],
            )  # fmt: skip
            if y.size:
                told.append(
                    f"{NAMES[kind]}: {number(float(y.mean()))} nats at {number(float(x.mean()))} nats per token"
                )
        axes.axhline(needed, color=COLOURS[1], linestyle="--", linewidth=1.1, label="opposite answer preferred")
        axes.axhline(undone, color=GREY, linestyle=":", linewidth=1.3, label="as without steering")
        axes.set_xlabel("cross-entropy of the string (nats per token; less is more natural)")
        axes.set_ylabel("preference taken away\non held-out items (nats)")
        axes.legend(**_LEGEND)
    caption = (
        f"Each point is a string, put behind {one.steered.shape[1]} messages of {one.behaviour} that no search has "
        f"seen. "
        "Upwards: it takes more of the steered preference away. To the left: the model finds it less surprising. Above "
        "the dashed line the opposite answer is preferred on average; at the dotted line the preference is what it was "
        "without steering. Filled diamonds: each search's strongest string; hollow ones: what it found that is less "
        "surprising."
    )
    title = f"Strings against steered {one.behaviour}, {found.label}"
    drawing = Drawing(figure, caption, f"Reversal against cross-entropy, means. {'; '.join(told)}.")
    return StudyFigure(f"adversarial_front_{_file(found, one)}", "E23", title, drawing)


def progress_figure(found: Found, one: Tested) -> StudyFigure:
    """Draw the best preference for the opposite answer on the search items against strings measured."""
    ends = []
    with style():
        figure = new_figure(2.8)
        axes = figure.add_subplot()
        zero_line(axes)
        for name, curves, colour, line in (
            ("search", one.curves, BLUE, "-"),
            ("random strings", one.samples, COLOURS[1], "--"),
        ):
            if not curves:
                continue
            for curve in curves:
                axes.step(
                    curve[:, 0], curve[:, 1], where="post", color=colour, linewidth=0.7, alpha=0.4, linestyle=line
                )
            at, mean = mean_curve(curves)
            axes.step(at, mean, where="post", color=colour, linestyle=line, linewidth=2.0, label=f"{name}, mean")
            ends.append(f"{name}: {number(float(mean[-1]))} nats after {int(at[-1])} strings")
        axes.set_xlabel("strings measured")
        axes.set_ylabel("best preference for the\nopposite answer (nats)")
        axes.legend(**_LEGEND)
    caption = (
        "The best string so far, on the items that the searches see; thin lines are single searches. Above 0 the "
        "opposite "
        "answer is preferred. What a string is worth on other items is in the figure before and in the table."
    )
    title = f"How far the search gets, {one.behaviour}, {found.label}"
    return StudyFigure(
        f"adversarial_search_{_file(found, one)}", "E23", title, Drawing(figure, caption, f"{'; '.join(ends)}.")
    )


def mean_curve(curves: Sequence[Float64Array]) -> tuple[Float64Array, Float64Array]:
    """Return the mean of step functions, (x, best so far), where all of them are known."""
    first, last = max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves)
    at = np.unique(np.concatenate([curve[:, 0] for curve in curves]))
    at = at[(at >= first) & (at <= last)]
    values = [curve[np.searchsorted(curve[:, 0], at, side="right") - 1, 1] for curve in curves]
    return at, np.mean(values, axis=0)


def resistance_figure(rows: Sequence[Row]) -> StudyFigure | None:
    """Draw the reversal at equal budget against the size of the file; nothing for a single file."""
    known = [row for row in rows if row.quantity == "reversal" and not np.isnan(row.value)]
    if len(known) < 2:
        return None
    known.sort(key=lambda row: float(row.labels["megabytes"]))
    names = list(dict.fromkeys(f"{row.labels['model']}, {row.labels['behaviour']}" for row in known))
    with style():
        figure = new_figure(2.9)
        axes = figure.add_subplot()
        zero_line(axes)
        for index, name in enumerate(names):
            mine = [row for row in known if f"{row.labels['model']}, {row.labels['behaviour']}" == name]
            x, y = [float(row.labels["megabytes"]) for row in mine], [row.value for row in mine]
            axes.errorbar(
                x, y, yerr=[[row.value - row.low for row in mine], [row.high - row.value for row in mine]], capsize=3,
                marker=MARKERS[index % len(MARKERS)], color=COLOURS[index % len(COLOURS)], label=label(name, 48),
            )  # fmt: skip
            for row in mine:
                axes.annotate(
                    label(str(row.labels["weights"])), (float(row.labels["megabytes"]), row.value), xytext=(5, 5),
                    textcoords="offset points", fontsize=7,
                )  # fmt: skip
        sizes = sorted({float(row.labels["megabytes"]) for row in known})
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(sizes, [number(size) for size in sizes])
        axes.set_xlabel("size of the file (MB, logarithmic)")
        axes.set_ylabel("preference taken away\nby found strings (nats)")
        axes.grid(axis="y", color=FAINT, linewidth=0.4)
        axes.margins(0.15)
        axes.legend(**_LEGEND)
    told = "; ".join(
        f"{row.labels['weights']}, {row.labels['megabytes']} MB: {interval(row.value, row.low, row.high)}"
        for row in known
    )
    caption = (
        "Searches of equal budget against each file, tested on the same held-out items, with 95 % intervals. Higher: "
        "found strings take more of the steered preference away, so the model resists less."
    )
    return StudyFigure(
        "adversarial_resistance", "E23", "Resistance against found strings by size of the model",
        Drawing(figure, caption, f"Reversal by file: {told}."),
    )  # fmt: skip


def _means(table: Float64Array) -> Float64Array:
    return table.mean(axis=1) if len(table) else np.empty(0)


def _file(found: Found, one: Tested) -> str:
    text = f"{one.behaviour}-{found.label}"
    return "".join(character if character.isalnum() else "-" for character in text)
