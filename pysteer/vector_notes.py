"""Notes inside a vector file: keys ``pysteer.card.*``, which other readers ignore.

Writing notes copies everything else in the file byte for byte, keys of other tools and the directions included.
``docs/formats.md`` names the keys.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path

from pysteer.errors import VectorFileError
from pysteer.gguf_header import MAGIC, GgufHeader, encoded_value, padded, read_header
from pysteer.vector_file import load_vector
from pysteer.whole_file import replacing

PREFIX = "pysteer.card."


def read_notes(path: str | Path) -> dict[str, int | str]:
    """Return the notes of a vector file, without their prefix; none where there are none.

    Raises
    ------
    VectorFileError
        The file cannot be read, or is no GGUF file.
    """
    path = Path(path)
    header, _ = _opened(path)
    found = {key.removeprefix(PREFIX): value.value for key, value in header.values.items() if key.startswith(PREFIX)}
    return {key: value for key, value in found.items() if isinstance(value, int | str)}


def write_notes(path: str | Path, notes: Mapping[str, int | str]) -> None:
    """Put notes into a vector file in place of those that are there; the file is replaced in one step.

    Parameters
    ----------
    notes : mapping of str to int or str
        Keys without their prefix; integers fit 32 bits. Empty: all notes are taken out.

    Raises
    ------
    VectorFileError
        The file is no control vector in GGUF, or cannot be written; it is then left as it was.
    """
    path = Path(path).resolve()  # a link stays a link
    load_vector(path, layer_shift=0)
    header, content = _opened(path)
    kept = [content[begin:end] for key, (begin, end) in header.spans.items() if not key.startswith(PREFIX)]
    kept += [encoded_value(PREFIX + key, value) for key, value in notes.items()]
    begin, end = header.tensor_table
    head = MAGIC + struct.pack("<IQQ", header.version, len(header.tensors), len(kept))
    head += b"".join(kept) + content[begin:end]
    head += bytes(padded(len(head), header.alignment) - len(head))
    try:
        with replacing(path) as partial:
            partial.write_bytes(head + content[header.data_begin :])
            shutil.copymode(path, partial)
    except OSError as error:
        raise VectorFileError(f"{path}: cannot be written: {error.strerror or error}") from error


def _opened(path: Path) -> tuple[GgufHeader, bytes]:
    """Return the header and the whole file."""
    try:
        with path.open("rb") as file:
            header = read_header(file, os.fstat(file.fileno()).st_size, str(path))
            file.seek(0)
            return header, file.read()
    except OSError as error:
        raise VectorFileError(f"{path}: cannot be read: {error.strerror or error}") from error
