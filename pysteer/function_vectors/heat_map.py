"""AIE of every head as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.function_vectors.indirect_effects import Head


def save_heat_map(aie: Float64Array, path: Path, *, title: str, heads: Sequence[Head] = ()) -> tuple[Path, Path]:
    """Draw AIE over layer and head, and return the two files written: ``path`` as .svg and as .png.

    Red raises the answer's probability, blue lowers it, white is 0; heads in ``heads`` are framed. Heads that were not
    scanned are grey. Needs matplotlib.

    Parameters
    ----------
    aie : float64, shape (n_layers, n_heads)
    path : Path
        Its suffix is replaced.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Rectangle

    n_layers, n_heads = aie.shape
    largest = float(np.nanmax(np.abs(aie))) if np.isfinite(aie).any() else 0.0
    figure, axes = plt.subplots(figsize=(2.5 + 0.28 * n_heads, 1.8 + 0.2 * n_layers), layout="constrained")
    try:
        axes.set_facecolor("lightgrey")
        limit = largest or 1.0
        image = axes.imshow(aie, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", origin="lower")
        for layer, head in heads:
            axes.add_patch(Rectangle((head - 0.5, layer - 0.5), 1, 1, fill=False, edgecolor="black", linewidth=1))
        axes.set(xlabel="head", ylabel="layer", title=title)
        figure.colorbar(image, label="average indirect effect on p(answer)")
        files = path.with_suffix(".svg"), path.with_suffix(".png")
        figure.savefig(files[0], metadata={"Date": None})
        figure.savefig(files[1], dpi=150)
    finally:
        plt.close(figure)
    return files
