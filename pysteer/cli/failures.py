"""What a user sees when something goes wrong: one sentence, or for a bug in pysteer a traceback."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from pysteer.cli.console import show_error, show_warning
from pysteer.errors import PysteerError, PysteerWarning


@contextmanager
def failures_as_sentences(*, debug: bool) -> Iterator[None]:
    """Turn expected errors into one sentence on stderr and an exit code, and pysteer's warnings into one line each.

    Parameters
    ----------
    debug : bool
        Show the traceback, too.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always", PysteerWarning)
        shown_otherwise = warnings.showwarning
        shown: set[str] = set()

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, PysteerWarning):
                if str(message) not in shown:  # one vector is checked at each of its strengths
                    show_warning(str(message))
                shown.add(str(message))
            else:
                shown_otherwise(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        try:
            yield
        except BrokenPipeError:
            # The reader has what it wanted ("| head"). What is still buffered has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            if debug:
                traceback.print_exc()
            show_error("interrupted", label="")
            raise typer.Exit(130) from None
        except (PysteerError, OSError) as error:
            if debug:
                traceback.print_exc()
            show_error(sentence(error))
            raise typer.Exit(1) from None


def sentence(error: BaseException) -> str:
    """Return an error's message on one line; that of the operating system begins with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        text = f"{where}{error.strerror}"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())


def report_bug() -> None:
    """Print the traceback of the current exception, and what to do with it."""
    traceback.print_exc()
    show_error("this is a bug in pysteer: please report it, with the command and the lines above")
