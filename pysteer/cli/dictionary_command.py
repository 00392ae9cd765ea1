"""``pysteer dictionary``: the commands for sparse dictionaries (SAEs), each in a file of its own."""

from __future__ import annotations

from collections.abc import Callable

import typer

from pysteer.cli.dictionary_contrast import contrast, select
from pysteer.cli.dictionary_generate import generate
from pysteer.cli.dictionary_label import label
from pysteer.cli.dictionary_show import convert, inspect, vector
from pysteer.cli.dictionary_train import train

DICTIONARY_EXAMPLES = {
    "train": "pysteer dictionary train model.gguf texts.jsonl --site resid_post.5 --features 2048 -o features.npz",
    "inspect": "pysteer dictionary inspect features.npz --search happy",
    "label": "pysteer dictionary label model.gguf features.npz texts.jsonl",
    "select": 'pysteer dictionary select model.gguf features.npz "be more formal" prompts.json -o formal.gguf',
    "contrast": "pysteer dictionary contrast model.gguf features.npz happy.json sad.json -o happy.gguf",
    "vector": "pysteer dictionary vector features.npz 12=4 7=-1.5 -o vector.gguf",
    "generate": 'pysteer dictionary generate model.gguf features.npz "Tell me about rain." --clamp 12=4 --ablate 7',
    "convert": "pysteer dictionary convert sae-folder --half -o features.npz",
}
_FUNCTIONS: dict[str, Callable[..., None]] = {
    "train": train,
    "inspect": inspect,
    "label": label,
    "select": select,
    "contrast": contrast,
    "vector": vector,
    "generate": generate,
    "convert": convert,
}


def make_dictionary_app() -> typer.Typer:
    """Return the commands as one group."""
    app = typer.Typer(
        no_args_is_help=True, rich_markup_mode="rich", help="Sparse dictionaries (SAEs) and their features."
    )
    for name, function in _FUNCTIONS.items():
        app.command(name, epilog=f"Example: {DICTIONARY_EXAMPLES[name]}")(function)
    return app
