"""``pysteer evaluate``: the steerability of held-out pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    Computing,
    ContextOption,
    FormatOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    LayerShiftOption,
    LayersOption,
    ModelArgument,
    OperationOption,
    PairsArgument,
    Propensity,
    RawOption,
    SeedOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from pysteer.evaluation import Evaluation


def evaluate(
    model: ModelArgument,
    vector: Annotated[Path, typer.Argument(metavar="VECTOR", help="Vector file.")],
    pairs: PairsArgument,
    coefficients: Annotated[
        str, typer.Option("--coefficients", metavar="LIST", help="Strengths to measure at, at least two.")
    ] = "-1.5,-1,-0.5,0,0.5,1,1.5",
    propensity: Annotated[
        Propensity,
        typer.Option(
            "--propensity",
            metavar="HOW",
            help="letter compares the answers' letters, full_response whole answers; auto fits the data.",
        ),
    ] = Propensity.auto,
    layers: LayersOption = None,
    operation: OperationOption = None,
    window: Annotated[
        str,
        typer.Option(
            "--window",
            metavar="WINDOW",
            help="Which tokens are steered; answer is the last prompt token and everything behind it.",
            rich_help_panel="Steering",
        ),
    ] = "answer",
    layer_shift: LayerShiftOption = None,
    seed: SeedOption = 0,
    format: FormatOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Measure how far a vector moves the preference for the wanted answer, pair by pair.

    Steerability is the mean slope of propensity over the coefficient; an item is anti-steerable when its propensity
    does not rise (arXiv:2407.12404). Use pairs that the vector was not extracted from. --seed is that of the bootstrap
    over items.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import load_model, open_session_for_pairs
    from pysteer.cli.steering import parse_coefficients, read_steering
    from pysteer.evaluation import evaluate as evaluate_vector
    from pysteer.file_hash import file_hash
    from pysteer.pair_files import load_pairs

    at = parse_coefficients(coefficients)
    steering = read_steering([vector], at[:1], layers, operation, [window], layer_shift)[0]
    data = load_pairs(pairs, format=format)
    loaded = load_model(model, n_gpu_layers)
    checked = steering.on(loaded)
    parameters: dict[str, Any] = dict(steering.parameters)
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    with (
        open_session_for_pairs(loaded, data, computing, raw=raw) as session,
        progress_bar(f"evaluating on {pairs.name}", "items") as report,
    ):
        result = evaluate_vector(
            loaded,
            steering.vector,
            data,
            coefficients=at,
            operation=steering.operation,
            window=steering.window,
            layers=checked.layers,
            variant=propensity.value,
            raw=raw,
            seed=seed,
            session=session,
            progress=report,
            **parameters,
        )
    if as_json:
        print_json(_facts(result, file_hash(vector)))
    else:
        _print_result(result, f"{vector} on {len(data)} items of {pairs}, propensity {result.variant} in nats")


def _facts(result: Evaluation, vector_hash: str) -> dict[str, Any]:
    slope, share = result.steerability, result.anti_steerable
    return {
        "steerability": slope.value,
        "low": slope.low,
        "high": slope.high,
        "unit": slope.unit,
        "n": slope.n,
        "anti_steerable": share.value,
        "anti_steerable_low": share.low,
        "anti_steerable_high": share.high,
        "per_example": slope.per_example.tolist(),
        "coefficients": result.coefficients.tolist(),
        "propensity": result.variant,
        "propensities": result.propensities.tolist(),
        "failures": slope.failures,
        "seed": slope.seed,
        "model_hash": slope.model_hash,
        "data_hash": slope.data_hash,
        "vector_hash": vector_hash,
    }


def _print_result(result: Evaluation, title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, signed, stdout
    from pysteer.cli.histogram import histogram

    console = stdout()
    slope, share = result.steerability, result.anti_steerable
    console.print(Text(title, "bold"), soft_wrap=True)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("coefficient", justify="right")
    table.add_column("mean propensity", justify="right")
    table.add_column("prefer the wanted answer", justify="right")
    for coefficient, column in zip(result.coefficients, result.propensities.T, strict=True):
        table.add_row(signed(coefficient), f"{column.mean():+.3f}", f"{(column > 0).mean():.0%}")
    print_table(table)
    summary = Table.grid(padding=(0, 2))
    summary.add_column(style="bold")
    summary.add_column()
    summary.add_row(
        "steerability", Text(f"{slope.value:.4g}   [{slope.low:.4g}, {slope.high:.4g}] nats per unit of coefficient")
    )
    summary.add_row("anti-steerable", Text(f"{share.value:.0%}   [{share.low:.0%}, {share.high:.0%}] of the items"))
    print_table(summary)
    console.print()
    console.print(Text("items by slope", "bold"))
    for line, is_anti_steerable in histogram(slope.per_example, width=40):
        console.print(Text(line, "red" if is_anti_steerable else "green"))
