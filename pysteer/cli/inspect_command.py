"""``pysteer inspect``: what is in a model file, or in a vector file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import GpuLayersOption, JsonOption

if TYPE_CHECKING:
    from pysteer.model import Model


def inspect(
    model: Annotated[
        str, typer.Argument(metavar="FILE", help="GGUF file of a model or a vector, or 'demo' for the embedded model.")
    ],
    n_gpu_layers: GpuLayersOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what a model is: sizes, chat template, sites that can be read and steered, SHA-256.

    Of a vector file: its directions, where they come from, and the short form of its card.
    """
    from pysteer.cli.console import print_json
    from pysteer.cli.loading import load_model
    from pysteer.cli.vector_facts import describe_vector, is_vector_file, print_vector

    if is_vector_file(Path(model)):
        found = describe_vector(Path(model))
        if as_json:
            print_json(found)
        else:
            print_vector(found)
        return

    facts = describe(load_model(model, n_gpu_layers))
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def describe(model: Model) -> dict[str, Any]:
    """Return the facts as JSON can hold them."""
    with model.session(n_ctx=32, n_sequences=1) as session:
        sites = session.native.available_sites()
    return {
        "name": model.name,
        "path": str(model.path),
        "architecture": model.architecture,
        "quantisation": model.quantisation,
        "n_parameters": model.n_parameters,
        "n_layers": model.n_layers,
        "d_model": model.d_model,
        "n_heads": model.n_heads,
        "n_heads_kv": model.n_heads_kv,
        "n_vocab": model.n_vocab,
        "n_ctx_train": model.n_ctx_train,
        "has_chat_template": model.has_chat_template,
        "chat_example": model.chat("Hi") if model.has_chat_template else None,
        "sites": sites,
        "file_size": model.path.stat().st_size,
        "sha256": model.hash,
    }


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table

    heads = f"{facts['n_heads']}"
    if facts["n_heads_kv"] != facts["n_heads"]:
        heads += f", {facts['n_heads_kv']} for keys and values"
    template = "no: use --raw"
    if facts["has_chat_template"]:
        template = f'yes; "Hi" becomes {facts["chat_example"]!r}'
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in (
        ("name", facts["name"]),
        ("file", facts["path"]),
        ("file size", _bytes(facts["file_size"])),
        ("SHA-256", facts["sha256"]),
        ("architecture", facts["architecture"]),
        ("quantisation", facts["quantisation"]),
        ("parameters", _count(facts["n_parameters"])),
        ("blocks", f"{facts['n_layers']}, layers 0 to {facts['n_layers'] - 1}"),
        ("d_model", str(facts["d_model"])),
        ("heads", heads),
        ("vocabulary", f"{facts['n_vocab']} tokens"),
        ("training context", f"{facts['n_ctx_train']} tokens"),
        ("chat template", template),
        ("sites", "\n".join(facts["sites"])),
    ):
        table.add_row(name, Text(value))
    print_table(table)


def _count(number: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return str(number)


def _bytes(number: int) -> str:
    return f"{_count(number)}B ({number} bytes)" if number >= 1000 else f"{number} bytes"
