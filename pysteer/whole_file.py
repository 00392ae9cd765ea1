"""Files that are there whole or not at all: written beside their place, then put there in one step."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path in the same folder to write to; its file takes the place of ``path`` when the block has ended.

    Where the block raises, or the power fails, what was at ``path`` before stays as it was. The content reaches the
    disk before the name does. Errors of the file system pass through.

    Examples
    --------
    >>> with replacing("table.csv") as partial:
    ...     written = partial.write_text("a,b")
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file whole or not at all, and return its path."""
    with replacing(path) as partial:
        partial.write_bytes(content)
    return Path(path)
