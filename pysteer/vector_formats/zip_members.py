"""Reading members of a zip archive that may be damaged, hostile, or far larger unpacked than packed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from pysteer.errors import VectorFileError

_MAX_MEMBERS = 100_000


def member_names(path: Path) -> tuple[str, ...]:
    """Return the names of an archive's members; VectorFileError where it is no readable archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = tuple(archive.namelist())
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise VectorFileError(f"{path}: not a zip archive that can be read: {error}") from error
    if len(names) > _MAX_MEMBERS or len(set(names)) < len(names):
        raise VectorFileError(f"{path}: {len(names)} members, more than {_MAX_MEMBERS}, or a name that occurs twice")
    return names


def read_member(path: Path, name: str, limit: int) -> bytes:
    """Return one member's bytes; VectorFileError if it is damaged, encrypted, or unpacks to more than ``limit``."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as file:
            data = file.read(limit + 1)
    except KeyError as error:
        raise VectorFileError(f"{path}: the archive has no member {name!r}") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
        RuntimeError,
        OSError,
    ) as error:
        raise VectorFileError(f"{path}, member {name!r}: cannot be unpacked: {error}") from error
    if len(data) > limit:
        raise VectorFileError(f"{path}, member {name!r}: unpacks to more than the {limit} bytes allowed")
    return data
