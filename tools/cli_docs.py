"""Write docs/cli.md from the commands themselves: ``python tools/cli_docs.py``. A test fails when the file is stale.

Not the rendered ``--help``: its look changes with the terminal and with the versions of typer and rich.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pysteer.cli.app import EXAMPLES, command
from pysteer.cli.dictionary_command import DICTIONARY_EXAMPLES

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "cli.md"


def render() -> str:
    """Return the whole document."""
    group = command()
    parts = [
        "# Command line",
        "Written by `tools/cli_docs.py` from what `--help` shows; do not edit.",
        _paragraphs(group.help),
        "Exit codes: 0; 1 after an error, which is one sentence on stderr; 2 when the command line is not understood; "
        "130 after Ctrl-C. Results go to stdout, everything else to stderr. `--debug`, for all commands, shows the "
        "traceback of an error.",
    ]
    for name, one in group.commands.items():
        parts += (
            _section(name, one, EXAMPLES[name]) if name in EXAMPLES else [f"## pysteer {name}", _paragraphs(one.help)]
        )
        for part, command_of_group in getattr(one, "commands", {}).items():
            parts += _section(f"{name} {part}", command_of_group, DICTIONARY_EXAMPLES[part])
    return "\n\n".join(parts) + "\n"


def _section(name: str, one: Any, example: str) -> list[str]:
    return [f"## pysteer {name}", _paragraphs(one.help), f"```\n{example}\n```", _table(one)]


def _paragraphs(text: str) -> str:
    """Return a help text with each paragraph on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _table(one: Any) -> str:
    """Return arguments and options of a command as a Markdown table."""
    rows = ["| | default | |", "|---|---|---|"]
    for parameter in one.params:
        if parameter.name == "help":
            continue
        names = ", ".join(f"`{name}`" for name in parameter.opts) if _is_option(parameter) else f"`{parameter.metavar}`"
        if _is_option(parameter) and parameter.metavar:
            names += f" {parameter.metavar}"
        rows.append(f"| {names} | {_default(parameter)} | {parameter.help} |".replace("|  |", "| |"))
    return "\n".join(rows)


def _is_option(parameter: Any) -> bool:
    return bool(parameter.opts[0].startswith("-"))


def _default(parameter: Any) -> str:
    """Return the default as ``--help`` shows it."""
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return str(parameter.show_default)
    value = getattr(parameter.default, "value", parameter.default)
    return "" if value is None or value is False or parameter.show_default is False else f"`{value}`"


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
