"""``pysteer chat``: talk with a model whose steering can be changed while talking."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

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
    KvType,
    KvTypeOption,
    LayerShiftOption,
    LayersOption,
    MaxTokensOption,
    MinPOption,
    ModelArgument,
    OperationOption,
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
    from pysteer.cli.conversation import Conversation


def chat(
    model: ModelArgument,
    vector: VectorsOption = None,
    coefficient: CoefficientsOption = None,
    layers: LayersOption = None,
    operation: OperationOption = None,
    window: WindowOption = None,
    layer_shift: LayerShiftOption = None,
    condition: ConditionsOption = None,
    condition_threshold: ConditionThresholdsOption = None,
    condition_layer: ConditionLayersOption = None,
    condition_how: ConditionWordsOption = None,
    max_tokens: MaxTokensOption = 512,
    temperature: TemperatureOption = 0.0,
    top_k: TopKOption = 40,
    top_p: TopPOption = 0.95,
    min_p: MinPOption = 0.05,
    repetition_penalty: RepetitionPenaltyOption = 1.0,
    seed: SeedOption = 0,
    stop: StopOption = None,
    system: SystemOption = None,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Chat with a model, steered or not. While chatting, /strength 1.5 and the like change the steering; see /help.

    Without --coefficient the chat begins at strength 1. Ctrl-C ends an answer, not the program.
    """
    from pysteer.cli.conditions import read_conditions
    from pysteer.cli.conversation import Conversation
    from pysteer.cli.loading import load_model, open_session
    from pysteer.cli.steering import read_steering
    from pysteer.sampling import Sampling

    strengths = coefficient or [1.0] * len(vector or ())
    rules = read_conditions(condition, condition_threshold, condition_layer, condition_how)
    steering = read_steering(vector, strengths, layers, operation, window, layer_shift, rules)
    loaded = load_model(model, n_gpu_layers)
    loaded.chat("Hi")  # raises, before anything is typed, when the model has no chat template
    room = min(loaded.n_ctx_train, 4096)
    with open_session(loaded, Computing(n_gpu_layers, n_ctx, threads, kv_type), n_ctx=room, n_sequences=1) as session:
        conversation = Conversation(
            session,
            steering,
            sampling=Sampling(temperature, top_k, top_p, min_p, repetition_penalty, seed=seed),
            max_tokens=max_tokens,
            stop=tuple(stop or ()),
            system=system,
        )
        _talk(conversation)


def _talk(conversation: Conversation) -> None:
    """Read lines until the user leaves."""
    from pysteer.cli.console import show_error, show_note
    from pysteer.cli.failures import sentence
    from pysteer.cli.slash_commands import run_command
    from pysteer.errors import PysteerError

    if sys.stdin.isatty():
        _edit_lines()
        show_note(f"{conversation.model.name}, {conversation.describe_steering()}. /help lists commands, /quit leaves.")
    while (line := _read_line()) is not None:
        try:
            if line.startswith("/"):
                if not run_command(conversation, line):
                    return
            elif line:
                _answer(conversation, line)
        except (PysteerError, OSError) as error:
            show_error(sentence(error))


def _edit_lines() -> None:
    """Let the arrow keys edit lines and bring back earlier ones, where Python has readline."""
    with suppress(ImportError):
        import readline  # noqa: F401 (importing it changes input())


def _read_line() -> str | None:
    """Return the next line, or None at the end of the input. Ctrl-C drops what was typed."""
    from pysteer.cli.console import show_note

    try:
        return input("\n> " if sys.stdin.isatty() else "").strip()
    except EOFError:
        if sys.stdin.isatty():
            sys.stdout.write("\n")
        return None
    except KeyboardInterrupt:
        sys.stdout.write("\n")
        show_note("/quit or Ctrl-D leaves")
        return ""


def _answer(conversation: Conversation, line: str) -> None:
    """Print the answer as it comes."""
    from pysteer.cli.console import show_note
    from pysteer.cli.streaming import Stream

    stream = Stream(is_answer=True)
    answer, n_forgotten = conversation.say(line, on_text=stream.take)
    stream.end()
    if n_forgotten:
        show_note(f"the context is full (--n-ctx): the {n_forgotten} oldest messages are forgotten")
    if answer.stop_reason == "interrupted":
        show_note("interrupted")
    elif answer.stop_reason in ("length", "context"):
        show_note(
            "ended after --max-tokens"
            if answer.stop_reason == "length"
            else "ended because the context is full (--n-ctx)"
        )
