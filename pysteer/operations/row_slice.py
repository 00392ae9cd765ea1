"""The part of a row that ``replace`` and ``zero`` write."""

from __future__ import annotations

from pysteer.arrays import Direction
from pysteer.errors import ShapeError


def checked_slice(direction: Direction, begin: int, end: int | None) -> slice:
    """Return ``slice(begin, end)`` of a row as wide as ``direction``.

    Raises
    ------
    ShapeError
        Not integers with ``0 <= begin < end <= width``.
    """
    stop = direction.size if end is None else end
    if not isinstance(begin, int) or not isinstance(stop, int):
        raise ShapeError(f"expected whole numbers for begin and end, got {begin!r} and {end!r}")
    if not 0 <= begin < stop <= direction.size:
        raise ShapeError(f"expected a slice 0 <= begin < end <= {direction.size}, got begin={begin}, end={stop}")
    return slice(begin, stop)
