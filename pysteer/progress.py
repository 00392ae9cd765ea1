"""How long work reports where it is. The command line turns this into bars with time left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int], object]
"""Called with (done, total) in units of the work: pairs, items, windows. An exception raised in it stops the work."""


def silent(done: int, total: int) -> None:
    """Report to nobody."""
