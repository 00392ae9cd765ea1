"""Showing text while it is generated."""

from __future__ import annotations

import sys


class Stream:
    """Writes pieces of one answer to stdout at once.

    Parameters
    ----------
    is_answer : bool
        Leave out the blanks before the first word, which belong to the chat template: "Bot:" is answered " Hello".
    """

    def __init__(self, *, is_answer: bool) -> None:
        self._skips_blanks = is_answer

    def take(self, piece: str) -> None:
        """Write one piece."""
        shown = piece.lstrip() if self._skips_blanks else piece
        if shown:
            self._skips_blanks = False
            sys.stdout.write(shown)
            sys.stdout.flush()

    def end(self) -> None:
        """Begin a new line."""
        sys.stdout.write("\n")
        sys.stdout.flush()
