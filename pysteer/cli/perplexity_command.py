"""``pysteer perplexity``: how well the model predicts a text, and what steering costs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    CoefficientsOption,
    Computing,
    ContextOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    LayerShiftOption,
    LayersOption,
    ModelArgument,
    OperationOption,
    SeedOption,
    ThreadsOption,
    VectorsOption,
    WindowOption,
)

if TYPE_CHECKING:
    from pysteer.model import Model
    from pysteer.text_perplexity import PerplexityResult


def perplexity(
    model: ModelArgument,
    text_file: Annotated[
        Path,
        typer.Argument(
            metavar="TEXTFILE",
            help="One text; or documents: a .json list of texts, or a .jsonl with the field text.",
        ),
    ],
    window_size: Annotated[
        int | None,
        typer.Option(
            "--window-size",
            metavar="N",
            min=4,
            help="Tokens in a window. The second half of each is scored, as llama.cpp's perplexity tool does it.",
            show_default="512, or the model's training context if that is shorter",
        ),
    ] = None,
    vector: VectorsOption = None,
    coefficient: CoefficientsOption = None,
    layers: LayersOption = None,
    operation: OperationOption = None,
    window: WindowOption = None,
    layer_shift: LayerShiftOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Measure the perplexity of a text; with steering, also the KL divergence from the unsteered model.

    Documents are measured one by one, each from its second token on. --seed is that of the bootstrap over windows.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import load_model, open_session, read_text
    from pysteer.cli.steering import read_steering
    from pysteer.text_perplexity import perplexities

    text = read_text(text_file)
    steering = read_steering(vector, coefficient, layers, operation, window, layer_shift)
    loaded = load_model(model, n_gpu_layers)
    size = _chosen_size(window_size, loaded)
    steerings = [[item.on(loaded) for item in steering]] if steering else []
    n_side = 1 + len(steerings)
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    with (
        open_session(loaded, computing, n_ctx=size * n_side, n_sequences=n_side) as session,
        progress_bar(f"perplexity of {text_file.name}", "windows") as report,
    ):
        results = perplexities(loaded, text, steerings, window_size=size, seed=seed, session=session, progress=report)
    text_hash = hashlib.sha256(text_file.read_bytes()).hexdigest()
    facts = {**_facts(results), "window_size": size, "seed": seed, "model_hash": loaded.hash, "text_hash": text_hash}
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def _chosen_size(window_size: int | None, model: Model) -> int:
    from pysteer.errors import MeasurementError
    from pysteer.text_perplexity import WINDOW_SIZE

    if window_size is None:
        return min(WINDOW_SIZE, model.n_ctx_train)
    if window_size > model.n_ctx_train:
        raise MeasurementError(
            f"a window of {window_size} tokens is longer than the {model.n_ctx_train} that {model.name} was trained "
            f"for: use --window-size {model.n_ctx_train} or less"
        )
    return window_size


def _facts(results: list[PerplexityResult]) -> dict[str, Any]:
    """Return the numbers of the last run; the first one is the unsteered model."""
    base, last = results[0], results[-1]
    facts: dict[str, Any] = {
        name: getattr(last, name) for name in ("perplexity", "low", "high", "nll", "entropy", "n_tokens", "n_windows")
    }
    if len(results) > 1:
        facts["kl"] = last.kl
        facts["top1_agreement"] = last.top1_agreement
        facts["baseline_perplexity"] = base.perplexity
        facts["baseline_nll"] = base.nll
    return facts


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.table import Table

    from pysteer.cli.console import print_table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column()
    interval = f"   [{facts['low']:.5g}, {facts['high']:.5g}]" if facts["n_windows"] > 1 else ""
    rows = [("perplexity", f"{facts['perplexity']:.5g}{interval}")]
    if "kl" in facts:
        change = facts["perplexity"] / facts["baseline_perplexity"] - 1
        rows += [
            ("unsteered", f"{facts['baseline_perplexity']:.5g}   (steering: {change:+.2%})"),
            ("KL", f"{facts['kl']:.5g} nats a token, KL(unsteered || steered)"),
            ("same token", f"{facts['top1_agreement']:.2%} of positions have the same most probable token"),
        ]
    rows += [
        ("NLL", f"{facts['nll']:.5g} nats a token"),
        ("scored", f"{facts['n_tokens']} tokens in {facts['n_windows']} windows of up to {facts['window_size']}"),
    ]
    for name, value in rows:
        table.add_row(name, value.replace("[", r"\["))
    print_table(table)
