"""``pysteer condition``: prompts of two kinds in, a direction and a threshold that tell them apart out."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

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
    RawOption,
    SeedOption,
    ThreadsOption,
)


def condition(
    model: ModelArgument,
    prompts: Annotated[
        Path,
        typer.Argument(
            metavar="PROMPTS",
            help="Pairs of prompts: 'positive' should meet the condition, 'negative' should not. See 'pysteer list "
            "formats'.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Condition file to write.")],
    layers: Annotated[
        str, typer.Option("--layers", metavar="LAYERS", help="Layers to try: 8:20 (half-open), 3,5,8, 14 or all.")
    ] = "all",
    how: Annotated[
        str, typer.Option("--how", metavar="WORDS", help="cosine or projection; mean, max, min or last.")
    ] = "cosine,mean",
    window: Annotated[
        str, typer.Option("--window", metavar="WINDOW", help="Which tokens of the prompt; 1:end leaves out BOS.")
    ] = "prompt",
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="What the threshold is chosen by: youden or f1.")
    ] = "youden",
    train: Annotated[
        float,
        typer.Option("--train", metavar="SHARE", help="Share of the pairs to choose on; the rest is for testing."),
    ] = 0.5,
    seed: SeedOption = 0,
    format: FormatOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Find a direction, a layer and a threshold that tell two kinds of prompts apart, for --condition.

    The direction is the mean difference of the prompts' mean rows; every layer and threshold is tried on one part of
    the prompts, and the best is tested on the other. --seed is that of the split.
    """
    from pysteer.cli.conditions import parse_words, settings
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import check_output, load_model
    from pysteer.condition_fit import condition_score, condition_vector, fit_condition
    from pysteer.errors import DataError
    from pysteer.file_hash import file_hash
    from pysteer.pair_files import load_pairs
    from pysteer.session import session_for_texts
    from pysteer.vector import SteeringVector
    from pysteer.vector_file import save_vector
    from pysteer.window import Window

    words = parse_words(how)
    if not set(words) <= {"measure", "reduce"}:
        raise typer.BadParameter("scope and comparison are not chosen here", param_hint="--how")
    chosen_window = Window.parse(window)
    check_output(output, [model, prompts])
    data = load_pairs(prompts, format=format)
    if any(pair.prompt for pair in data):
        raise DataError(f"{prompts}: expected pairs of prompts, got pairs of answers to a prompt")
    choosing, testing = data.split(train, seed=seed)
    loaded = load_model(model, n_gpu_layers)
    sides = [([pair.positive for pair in part], [pair.negative for pair in part]) for part in (choosing, testing)]
    texts = [text if raw else loaded.chat(text) for side in sides for kind in side for text in kind]
    longest = max(len(loaded.tokenize(text)) for text in texts)
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    with session_for_texts(
        loaded, longest, n_ctx=computing.n_ctx, n_threads=computing.threads, kv_type=computing.kv_type.value
    ) as session:
        with progress_bar(f"reading {prompts.name}", "prompts") as report:
            vector = condition_vector(
                loaded,
                *sides[0],
                layers=layers,
                window="last" if words.get("reduce") == "last" else chosen_window,
                raw=raw,
                data_name=choosing.name,
                data_hash=choosing.content_hash,
                session=session,
                progress=report,
            )
        fitted = fit_condition(
            loaded, vector, *sides[0], window=chosen_window, by=by, raw=raw, session=session, **words
        )
        tested = condition_score(loaded, fitted.condition, *sides[1], raw=raw, session=session)
    kept = settings(fitted.condition)
    found = fitted.condition.vector
    said = replace(found.provenance, extra={**found.provenance.extra, "condition": kept})
    save_vector(SteeringVector(found.directions, said), output, for_llama_cpp=False)
    facts: dict[str, Any] = {
        "output": str(output),
        "sha256": file_hash(output),
        "site": str(fitted.condition.site),
        **kept,
        "train": asdict(fitted.score),
        "test": asdict(tested),
        "by_layer": {str(layer): asdict(score) for layer, score in fitted.by_layer.items()},
        "seed": seed,
        "model_hash": loaded.hash,
        "data_hash": data.content_hash,
    }
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    console = stdout()
    what = f"{facts['reduce']} {facts['measure']} over the prompt at {facts['site']}"
    console.print(Text(f"met where the {what} is {facts['comparison']} {facts['threshold']:.4g}"), soft_wrap=True)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("prompts")
    for name in ("n", "accuracy", "sensitivity", "specificity", "F1"):
        table.add_column(name, justify="right")
    for part, label in (("train", "chosen on"), ("test", "tested on")):
        score = facts[part]
        shares = (score[name] for name in ("accuracy", "sensitivity", "specificity", "f1"))
        table.add_row(label, str(score["n_met"] + score["n_unmet"]), *(f"{share:.1%}" for share in shares))
    print_table(table)
    console.print(Text(f"wrote {facts['output']}"), soft_wrap=True)
