"""Directions in safetensors files: saklas, and any tool that names tensors by layers.

Layout: u64 length of the header, little-endian; the header, a JSON object of name to {dtype, shape, data_offsets}, and
``__metadata__`` with texts; the data. Read here without the safetensors package, every length checked first.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.errors import VectorFileError
from pysteer.vector import SteeringVector
from pysteer.vector_formats.vector_format import DATA_LIMIT, vector_formats, vector_from

HEADER_LIMIT = 16 * 2**20
_COUNT_LIMIT = 2**40
"""Largest size of an axis, or offset: products of up to eight of them are exact Python integers."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def _is_safetensors(head: bytes, path: Path) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= HEADER_LIMIT


@vector_formats.register("safetensors", recognises=_is_safetensors, files=".safetensors")
def read_safetensors(path: Path) -> SteeringVector:
    """One tensor a layer, named by it; F64, F32, F16 or BF16."""
    tensors, metadata = safetensors(path, limit=DATA_LIMIT)
    method = metadata.get("method")
    extra = {"metadata": metadata} if metadata else {}
    return vector_from(tensors, path, method=method if isinstance(method, str) else "unknown", extra=extra)


def safetensors(path: Path, *, limit: int) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """Return the tensors of a file and its ``__metadata__`` (empty where there is none, or no object).

    Parameters
    ----------
    limit : int
        Bytes of data that the file may hold.

    Raises
    ------
    VectorFileError
        Damaged, truncated or too large, or a tensor of another type than F64, F32, F16 or BF16.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if len(start) < 8 or length > min(HEADER_LIMIT, size - 8):
            raise VectorFileError(f"{path}: the header claims {length} bytes of a file of {size}; it is truncated")
        header = _header(file.read(length), path)
        available = size - 8 - length
        if available > limit:
            raise VectorFileError(f"{path}: holds {available} bytes of data, more than the {limit} allowed")
        data = memoryview(file.read(available))
    metadata = header.pop("__metadata__", {})
    tensors = {name: _tensor(entry, data, f"{path}, tensor {name!r}") for name, entry in header.items()}
    return tensors, metadata if isinstance(metadata, dict) else {}


def _header(text: bytes, path: Path) -> dict[str, Any]:
    def without_repeats(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) < len(items):
            raise ValueError("a name occurs twice")
        return dict(items)

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=without_repeats)
    except (ValueError, RecursionError) as error:
        raise VectorFileError(f"{path}: the header is no JSON: {error}") from error
    if not isinstance(header, dict):
        raise VectorFileError(f"{path}: expected a JSON object as header, got {type(header).__name__}")
    return header


def _tensor(entry: Any, data: memoryview, where: str) -> np.ndarray[Any, Any]:
    """Return one tensor; nothing in the entry is believed before it is checked."""
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = (fields.get(name) for name in ("dtype", "shape", "data_offsets"))
    if dtype not in _DTYPES:
        raise VectorFileError(f"{where}: expected dtype {', '.join(_DTYPES)}, got {dtype!r}")
    are_counted = _are_counts(shape) and _are_counts(offsets)
    if not are_counted or shape is None or offsets is None or 0 in shape or len(offsets) != 2:
        raise VectorFileError(f"{where}: expected a shape and two offsets, got {shape!r:.80} and {offsets!r:.80}")
    begin, end = offsets
    n_bytes = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if not (begin <= end <= len(data) and end - begin == n_bytes):
        raise VectorFileError(
            f"{where}: {n_bytes} bytes at {begin} to {end} do not lie in {len(data)} bytes of data; "
            "the file is truncated or damaged"
        )
    array: np.ndarray[Any, Any] = np.frombuffer(data[begin:end], dtype=_DTYPES[dtype]).reshape(shape)
    return from_bfloat16(array) if dtype == "BF16" else array


def from_bfloat16(bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float32 values of bfloat16 bit patterns (uint16): their upper half."""
    values: np.ndarray[Any, Any] = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values


def _are_counts(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 8
        and all(type(value) is int and 0 <= value <= _COUNT_LIMIT for value in values)
    )
