"""GGUF bytes put together by hand, field by field, so that tests can write files that no library would."""

from __future__ import annotations

import struct
from collections.abc import Sequence

UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64 = 4, 5, 6, 7, 8, 9, 10


def text(content: str | bytes) -> bytes:
    data = content.encode() if isinstance(content, str) else content
    return struct.pack("<Q", len(data)) + data


def pair(key: str | bytes, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def string(key: str, value: str | bytes) -> bytes:
    return pair(key, STRING, text(value))


def uint32(key: str, value: int) -> bytes:
    return pair(key, UINT32, struct.pack("<I", value))


def int32(key: str, value: int) -> bytes:
    return pair(key, INT32, struct.pack("<i", value))


def tensor(name: str | bytes, dims: Sequence[int], offset: int = 0, kind: int = 0, n_dims: int | None = None) -> bytes:
    rank = len(dims) if n_dims is None else n_dims
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", rank, *dims, kind, offset)


def file(
    pairs: Sequence[bytes],
    tensors: Sequence[bytes],
    data: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    n_tensors: int | None = None,
    n_pairs: int | None = None,
    alignment: int = 32,
) -> bytes:
    """Return a whole file; counts are true unless given."""
    counts = (
        len(tensors) if n_tensors is None else n_tensors,
        len(pairs) if n_pairs is None else n_pairs,
    )
    header = magic + struct.pack("<IQQ", version, *counts) + b"".join(pairs) + b"".join(tensors)
    return header + bytes(-len(header) % alignment) + data


CONTROL_VECTOR = string("general.architecture", "controlvector")


def control_vector(*layers: int, width: int = 8, pairs: Sequence[bytes] = ()) -> bytes:
    """Return a file as other tools write it: direction.N holds the number N in every entry."""
    data = b"".join(struct.pack("<f", layer) * width for layer in layers)
    rows = [tensor(f"direction.{layer}", [width], 4 * width * i) for i, layer in enumerate(layers)]
    return file([CONTROL_VECTOR, *pairs], rows, data)
