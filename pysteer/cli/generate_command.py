"""``pysteer generate``: an answer, steered; or several strengths side by side."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.condition_options import (
    ConditionLayersOption,
    ConditionsOption,
    ConditionThresholdsOption,
    ConditionWordsOption,
)
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
    MaxTokensOption,
    MinPOption,
    ModelArgument,
    OperationOption,
    RawOption,
    RepetitionPenaltyOption,
    SeedOption,
    StopOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
    TopKOption,
    TopPOption,
    VectorsOption,
    WindowOption,
)

if TYPE_CHECKING:
    from pysteer.cli.steering import Steering
    from pysteer.generation import Generation


def generate(
    model: ModelArgument,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What the user says; with --raw, the text to continue.")
    ],
    vector: VectorsOption = None,
    coefficient: CoefficientsOption = None,
    coefficients: Annotated[
        str | None,
        typer.Option(
            "--coefficients",
            metavar="LIST",
            help="Several strengths of one --vector, side by side: --coefficients=-2,0,2.",
            show_default=False,
            rich_help_panel="Steering",
        ),
    ] = None,
    layers: LayersOption = None,
    operation: OperationOption = None,
    window: WindowOption = None,
    layer_shift: LayerShiftOption = None,
    condition: ConditionsOption = None,
    condition_threshold: ConditionThresholdsOption = None,
    condition_layer: ConditionLayersOption = None,
    condition_how: ConditionWordsOption = None,
    max_tokens: MaxTokensOption = 128,
    temperature: TemperatureOption = 0.0,
    top_k: TopKOption = 40,
    top_p: TopPOption = 0.95,
    min_p: MinPOption = 0.05,
    repetition_penalty: RepetitionPenaltyOption = 1.0,
    seed: SeedOption = 0,
    stop: StopOption = None,
    system: SystemOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Generate an answer, with or without steering. The text is printed as it comes."""
    from pysteer.cli.conditions import read_conditions
    from pysteer.cli.console import print_json
    from pysteer.cli.loading import load_model, open_session
    from pysteer.cli.steering import parse_coefficients, read_steering
    from pysteer.cli.streaming import Stream
    from pysteer.generation import Request
    from pysteer.sampling import Sampling

    if raw and system is not None:
        raise typer.BadParameter("a system message needs the chat template; leave --raw out", param_hint="--system")
    if coefficients is not None and (len(vector or ()) != 1 or coefficient):
        raise typer.BadParameter("needs one --vector, and no --coefficient", param_hint="--coefficients")
    strengths = None if coefficients is None else parse_coefficients(coefficients)
    given = strengths[:1] if strengths is not None else coefficient
    rules = read_conditions(condition, condition_threshold, condition_layer, condition_how)
    steering = read_steering(vector, given, layers, operation, window, layer_shift, rules)
    runs = [steering] if strengths is None else [[replace(steering[0], coefficient=c)] for c in strengths]
    loaded = load_model(model, n_gpu_layers)
    text = prompt if raw else loaded.chat(_messages(prompt, system))
    n_prompt = len(loaded.tokenize(text))
    room = min(loaded.n_ctx_train, n_prompt + max_tokens)
    requests = [
        Request(
            text,
            interventions=[item.on(loaded) for item in run],
            sampling=Sampling(temperature, top_k, top_p, min_p, repetition_penalty, seed=seed),
            stop=tuple(stop or ()),
            # Side by side, the memory is shared, so that it does not keep one answer from leaving the trained context.
            max_tokens=max_tokens if strengths is None else max(1, room - n_prompt),
            raw=True,
        )
        for run in runs
    ]
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    stream = Stream(is_answer=not raw) if strengths is None and not as_json else None
    with open_session(loaded, computing, n_ctx=room * len(requests), n_sequences=len(requests)) as session:
        answers = session.generate_many(
            requests, on_text=None if stream is None else lambda _, piece: stream.take(piece)
        )
    if as_json:
        found = [_facts(answer, run) for answer, run in zip(answers, runs, strict=True)]
        common = {"model_hash": loaded.hash, "prompt": prompt, "temperature": temperature, "seed": seed}
        print_json({**common, **found[0]} if strengths is None else {**common, "generations": found})
    elif stream is not None:
        stream.end()
    elif strengths is not None:
        _print_side_by_side(strengths, answers)
    _report_ends(answers)


def _messages(prompt: str, system: str | None) -> list[dict[str, str]]:
    said = [{"role": "user", "content": prompt}]
    return said if system is None else [{"role": "system", "content": system}, *said]


def _facts(answer: Generation, run: Sequence[Steering]) -> dict[str, Any]:
    return {
        "text": answer.text,
        "stop_reason": answer.stop_reason,
        "n_prompt": answer.n_prompt,
        "n_tokens": len(answer.tokens),
        "tokens": list(answer.tokens),
        "steering": [
            {
                "vector": str(item.path),
                "coefficient": item.coefficient,
                "operation": item.operation,
                "parameters": item.parameters,
                "layers": item.layers,
                "window": str(item.window),
                **({} if item.condition is None else {"condition": item.condition.facts()}),
            }
            for item in run
        ],
    }


def _print_side_by_side(strengths: Sequence[float], answers: Sequence[Generation]) -> None:
    """Print one column for each strength, or one below the other for files and where columns would be narrow."""
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import signed, stdout

    console = stdout()
    texts = [Text(answer.text.strip()) for answer in answers]
    if not console.is_terminal or console.width // len(strengths) < 20:
        for strength, text in zip(strengths, texts, strict=True):
            console.print(Text(signed(strength), "bold"))
            console.print(text, soft_wrap=not console.is_terminal)
            console.print()
        return
    table = Table(box=None, padding=(0, 1), pad_edge=False, expand=True)
    for strength in strengths:
        table.add_column(signed(strength), ratio=1)
    table.add_row(*texts)
    console.print(table)


def _report_ends(answers: Sequence[Generation]) -> None:
    """Say so when an answer is not whole. After Ctrl-C, leave as after any other interruption."""
    from pysteer.cli.console import show_note

    reasons = {answer.stop_reason for answer in answers}
    if "interrupted" in reasons:
        raise KeyboardInterrupt
    if "context" in reasons:
        show_note("ended because the context is full (--n-ctx)")
    elif "length" in reasons and sys.stderr.isatty():
        show_note("ended after --max-tokens")
