"""``pysteer evaluate``: vectors on held-out data, as a table whose cells are kept."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.evaluate_options import (
    CsvOption,
    DataOption,
    DryRunOption,
    LayerSetsOption,
    MetricsOption,
    OperationsOption,
    ParquetOption,
    PathsArgument,
    SettingsOption,
    StoreOption,
    TrainOption,
    WindowsOption,
    names_of,
    parse_metrics,
    split_paths,
)
from pysteer.cli.options import (
    ContextOption,
    FormatOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    LayerShiftOption,
    ModelArgument,
    Propensity,
    RawOption,
    SeedOption,
    ThreadsOption,
)
from pysteer.cli.setting_options import DefaultSystemOption, NegativePersonaOption, PositivePersonaOption

if TYPE_CHECKING:
    from pysteer.evaluation_estimate import Estimate
    from pysteer.model import Model
    from pysteer.vector import SteeringVector


def evaluate(
    model: ModelArgument,
    paths: PathsArgument,
    data: DataOption = None,
    train: TrainOption = None,
    metrics: MetricsOption = None,
    coefficients: Annotated[
        str,
        typer.Option("--coefficients", metavar="LIST", help="Strengths to measure at, at least two for steerability."),
    ] = "-1.5,-1,-0.5,0,0.5,1,1.5",
    propensity: Annotated[
        Propensity,
        typer.Option(
            "--propensity",
            metavar="HOW",
            help="letter compares the answers' letters, full_response whole answers; auto fits the data.",
        ),
    ] = Propensity.auto,
    layers: LayerSetsOption = None,
    operation: OperationsOption = None,
    window: WindowsOption = None,
    layer_shift: LayerShiftOption = None,
    setting: SettingsOption = None,
    positive_persona: PositivePersonaOption = None,
    negative_persona: NegativePersonaOption = None,
    default_system: DefaultSystemOption = None,
    store: StoreOption = None,
    csv: CsvOption = None,
    parquet: ParquetOption = None,
    dry_run: DryRunOption = False,
    seed: SeedOption = 0,
    format: FormatOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Measure what vectors do: by default, how far they move the preference for the wanted answer, pair by pair.

    Steerability is the mean slope of propensity over the coefficient; an item is anti-steerable when its propensity
    does not rise (arXiv:2407.12404). Use data that the vectors were not extracted from.

    Several vectors, layers, operations, windows, settings, data sets and measurements make a table of all their
    combinations. With --store a run that was interrupted goes on where it stopped, and a larger one computes only what
    is new. --seed is that of the intervals, and of measurements that sample.
    """
    from pysteer.cli.console import progress_bar, show_note
    from pysteer.cli.evaluate_output import evaluation_facts, print_evaluation
    from pysteer.cli.loading import check_output, load_model
    from pysteer.cli.setting_options import read_setting
    from pysteer.cli.steering import parse_coefficients
    from pysteer.errors import MeasurementError
    from pysteer.evaluation_data import load_data
    from pysteer.evaluation_grid import evaluate as evaluate_grid
    from pysteer.pair_files import load_pairs

    vector_files, data_files = split_paths(paths, data)
    at = parse_coefficients(coefficients)
    chosen = parse_metrics(metrics, propensity.value)
    if metrics is None and len(set(at)) < 2:
        raise MeasurementError(f"steerability is a slope: it needs at least two different coefficients, got {at}")
    for output in (csv, parquet, store):
        if output is not None:
            check_output(output, [*vector_files, *data_files])
    names = names_of(vector_files)
    named: list[str | None] = [*setting] if setting else [None]
    settings = [read_setting(name, positive_persona, negative_persona, default_system) for name in named]
    vectors = {name: _load(path, layer_shift) for name, path in zip(names, vector_files, strict=True)}
    data_sets = [load_data(path, format=format) for path in data_files]
    trained_on = [load_pairs(path) for path in train or ()]
    loaded = load_model(model, n_gpu_layers)
    for path, vector in zip(vector_files, vectors.values(), strict=True):
        _check(path, vector, loaded)

    def look(estimate: Estimate) -> None:
        if dry_run:
            _show_estimate(estimate, as_json)
            raise typer.Exit(0)
        show_note(str(estimate))

    try:
        with progress_bar("evaluating", "items x strengths") as report:
            table = evaluate_grid(
                loaded,
                vectors,
                data_sets,
                coefficients=at,
                layers=list(layers) if layers else None,
                operations=operation or "add",
                windows=window or "answer",
                settings=settings,
                metrics=chosen,
                train=trained_on,
                raw=raw,
                seed=seed,
                store=store,
                n_threads=threads,
                n_ctx=n_ctx,
                kv_type=kv_type.value,
                progress=report,
                on_estimate=look if dry_run or store is not None else None,
            )
    except KeyboardInterrupt:
        where = f"what was finished is in {store}; run the same command again to go on"
        show_note("nothing was kept; with --store FILE a run can go on" if store is None else where)
        raise
    if csv is not None:
        table.to_csv(csv)
    if parquet is not None:
        table.to_parquet(parquet)
    if as_json:
        from pysteer.cli.console import print_json

        print_json(evaluation_facts(table, at, vector_files[0] if len(vector_files) == 1 else None))
    else:
        print_evaluation(table, at, vector_files, data_files)


def _load(path: Path, layer_shift: int | None) -> SteeringVector:
    from pysteer.vector_file import load_vector

    return load_vector(path, layer_shift=layer_shift)


def _check(path: Path, vector: SteeringVector, model: Model) -> None:
    from pysteer.cli.steering import check_vector

    check_vector(path, vector, model)


def _show_estimate(estimate: Estimate, as_json: bool) -> None:
    from pysteer.cli.console import print_json

    if as_json:
        facts: dict[str, Any] = asdict(estimate)
        print_json(facts)
    else:
        typer.echo(str(estimate))
