"""The commands put together, and what all of them share: ``--debug``, ``--version``, errors, warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core

from pysteer.cli.card_command import card
from pysteer.cli.chat_command import chat
from pysteer.cli.condition_command import condition
from pysteer.cli.demo_command import demo
from pysteer.cli.dictionary_command import make_dictionary_app
from pysteer.cli.evaluate_command import evaluate
from pysteer.cli.extract_command import extract
from pysteer.cli.failures import failures_as_sentences
from pysteer.cli.function_vector_command import function_vector
from pysteer.cli.generate_command import generate
from pysteer.cli.icv_command import icv
from pysteer.cli.inspect_command import inspect
from pysteer.cli.list_command import list_kind
from pysteer.cli.perplexity_command import perplexity
from pysteer.cli.runs_command import runs
from pysteer.cli.study_command import study
from pysteer.cli.sweep_command import sweep

EXAMPLES = {
    "demo": "pysteer demo",
    "inspect": "pysteer inspect model.gguf",
    "extract": "pysteer extract model.gguf pairs.jsonl --method mean_difference --layers 8:20 -o joyful.gguf",
    "function-vector": "pysteer function-vector model.gguf antonym.json -o antonym.gguf --figure antonym.svg",
    "icv": "pysteer icv model.gguf polite.jsonl -o polite.gguf",
    "condition": "pysteer condition model.gguf prompts.jsonl -o harmful.gguf",
    "generate": 'pysteer generate model.gguf "Tell me about rain." --vector joyful.gguf --coefficients=-2,0,2',
    "chat": "pysteer chat model.gguf --vector joyful.gguf --coefficient 1.5",
    "perplexity": "pysteer perplexity model.gguf text.txt --vector joyful.gguf --coefficient 1.5",
    "evaluate": "pysteer evaluate model.gguf joyful.gguf test.jsonl --layers 12:16",
    "runs": "pysteer runs runs.sqlite",
    "card": "pysteer card joyful.gguf model.gguf --data test.jsonl -o card.html --write-into-vector",
    "sweep": "pysteer sweep model.gguf pairs.jsonl --layers 4:20 -o table.csv --figure sweep.png",
    "study": "pysteer study reliability --model model.gguf --preset quick --output results",
    "list": "pysteer list operations",
}
_FUNCTIONS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "inspect": inspect,
    "extract": extract,
    "function-vector": function_vector,
    "icv": icv,
    "condition": condition,
    "generate": generate,
    "chat": chat,
    "perplexity": perplexity,
    "evaluate": evaluate,
    "card": card,
    "runs": runs,
    "sweep": sweep,
    "study": study,
    "list": list_kind,
}


class Commands(typer.core.TyperGroup):
    """The group of commands, with one place where errors end."""

    def invoke(self, ctx: Any) -> Any:
        with failures_as_sentences(debug=bool(ctx.params.get("debug"))):
            return super().invoke(ctx)


def _show_version(wanted: bool) -> None:
    if wanted:
        import pysteer

        typer.echo(f"pysteer {pysteer.__version__}")
        raise typer.Exit


def _shared(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Activation steering for GGUF models: extract a vector, steer with it, and measure what it does and costs.

    MODEL is a GGUF file, or "demo" for the embedded model. Layers are counted from 0; "8:20" is half-open.
    """


def make_app() -> typer.Typer:
    """Return the application with all commands."""
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    )
    app.callback()(_shared)
    for name, function in _FUNCTIONS.items():
        app.command(name, epilog=f"Example: {EXAMPLES[name]}")(function)
    app.add_typer(make_dictionary_app(), name="dictionary")
    return app


def command() -> Any:
    """Return the application as a command with ``main(args=..., prog_name=...)``."""
    return typer.main.get_command(make_app())
