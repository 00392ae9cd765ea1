"""``pysteer demo``: a model steered by a vector that is extracted on the spot, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pysteer.cli.options import GpuLayersOption


def demo(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="GGUF file, or 'demo' for the embedded model.")
    ] = "demo",
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Where the vector, the numbers and the picture go.")
    ] = Path("out"),
    n_gpu_layers: GpuLayersOption = 0,
) -> None:
    """Extract a joyful - sad vector, print one prompt at five strengths side by side, and measure the cost of each."""
    from pysteer.cli.console import stdout
    from pysteer.cli.loading import check_output, load_model
    from pysteer.demo.run import run_demo

    loaded = load_model(model, n_gpu_layers)
    out.mkdir(parents=True, exist_ok=True)
    check_output(out / "vector.gguf", [])
    run_demo(loaded, out, stdout())
