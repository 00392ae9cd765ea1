"""``pysteer dictionary generate``: an answer while features are changed at every token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pysteer.cli.dictionary_options import DictionaryArgument, SiteOption
from pysteer.cli.options import (
    Computing,
    ContextOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    MaxTokensOption,
    ModelArgument,
    RawOption,
    SeedOption,
    StopOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from pysteer.dictionaries.feature_edits import FeatureEdit

_EDITS = "Features"


def generate(
    model: ModelArgument,
    dictionary: DictionaryArgument,
    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What the user says; with --raw, the text to continue.")
    ],
    add: Annotated[
        list[str] | None,
        typer.Option("--add", metavar="J=C", help="Add C of it.", show_default=False, rich_help_panel=_EDITS),
    ] = None,
    clamp: Annotated[
        list[str] | None,
        typer.Option("--clamp", metavar="J=C", help="Make it C.", show_default=False, rich_help_panel=_EDITS),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", metavar="J=W", help="Make it 1 + W times.", show_default=False, rich_help_panel=_EDITS),
    ] = None,
    ablate: Annotated[
        list[int] | None,
        typer.Option("--ablate", metavar="J", help="Make it 0.", show_default=False, rich_help_panel=_EDITS),
    ] = None,
    site: SiteOption = None,
    max_tokens: MaxTokensOption = 128,
    temperature: TemperatureOption = 0.0,
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
    """Generate an answer while features are added, clamped, scaled or ablated at every token, exactly."""
    from pysteer.cli.console import print_json
    from pysteer.cli.dictionary_options import read_dictionary
    from pysteer.cli.loading import load_model, open_session
    from pysteer.cli.streaming import Stream
    from pysteer.feature_steering import edit_features
    from pysteer.sampling import Sampling

    if raw and system is not None:
        raise typer.BadParameter("a system message needs the chat template; leave --raw out", param_hint="--system")
    edits = _edits(add, clamp, scale, ablate)
    found = read_dictionary(dictionary, site)
    loaded = load_model(model, n_gpu_layers)
    said = [{"role": "user", "content": prompt}]
    messages = said if system is None else [{"role": "system", "content": system}, *said]
    text = prompt if raw else loaded.chat(messages)
    room = min(loaded.n_ctx_train, len(loaded.tokenize(text)) + max_tokens)
    stream = None if as_json else Stream(is_answer=not raw)
    with (
        open_session(loaded, Computing(n_gpu_layers, n_ctx, threads, kv_type), n_ctx=room, n_sequences=1) as session,
        edit_features(session, found, edits),
    ):
        answer = session.generate(
            text,
            max_tokens=max_tokens,
            sampling=Sampling(temperature, seed=seed),
            stop=tuple(stop or ()),
            raw=True,
            on_text=None if stream is None else stream.take,
        )
    if stream is not None:
        stream.end()
        return
    print_json(
        {
            "model_hash": loaded.hash,
            "dictionary_hash": found.content_hash,
            "site": str(found.site),
            "edits": [{"feature": edit.feature, "action": edit.action, "value": edit.value} for edit in edits],
            "prompt": prompt,
            "temperature": temperature,
            "seed": seed,
            "text": answer.text,
            "stop_reason": answer.stop_reason,
            "tokens": list(answer.tokens),
        }
    )


def _edits(
    add: list[str] | None, clamp: list[str] | None, scale: list[str] | None, ablate: list[int] | None
) -> list[FeatureEdit]:
    from pysteer.cli.dictionary_options import parse_features
    from pysteer.dictionaries.feature_edits import FeatureEdit

    edits = [
        FeatureEdit(feature, action, value)
        for action, given in (("add", add), ("clamp", clamp), ("scale", scale))
        for feature, value in parse_features(given, f"--{action}").items()
    ]
    edits += [FeatureEdit(feature, "ablate") for feature in ablate or ()]
    if not edits:
        raise typer.BadParameter("expected at least one of --add, --clamp, --scale and --ablate", param_hint="--clamp")
    return edits
