"""Where output goes: results to stdout, everything else (notes, warnings, progress) to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from rich.table import Table

    from pysteer.progress import Progress

_UNWRAPPED = 10_000
"""Columns that no line of ours reaches."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the caller see it: rich would end the process with exit code 1."""
        raise


def stdout() -> Console:
    """Return a console for results."""
    return _Console(highlight=False, emoji=False)


def stderr() -> Console:
    """Return a console for everything that is no result."""
    return _Console(stderr=True, highlight=False, emoji=False)


def show_error(message: str, *, label: str = "error: ") -> None:
    """Print one line, never wrapped, so that it can be searched and copied."""
    stderr().print(Text.assemble((label, "bold red"), message), soft_wrap=True)


def show_warning(message: str) -> None:
    """Print one yellow line on stderr."""
    stderr().print(Text(f"warning: {message}", "yellow"), soft_wrap=True)


def show_note(message: str) -> None:
    """Print one dim line on stderr."""
    stderr().print(Text(message, "dim"), soft_wrap=True)


def print_json(document: dict[str, Any] | list[Any]) -> None:
    """Print one JSON document on stdout: numbers in full precision, NaN and infinity as null."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    text = json.dumps(_without_nan(document), indent=2, ensure_ascii=not is_unicode, allow_nan=False)
    sys.stdout.write(text + "\n")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(table: Table) -> None:
    """Print a table on stdout; into a file or pipe without line breaks in its cells, and never with trailing blanks."""
    console = stdout()
    if not console.is_terminal:
        console.width = _UNWRAPPED
    with console.capture() as capture:
        console.print(table)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def signed(number: float) -> str:
    """Return a strength as it is shown: "-2", "0", "+1.5"."""
    return f"{number:+g}" if number else "0"


@contextmanager
def progress_bar(label: str, unit: str) -> Iterator[Progress]:
    """Yield a `pysteer.progress.Progress` that draws a bar with time left on stderr; silent without a terminal.

    Parameters
    ----------
    label : str
        What is being done.
    unit : str
        What is counted, in the plural.
    """
    from pysteer.progress import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn())
    with Bar(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(label, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report
