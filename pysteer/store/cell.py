"""One result: its key, what it holds, and how that is written.

The key is the SHA-256 of a canonical JSON of everything that decides the result, so a changed setting, file or line of
measuring code is another key, and nothing old is ever taken for it.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import StoreError


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no blanks: equal values always give the same bytes.

    Numbers that are equal are written alike: 1.0 as 1, and -0.0 as 0.

    Raises
    ------
    StoreError
        Something that JSON cannot hold, NaN and infinity included.
    """
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
        text.encode("utf-8")
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(f"expected what JSON can hold, got {value!r}: {error}") from error


def key_of(identity: Mapping[str, Any]) -> str:
    """Return the key of a result: SHA-256, in hexadecimal, of the identity's canonical JSON in UTF-8."""
    return hashlib.sha256(canonical_json(identity).encode("utf-8")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        unfit = [key for key in value if not isinstance(key, str)]
        if unfit:
            raise TypeError(f"keys are texts, got {unfit[0]!r}")
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 2**53:
        return int(value)
    return value


@dataclass(frozen=True)
class CellHead:
    """A result without its arrays and texts, for lists.

    Parameters
    ----------
    key : str
    identity : mapping
        Everything that decides the result.
    labels : mapping of str to str
        Names of model, vector and data, for people; they decide nothing.
    seconds : float
        That the computation took; shared evenly among results that were computed side by side.
    failures : int
        Items of which something went wrong.
    created_at : str
        ISO 8601, UTC. Empty for a result that was not written yet.
    """

    key: str
    identity: Mapping[str, Any]
    labels: Mapping[str, str]
    seconds: float
    failures: int
    created_at: str = ""


@dataclass(frozen=True, eq=False)
class Cell:
    """One result.

    Parameters
    ----------
    head : CellHead
    arrays : mapping of str to float64 array
    content : mapping
        What JSON can hold.
    """

    head: CellHead
    arrays: Mapping[str, Float64Array] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)

    def encoded(self) -> tuple[str, bytes, str]:
        """Return content as JSON, arrays as an npz file, and the checksum of both."""
        try:
            text = json.dumps(self.content, allow_nan=False, sort_keys=True, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"cell {self.head.key[:16]}: expected what JSON can hold: {error}") from error
        blob = _npz(self.arrays)
        return text, blob, _checksum(self.head.key, text, blob)

    @classmethod
    def decoded(cls, head: CellHead, text: str, blob: bytes, checksum: str) -> Cell:
        """Return what `encoded` wrote.

        Raises
        ------
        StoreError
            It is not what was written.
        """
        if checksum != _checksum(head.key, text, blob):
            raise StoreError(f"cell {head.key[:16]}: damaged, its checksum does not fit; restore the store from a copy")
        try:
            with np.load(io.BytesIO(blob), allow_pickle=False) as file:
                arrays = {name: _read_only(file[name]) for name in file.files}
            return cls(head, arrays, json.loads(text))
        except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
            raise StoreError(f"cell {head.key[:16]}: cannot be read: {error}") from error


def _npz(arrays: Mapping[str, Float64Array]) -> bytes:
    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise StoreError(f"array {name!r}: expected float64, got {array.dtype}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, arrays[name], version=(1, 0), allow_pickle=False)
            file.writestr(
                zipfile.ZipInfo(f"{name}.npy"), member.getvalue()
            )  # without a date: equal arrays, equal bytes
    return buffer.getvalue()


def _read_only(array: Float64Array) -> Float64Array:
    array.flags.writeable = False
    return array


def _checksum(key: str, text: str, blob: bytes) -> str:
    digest = hashlib.sha256(key.encode("ascii"))
    digest.update(text.encode("utf-8"))
    digest.update(blob)
    return digest.hexdigest()
