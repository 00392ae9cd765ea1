"""``pysteer card``: does a vector work on a model, on which inputs does it backfire, and what does it cost?"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    FormatOption,
    GpuLayersOption,
    LayerShiftOption,
    LayersOption,
    ModelArgument,
    OperationOption,
    Propensity,
    RawOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from pysteer.card.vector_card import VectorCard


class PresetName(str, Enum):
    """How much is measured."""

    quick = "quick"
    standard = "standard"


_DATA, _OUTPUT = "What is measured on", "Output"


def card(
    vector: Annotated[Path, typer.Argument(metavar="VECTOR", help="Vector file.")],
    model: ModelArgument,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="PAIRS",
            help="Held-out contrast pairs, in any of the formats of 'pysteer list formats'.",
            show_default="for a vector of the library, its held-out pairs",
            rich_help_panel=_DATA,
        ),
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(
            "--train",
            metavar="PAIRS",
            help="What the vector was extracted from: items that share a text with it are left out.",
            show_default="for a vector of the library, its pairs",
            rich_help_panel=_DATA,
        ),
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE",
            help="What perplexity is measured on: .txt is one text, .json and .jsonl are documents.",
            show_default="neutral passages that come with pysteer",
            rich_help_panel=_DATA,
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            metavar="FILE",
            help="Questions with choices that accuracy is measured on; see 'pysteer list formats'.",
            show_default="everyday questions that come with pysteer",
            rich_help_panel=_DATA,
        ),
    ] = None,
    question_form: Annotated[
        str,
        typer.Option(
            "--question-form",
            metavar="NAME",
            help="How questions are put: letter, bracket or tags.",
            rich_help_panel=_DATA,
        ),
    ] = "letter",
    personas: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--personas",
            metavar="POSITIVE NEGATIVE",
            help="Two sentences such as 'You are bold.' 'You are cautious.': the other prompts then have them in the "
            "system message, and before the user's prompt.",
            show_default="two sentences that say nothing about the behaviour",
            rich_help_panel=_DATA,
        ),
    ] = None,
    preset: Annotated[
        PresetName, typer.Option("--preset", metavar="NAME", help="quick (a minute or two) or standard.")
    ] = PresetName.quick,
    max_perplexity_ratio: Annotated[
        float,
        typer.Option("--guard", metavar="X", help="Perplexity over unsteered that a recommended strength keeps to."),
    ] = 1.2,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of items drawn, random directions, bootstrap.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Page to write, such as card.html.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="The whole card.", rich_help_panel=_OUTPUT, show_default=False),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            "--figures",
            metavar="FOLDER",
            help="Each figure as .svg and .png, for a paper.",
            rich_help_panel=_OUTPUT,
            show_default=False,
        ),
    ] = None,
    write_into_vector: Annotated[
        bool,
        typer.Option("--write-into-vector", help="Put the short form into VECTOR's file.", rich_help_panel=_OUTPUT),
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="FILE",
            help="Run store that keeps what was measured.",
            rich_help_panel=_OUTPUT,
            show_default="one beside the output, removed when the card is done",
        ),
    ] = None,
    propensity: Annotated[
        Propensity, typer.Option("--propensity", metavar="HOW", help="letter, full_response or auto.")
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
    format: FormatOption = None,
    raw: RawOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Measure a vector on a model with a standard battery, and write the result as a card.

    The battery: steerability of held-out items against random directions of the same norm, how much of it is the letter
    or the Yes of the answer, other prompts, perplexity, KL and accuracy over strength, and the strengths that pass a
    guard. Interrupted with Ctrl-C, the same command goes on where it stopped.
    """
    from pysteer.card import Guard, card_page, measure_card, write_short_card
    from pysteer.card.presets import preset_named
    from pysteer.cli.card_inputs import cost_data, items_of, settings_of
    from pysteer.cli.console import progress_bar, show_note
    from pysteer.cli.loading import check_output, load_model
    from pysteer.cli.steering import read_steering
    from pysteer.vector_notes import read_notes

    inputs: list[str | Path] = [model, vector, *(path for path in (data, train, text, questions) if path is not None)]
    for path in (output, json_file):
        if path is not None:
            check_output(path, inputs)
    if write_into_vector:
        read_notes(vector)  # a file that cannot hold notes is refused now, not after the measurements
    steering = read_steering([vector], [1.0], layers, operation, [window], layer_shift)[0]
    guard = Guard(max_perplexity_ratio)
    items, known = items_of(steering.vector, data, train, format)
    passages, asked = cost_data(model, text, questions)
    loaded = load_model(model, n_gpu_layers)
    checked = steering.on(loaded)
    kept = store or _store_beside(output or json_file)
    try:
        with progress_bar(f"measuring {vector.name}", "items") as report:
            result = measure_card(
                loaded,
                steering.vector,
                items,
                text=passages,
                questions=asked,
                preset=preset_named(preset.value),
                name=vector.name,
                seed=seed,
                settings=settings_of(personas),
                train=known,
                guard=guard,
                operation=steering.operation,
                parameters=steering.parameters,
                window=steering.window,
                layers=checked.layers,
                variant=propensity.value,
                question_form=question_form,
                raw=raw,
                command=shlex.join(["pysteer", *sys.argv[1:]]),
                store=kept,
                n_threads=threads,
                progress=report,
                on_estimate=lambda estimate: show_note(str(estimate)),
            )
    except KeyboardInterrupt:
        if kept is not None:
            show_note(f"what was measured is kept in {kept}; the same command goes on from there")
        raise
    if json_file is not None:
        _write(json_file, result.to_json())
    if output is not None:
        card_page(result).write(output)
    if figures is not None:
        _write_figures(result, figures)
    if write_into_vector:
        write_short_card(vector, result)
    if store is None and kept is not None:
        for ending in ("", "-wal", "-shm"):
            kept.with_name(kept.name + ending).unlink(missing_ok=True)
    _print_result(result, [path for path in (output, json_file, figures) if path is not None])


def _store_beside(output: Path | None) -> Path | None:
    return None if output is None else output.with_name(f".{output.name}.cells.sqlite")


def _write(path: Path, text: str) -> None:
    from pysteer.cli.loading import OutputError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def _write_figures(card: VectorCard, folder: Path) -> None:
    from pysteer.card import card_figures
    from pysteer.cli.loading import OutputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror or error}") from error
    for name in ("violins", "curves", "trade_off", "position_bars", "shifts", "layer_map"):
        drawing: Any = getattr(card_figures, name)(card)
        if drawing is not None:
            drawing.save(folder / name)


def _print_result(card: VectorCard, written: Sequence[Path]) -> None:
    from rich.text import Text

    from pysteer.cli.console import stdout

    console = stdout()
    colours = {"good": "green", "bad": "red", "open": "yellow", "neutral": "dim"}
    console.print(Text(f"{card.vector.name} on {card.model.name}", "bold"), soft_wrap=True)
    for found in card.findings:
        answer = Text.assemble((f"{found.question} ", "bold"), (found.outcome, colours[found.tone]), f". {found.text}")
        console.print(answer, soft_wrap=True)
    for path in written:
        console.print(Text(f"written: {path}", "dim"), soft_wrap=True)
