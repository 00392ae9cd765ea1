"""The demonstration's figure: what steering does, above what it costs, over strength."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import PercentFormatter

if TYPE_CHECKING:
    from pysteer.demo.run import Strength

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # told apart by colour-blind readers, and in print


def draw(strengths: Sequence[Strength], title: str, path: Path) -> None:
    """Write the figure to ``path`` (its ending chooses the format)."""
    at = np.array([s.coefficient for s in strengths])
    with plt.rc_context({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7.0, 6.2), height_ratios=(1.1, 1.0))
        joyful = [s.joyful for s in strengths if s.joyful is not None]
        shown = joyful or [s.behaviour for s in strengths]
        means = np.array([interval.mean for interval in shown])
        errors = np.abs(np.array([(interval.low, interval.high) for interval in shown]).T - means)
        top.errorbar(at, means, yerr=errors, color=BLUE, marker="o", capsize=3, linewidth=2)
        top.axhline(0.5 if joyful else 0.0, color=GREY, linewidth=0.8)
        if joyful:
            top.set_ylim(-0.04, 1.04)
            top.yaxis.set_major_formatter(PercentFormatter(1.0))
            top.set_ylabel("joyful replies\n(mean and 95 % interval)")
            top.set_title(f"What steering does: sampled replies, n = {joyful[0].n} a strength", loc="left", fontsize=11)
        else:
            top.set_ylabel("prefers the joyful answer by\n(nats, mean and 95 % interval)")
            top.set_title(f"What steering does: held-out pairs (n = {shown[0].n})", loc="left", fontsize=11)

        ratios = np.array([s.perplexity_ratio for s in strengths])
        bottom.plot(at, ratios, color=ORANGE, marker="s", linewidth=2)
        bottom.axhline(1.0, color=GREY, linewidth=0.8)
        bottom.set_ylabel("perplexity / unsteered", color=ORANGE)
        bottom.set_ylim(bottom=min(0.95, float(ratios.min()) - 0.05))
        bottom.set_xlabel("strength (sad  ←  coefficient of the vector  →  joyful)")
        bottom.set_title(f"What it costs: {strengths[0].cost.n_tokens} tokens of neutral text", loc="left", fontsize=11)
        other = bottom.twinx()
        other.spines["right"].set_visible(True)
        other.plot(at, [s.cost.kl or 0.0 for s in strengths], color=BLUE, marker="^", linestyle="--", linewidth=1.5)
        other.set_ylabel("KL to unsteered (nats a token)", color=BLUE)
        other.set_ylim(bottom=-0.03 * max(s.cost.kl or 0.0 for s in strengths) - 1e-6)
        bottom.set_xticks(at, [f"{c:+.2g}" if c else "0" for c in at])
        figure.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold")
        figure.tight_layout()
        figure.savefig(path, dpi=150)
        plt.close(figure)
