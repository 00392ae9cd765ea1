"""``pysteer list``: what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import JsonOption

if TYPE_CHECKING:
    from pysteer.registry import Registry

KINDS = (
    "operations",
    "methods",
    "metrics",
    "measurements",
    "token-rules",
    "components",
    "behaviours",
    "formats",
    "vector-formats",
    "dictionary-formats",
    "function-vectors",
    "icv-variants",
    "settings",
    "conditions",
    "studies",
)


def list_kind(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"One of {', '.join(KINDS)}.")],
    as_json: JsonOption = False,
) -> None:
    """List operations, methods, metrics, token rules, components, behaviours, formats, studies, settings and more."""
    from pysteer.cli.console import print_json

    entries = _entries(_parse_kind(kind))
    if as_json:
        print_json(entries)
    else:
        _print_entries(entries)


def _parse_kind(text: str) -> str:
    from pysteer.registry import did_you_mean

    wanted = text.lower().replace("_", "-").replace("behavior", "behaviour")
    plural = wanted if wanted in KINDS else {"study": "studies"}.get(wanted, f"{wanted}s")
    if plural not in KINDS:
        raise typer.BadParameter(
            f"unknown kind {text!r}{did_you_mean(wanted, KINDS)} Available: {', '.join(KINDS)}", param_hint="KIND"
        )
    return plural


def _entries(kind: str) -> list[dict[str, Any]]:
    """Return name, summary and facts of everything of that kind."""
    if kind == "operations":
        from pysteer.operations import operations

        return [
            {**entry, "parameters": _parameters(operations.get(entry["name"]))} for entry in _registered(operations)
        ]
    if kind == "methods":
        from pysteer.extractors import extractors

        return _registered(extractors)
    if kind == "metrics":
        from pysteer.metrics import metrics

        return _registered(metrics)
    if kind == "measurements":
        from pysteer.measurements import describe_measurements

        return describe_measurements()
    if kind == "token-rules":
        from pysteer.token_rules import RULES

        return _described(RULES)
    if kind == "components":
        from pysteer.site import COMPONENTS

        return _described(COMPONENTS)
    if kind == "formats":
        from pysteer.formats import formats

        return _registered(formats)
    if kind == "vector-formats":
        from pysteer.vector_formats import vector_formats

        return _registered(vector_formats)
    if kind == "dictionary-formats":
        from pysteer.dictionary_formats import dictionary_formats

        return _registered(dictionary_formats)
    if kind == "studies":
        from pysteer.studies import studies

        return _registered(studies)
    if kind == "function-vectors":
        from pysteer.function_vectors import KINDS as FUNCTION_VECTORS

        return _described(FUNCTION_VECTORS)
    if kind == "icv-variants":
        from pysteer.in_context_vectors import variants

        return _registered(variants)
    if kind == "settings":
        from pysteer.prompt_settings import SUMMARIES

        return _described(SUMMARIES)
    if kind == "conditions":
        from pysteer.condition import COMPARISONS, MEASURES, REDUCTIONS, SCOPES

        return _described({**MEASURES, **COMPARISONS, **SCOPES, **REDUCTIONS})
    return _behaviours()


def _registered(registry: Registry[Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "summary": registry.summary(name).replace("``", ""),
            **{fact: value for fact, value in registry.facts(name).items() if not callable(value)},
        }
        for name in registry
    ]


def _described(names: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "summary": summary} for name, summary in names.items()]


def _parameters(operation: Any) -> list[str]:
    """Return the keyword-only parameters that an operation takes beside direction and coefficient."""
    import inspect

    return [p.name for p in inspect.signature(operation).parameters.values() if p.kind is p.KEYWORD_ONLY]


def library_folder() -> Path | None:
    """Return the folder ``vectors`` of the source checkout that this package, or the current folder, lies in."""
    candidates = (Path(__file__).resolve().parents[2], *(folder for folder in (Path.cwd(), *Path.cwd().parents)))
    return next((folder / "vectors" for folder in candidates if (folder / "vectors" / "README.md").is_file()), None)


def _behaviours() -> list[dict[str, Any]]:
    from pysteer.errors import DataError

    folder = library_folder()
    if folder is None:
        raise DataError("the behaviour library is the folder 'vectors' of a source checkout; run this inside one")
    return [
        {"name": card.parent.name, "summary": _first_sentences(card), "folder": str(card.parent)}
        for card in sorted(folder.glob("*/README.md"))
    ]


def _first_sentences(card: Path) -> str:
    """Return what a card says about the positive and the negative side: the first two sentences below its title."""
    paragraph = card.read_text("utf-8").split("\n\n")[1]
    return ". ".join(" ".join(paragraph.replace("**", "").split()).split(". ")[:2]).removesuffix(".") + "."


def _print_entries(entries: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for entry in entries:
        summary = entry["summary"]
        if entry.get("parameters"):
            summary += f" Parameters: {', '.join(entry['parameters'])}."
        table.add_row(entry["name"], Text(summary))
    print_table(table)
