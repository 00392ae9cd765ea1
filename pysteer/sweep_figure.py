"""The figure of a layer sweep: steerability over layers, one line a token rule, and the choice on test data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pysteer.errors import MeasurementError

if TYPE_CHECKING:
    from pysteer.layer_sweep import LayerSweep

# Okabe & Ito: told apart by colour-blind readers; markers tell the lines apart in print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "os^Dv<>"


def draw_sweep(sweep: LayerSweep, path: Path, *, title: str) -> tuple[Path, Path]:
    """Write the figure as SVG and PNG, whatever ending ``path`` has, and return both paths.

    Raises
    ------
    MeasurementError
        matplotlib is not installed, or a file cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise MeasurementError("figures need matplotlib: pip install 'pysteer-gguf[plot]'") from error
    paths = path.with_suffix(".svg"), path.with_suffix(".png")
    # A fixed salt and no date: the same numbers give the same file.
    style: dict[Any, Any] = {
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.hashsalt": "pysteer",
    }
    with rc_context(style):
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for index, token in enumerate(dict.fromkeys(row.token for row in sweep.rows)):
            rows = [row for row in sweep.rows if row.token == token]
            layers = [row.layer for row in rows]
            colour, marker = _COLOURS[index % len(_COLOURS)], _MARKERS[index % len(_MARKERS)]
            axes.plot(layers, [row.steerability for row in rows], color=colour, marker=marker, label=f"token {token}")
            axes.fill_between(
                layers, [row.low for row in rows], [row.high for row in rows], color=colour, alpha=0.18, linewidth=0
            )
        slope = sweep.test.steerability
        axes.errorbar(
            [sweep.best.layer],
            [slope.value],
            yerr=[[max(0.0, slope.value - slope.low)], [max(0.0, slope.high - slope.value)]],
            color="#000000",
            marker="*",
            markersize=12,
            capsize=3,
            linestyle="none",
            label=f"chosen layer {sweep.best.layer}, on test items (n = {slope.n})",
        )
        axes.axhline(0.0, color="#666666", linewidth=0.8)
        axes.set_xlabel("layer of the vector")
        axes.set_ylabel("steerability\n(nats per unit of coefficient)")
        axes.set_title(f"{title}: validation items (n = {sweep.best.n}), 95 % intervals", loc="left", fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, fontsize=9)
        try:
            figure.savefig(paths[0], metadata={"Date": None})
            figure.savefig(paths[1], dpi=150)
        except OSError as error:
            raise MeasurementError(f"{path}: the figure cannot be written: {error.strerror or error}") from error
    return paths
