"""What a file format is: a reader, and a look at a file that says whether it is one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pysteer.errors import DataError
from pysteer.registry import Registry

_MAX_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class Source:
    """A data file's text, read once, and the place that errors name.

    Parameters
    ----------
    path : Path
    text : str
        Decoded from UTF-8, without a byte order mark.
    """

    path: Path
    text: str = field(repr=False)

    @property
    def where(self) -> str:
        """The path as errors write it."""
        return str(self.path)

    @property
    def name(self) -> str:
        """What a data set from this file is called."""
        return self.path.stem

    @property
    def suffix(self) -> str:
        """The file's ending in lower case, such as ".json"."""
        return self.path.suffix.lower()

    @cached_property
    def first_records(self) -> Any:
        """What recognisers look at: see `pysteer.formats.json_records.glance`."""
        from pysteer.formats.json_records import glance

        return glance(self)


Reader = Callable[[Source], object]
formats: Registry[Reader] = Registry("format")
"""Facts of each: ``holds`` ("pairs", "texts", "conversations", "word pairs" or "questions"), ``recognises`` (Source ->
bool, True for its files and no others), ``files`` (file endings, for people)."""


def read_source(path: str | Path) -> Source:
    """Return a file's text.

    Raises
    ------
    DataError
        It cannot be read, is no UTF-8, or is larger than 1 GiB.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path}: {path.stat().st_size} bytes, more than the {_MAX_BYTES} that a data file may have"
            )
        return Source(path, path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from error


def recognised(source: Source) -> tuple[str, ...]:
    """Return the names of the formats that take the file for one of theirs."""
    return tuple(name for name in formats if cast(Callable[[Source], bool], formats.facts(name)["recognises"])(source))
