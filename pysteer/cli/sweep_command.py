"""``pysteer sweep``: which layer, and which token, gives a vector that works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pysteer.cli.options import (
    Computing,
    ContextOption,
    FormatOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    ModelArgument,
    PairsArgument,
    Propensity,
    RawOption,
    ThreadsOption,
)
from pysteer.cli.setting_options import (
    DefaultSystemOption,
    NegativePersonaOption,
    PositivePersonaOption,
    SettingOption,
    TestSettingOption,
)

if TYPE_CHECKING:
    from pysteer.layer_sweep import LayerSweep


def sweep(
    model: ModelArgument,
    pairs: PairsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Table to write: .csv, or .json with everything.")
    ],
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Figure to write, as .svg and .png.", show_default=False),
    ] = None,
    layers: Annotated[
        str, typer.Option("--layers", metavar="LAYERS", help="8:20 (half-open), 3,5,8, 14 or all.")
    ] = "all",
    tokens: Annotated[
        list[str] | None,
        typer.Option(
            "--token",
            metavar="RULE",
            help="Where activations are read; may be given several times. See 'pysteer list token-rules'.",
            show_default="auto",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="See 'pysteer list methods'.")
    ] = "mean_difference",
    coefficients: Annotated[
        str, typer.Option("--coefficients", metavar="LIST", help="Strengths to measure at, at least two.")
    ] = "-1.5,-1,-0.5,0,0.5,1,1.5",
    train: Annotated[float, typer.Option("--train", metavar="SHARE", help="Share of the pairs for extraction.")] = 0.4,
    validation: Annotated[
        float, typer.Option("--validation", metavar="SHARE", help="Share for choosing; the rest is for testing.")
    ] = 0.2,
    propensity: Annotated[
        Propensity, typer.Option("--propensity", metavar="HOW", help="letter, full_response or auto.")
    ] = Propensity.auto,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the split, the bootstrap and controls.")] = 0,
    setting: SettingOption = None,
    test_setting: TestSettingOption = None,
    positive_persona: PositivePersonaOption = None,
    negative_persona: NegativePersonaOption = None,
    default_system: DefaultSystemOption = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Keep finished items here, and go on from them.", show_default=False
        ),
    ] = None,
    format: FormatOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Extract a vector at every layer, measure each on validation pairs, and the best one on test pairs.

    PAIRS is split into three parts that share no prompt or text. The layer with the highest mean steerability on the
    validation part is chosen; what counts is its steerability on the test part, which had no say in it.
    """
    from pysteer.cli.console import progress_bar
    from pysteer.cli.loading import check_output, load_model, open_session_for_pairs
    from pysteer.cli.setting_options import read_setting
    from pysteer.cli.steering import parse_coefficients
    from pysteer.errors import DataError
    from pysteer.layer_sweep import sweep_layers
    from pysteer.pair_files import load_pairs

    if not (train > 0.0 and validation > 0.0 and train + validation < 1.0):
        raise DataError(f"expected shares above 0 that leave something to test on, got {train} and {validation}")
    for path in (
        output,
        *(() if checkpoint is None else (checkpoint,)),
        *(() if figure is None else (figure.with_suffix(".svg"), figure.with_suffix(".png"))),
    ):
        check_output(path, [model, pairs])
    at = parse_coefficients(coefficients)
    around, around_test = (
        read_setting(name, positive_persona, negative_persona, default_system)
        for name in (setting, test_setting if test_setting is not None else setting)
    )
    data = load_pairs(pairs, format=format)
    seen, test = data.split(train + validation, seed=seed)
    training, checking = seen.split(train / (train + validation), seed=seed)
    loaded = load_model(model, n_gpu_layers)
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    with (
        open_session_for_pairs(loaded, data, computing, raw=raw, settings=(around, around_test)) as session,
        progress_bar(f"sweeping over {pairs.name}", "pairs") as report,
    ):
        result = sweep_layers(
            loaded,
            training,
            checking,
            test,
            layers=layers,
            tokens=tokens or ["auto"],
            method=method,
            coefficients=at,
            variant=propensity.value,
            raw=raw,
            setting=around,
            test_setting=around_test,
            seed=seed,
            checkpoint=checkpoint,
            session=session,
            progress=report,
        )
    _write(output, result.to_json() + "\n" if output.suffix.lower() == ".json" else result.to_csv())
    if figure is not None:
        from pysteer.sweep_figure import draw_sweep

        draw_sweep(result, figure, title=data.name)
    if as_json:
        typer.echo(result.to_json())
    else:
        _print_result(
            result, f"{pairs}: {len(training)} pairs to extract, {len(checking)} to choose, {len(test)} to test"
        )


def _write(path: Path, text: str) -> None:
    from pysteer.cli.loading import OutputError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _print_result(result: LayerSweep, title: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    console = stdout()
    console.print(Text(title, "bold"), soft_wrap=True)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for name in ("layer", "token", "norm", "steerability", "95 % interval", "anti-steerable"):
        table.add_column(name, justify="left" if name == "token" else "right")
    for row in result.rows:
        interval = f"[{row.low:.4g}, {row.high:.4g}]"
        values = (str(row.layer), row.token, f"{row.norm:.4g}", f"{row.steerability:.4g}", interval)
        table.add_row(*values, f"{row.anti_steerable:.0%}", style="bold" if row is result.best else None)
    print_table(table)
    slope, share = result.test.steerability, result.test.anti_steerable
    console.print(
        Text(
            f"chosen: layer {result.best.layer}, token {result.best.token}. On {slope.n} test items: steerability "
            f"{slope.value:.4g} [{slope.low:.4g}, {slope.high:.4g}] nats per unit of coefficient, "
            f"anti-steerable {share.value:.0%}"
        ),
        soft_wrap=True,
    )
