"""The command line. `main` is the console script ``pysteer``.

One file per command; `options` holds what commands share. Modules that load a model or numpy are imported inside the
functions that need them, so that ``pysteer --help`` answers at once.

Exit codes: 0; 1 with one sentence on stderr (``--debug`` adds the traceback); 2 for a command that is not understood;
130 after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command, and leave with its exit code (SystemExit).

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; by default those that the process was started with.
    """
    from pysteer.cli.app import command
    from pysteer.cli.failures import report_bug

    _prepare_streams()
    try:
        command().main(args=_debug_first(list(sys.argv[1:] if argv is None else argv)), prog_name="pysteer")
    except Exception:
        report_bug()
        sys.exit(1)
    finally:
        _flush()


def _debug_first(arguments: list[str]) -> list[str]:
    """Accept the global ``--debug`` behind the command, too: it is added to a line that has just failed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = arguments[:end], arguments[end:]
    if "--debug" not in options:
        return arguments
    return ["--debug", *(argument for argument in options if argument != "--debug"), *rest]


def _prepare_streams() -> None:
    """Write UTF-8 on Windows, and never fail because a terminal cannot show a character."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8" if sys.platform == "win32" else None, errors="backslashreplace")


def _flush() -> None:
    """Flush now: a reader that is gone would otherwise be reported when the interpreter ends."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
