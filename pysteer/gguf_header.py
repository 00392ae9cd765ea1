"""Reading and writing the frame of a GGUF file: key-value pairs and the table of tensors.

Why not the gguf package: its reader believes the counts and lengths in the file, so that a few hostile bytes make it
allocate gigabytes or fail with any exception. Here every length is checked against what is left of the file and
against a fixed budget before anything is read. The tests hold this reader and writer against the gguf package.

What this file does not do: GGUF version 1, big-endian files, arrays inside arrays, dequantisation. Arrays are
stepped over, because no vector file needs one.

Layout (all integers little-endian)::

    "GGUF"  u32 version  u64 n_tensors  u64 n_values
    n_values  times:  string key, u32 type, value
    n_tensors times:  string name, u32 n_dims, u64 dims[n_dims], u32 type, u64 offset
    padding to general.alignment (32), then the tensors' data; offsets count from here

A string is a u64 length and that many bytes of UTF-8.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from pysteer.arrays import Float32Array
from pysteer.errors import VectorFileError

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
HEADER_LIMIT = 64 * 2**20
"""Bytes of header that are read at most: several times that of the largest model files."""

TYPE_UINT32, TYPE_INT32, TYPE_STRING, TYPE_ARRAY = 4, 5, 8, 9
TENSOR_FLOAT32 = 0
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_MAX_NAME_BYTES = 65535
_MAX_DIMS = 4
_MAX_ALIGNMENT = 65536


@dataclass(frozen=True)
class GgufValue:
    """One value with its GGUF type number. ``value`` is None for an array."""

    type: int
    value: int | float | bool | str | None


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor is: ``offset`` counts from the begin of the data."""

    name: str
    dims: tuple[int, ...]
    type: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """Everything before the data, and where it stands: ``spans`` of keys with their values, ``tensor_table``, bytes."""

    values: Mapping[str, GgufValue]
    tensors: tuple[TensorInfo, ...]
    data_begin: int
    file_size: int
    version: int
    alignment: int
    spans: Mapping[str, tuple[int, int]]
    tensor_table: tuple[int, int]


class _Cursor:
    """Reads forward and never more than the file, or the budget, still holds."""

    def __init__(self, file: BinaryIO, file_size: int, path: str) -> None:
        self.file = file
        self.position = 0
        self.limit = min(file_size, HEADER_LIMIT)
        self.path = path

    def fail(self, reason: str) -> VectorFileError:
        return VectorFileError(f"{self.path}: {reason} (at byte {self.position})")

    def need(self, n_bytes: int, what: str) -> None:
        """Raise unless ``n_bytes`` more are there: called before any allocation."""
        if n_bytes > self.limit - self.position:
            raise self.fail(
                f"{what} needs {n_bytes} bytes where {self.limit - self.position} are left; "
                "the file is truncated or damaged"
            )

    def take(self, n_bytes: int, what: str) -> bytes:
        self.need(n_bytes, what)
        data = self.file.read(n_bytes)
        if len(data) != n_bytes:
            raise self.fail(f"{what}: the file ended while it was read")
        self.position += n_bytes
        return data

    def skip(self, n_bytes: int, what: str) -> None:
        self.need(n_bytes, what)
        self.position += n_bytes
        self.file.seek(self.position)

    def scalar(self, code: str, what: str) -> int | float | bool:
        value: int | float | bool = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}"), what))[0]
        return value

    def count(self, code: str, what: str) -> int:
        return int(self.scalar(code, what))

    def text(self, what: str, max_bytes: int = HEADER_LIMIT) -> str:
        length = self.count("Q", f"length of {what}")
        if length > max_bytes:
            raise self.fail(f"{what} claims {length} bytes, more than the {max_bytes} allowed")
        data = self.take(length, what)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.fail(f"{what} is not UTF-8") from error


def read_header(file: BinaryIO, file_size: int, path: str) -> GgufHeader:
    """Return the header of a GGUF file that is open at its begin.

    Parameters
    ----------
    file : binary file
        Seekable.
    file_size : int
        Bytes.
    path : str
        For error messages.

    Raises
    ------
    VectorFileError
        Not GGUF, another version or byte order, truncated, a key or tensor that occurs twice, or a length, count or
        type that cannot be.
    """
    cursor = _Cursor(file, file_size, path)
    magic = cursor.take(4, "the magic number")
    if magic != MAGIC:
        raise VectorFileError(f"{path}: expected a GGUF file, which begins with {MAGIC!r}, got {magic!r}")
    version = cursor.count("I", "the version")
    if version not in (2, 3):
        hint = "; it may be big-endian" if version & 0xFFFF == 0 else ""
        raise VectorFileError(f"{path}: expected GGUF version 2 or 3, got {version}{hint}")
    n_tensors, n_values = cursor.count("Q", "the number of tensors"), cursor.count("Q", "the number of values")
    cursor.need(n_values * 13 + n_tensors * 32, f"a header with {n_values} values and {n_tensors} tensors")
    values: dict[str, GgufValue] = {}
    spans: dict[str, tuple[int, int]] = {}
    for _ in range(n_values):
        begin = cursor.position
        key = cursor.text("a key", _MAX_NAME_BYTES)
        if key in values:
            raise cursor.fail(f"key {key!r} occurs twice")
        values[key] = _read_value(cursor, key)
        spans[key] = (begin, cursor.position)
    alignment = _alignment(values, path)
    table_begin = cursor.position
    tensors: dict[str, TensorInfo] = {}
    for _ in range(n_tensors):
        tensor = _read_tensor(cursor)
        if tensor.name in tensors:
            raise cursor.fail(f"tensor {tensor.name!r} occurs twice")
        if tensor.offset % alignment:
            raise cursor.fail(f"tensor {tensor.name!r}: its offset {tensor.offset} is no multiple of {alignment}")
        tensors[tensor.name] = tensor
    data_begin, table = padded(cursor.position, alignment), (table_begin, cursor.position)
    return GgufHeader(values, tuple(tensors.values()), data_begin, file_size, version, alignment, spans, table)


def _read_value(cursor: _Cursor, key: str) -> GgufValue:
    """Return one value; an array is stepped over."""
    kind = cursor.count("I", f"type of {key!r}")
    if kind in _SCALARS:
        return GgufValue(kind, cursor.scalar(_SCALARS[kind], repr(key)))
    if kind == TYPE_STRING:
        return GgufValue(kind, cursor.text(repr(key)))
    if kind != TYPE_ARRAY:
        raise cursor.fail(f"{key!r} has the unknown type {kind}")
    item, n_items = cursor.count("I", f"type of {key!r}"), cursor.count("Q", f"length of {key!r}")
    if item in _SCALARS:
        cursor.skip(n_items * struct.calcsize(f"<{_SCALARS[item]}"), f"array {key!r}")
    elif item == TYPE_STRING:
        cursor.need(n_items * 8, f"array {key!r}")
        for _ in range(n_items):
            cursor.skip(cursor.count("Q", f"a length in {key!r}"), f"a text in {key!r}")
    else:
        raise cursor.fail(f"array {key!r} has items of the unknown type {item}")
    return GgufValue(kind, None)


def _read_tensor(cursor: _Cursor) -> TensorInfo:
    """Return one row of the table of tensors."""
    name = cursor.text("a tensor name", _MAX_NAME_BYTES)
    n_dims = cursor.count("I", f"rank of {name!r}")
    if not 1 <= n_dims <= _MAX_DIMS:
        raise cursor.fail(f"tensor {name!r} claims {n_dims} dimensions, expected 1 to {_MAX_DIMS}")
    dims = tuple(cursor.count("Q", f"shape of {name!r}") for _ in range(n_dims))
    return TensorInfo(name, dims, cursor.count("I", f"type of {name!r}"), cursor.count("Q", f"offset of {name!r}"))


def _alignment(values: Mapping[str, GgufValue], path: str) -> int:
    """Return the alignment of the data, after checking it."""
    given = values.get("general.alignment", GgufValue(TYPE_UINT32, DEFAULT_ALIGNMENT))
    size = given.value
    if given.type != TYPE_UINT32 or not isinstance(size, int) or not 1 <= size <= _MAX_ALIGNMENT or size & (size - 1):
        raise VectorFileError(f"{path}: general.alignment: expected a power of two up to {_MAX_ALIGNMENT}, got {size}")
    return size


def padded(position: int, alignment: int) -> int:
    """Return the next multiple of ``alignment`` at or after ``position``."""
    return -(-position // alignment) * alignment


def write_gguf(file: BinaryIO, values: Mapping[str, int | str], tensors: Sequence[tuple[str, Float32Array]]) -> None:
    """Write a GGUF 3 file of one-dimensional float32 tensors, in the order given: same input, same bytes.

    Integers become uint32. The last tensor is padded too, which llama.cpp demands.
    """
    file.write(MAGIC + struct.pack("<IQQ", 3, len(tensors), len(values)))
    size = 24
    for key, value in values.items():
        size += file.write(encoded_value(key, value))
    offset = 0
    for name, array in tensors:
        size += file.write(_text(name) + struct.pack("<IQIQ", 1, array.size, TENSOR_FLOAT32, offset))
        offset = padded(offset + array.nbytes, DEFAULT_ALIGNMENT)
    file.write(bytes(padded(size, DEFAULT_ALIGNMENT) - size))
    for _, array in tensors:
        file.write(array.astype("<f4").tobytes())
        file.write(bytes(padded(array.nbytes, DEFAULT_ALIGNMENT) - array.nbytes))


def encoded_value(key: str, value: int | str) -> bytes:
    """Return a key with its value as it stands in a header; an integer becomes a uint32."""
    data = struct.pack("<II", TYPE_UINT32, value) if isinstance(value, int) else _typed_text(value)
    return _text(key) + data


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<Q", len(data)) + data


def _typed_text(text: str) -> bytes:
    return struct.pack("<I", TYPE_STRING) + _text(text)
