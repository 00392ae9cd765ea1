"""torch's ``.pt`` files without torch, and without running anything that they say.

A ``.pt`` file is a zip archive: ``<name>/data.pkl``, a pickle in which tensors are calls of ``_rebuild_tensor_v2`` on
storages, and ``<name>/data/<key>``, the bytes of each storage. A pickle is a program, and loading one normally runs any
function it names. Here it can name five things, all of them stand-ins of ours that only keep what they are given;
any other name is refused. The pickle machine is the one written in Python, whose memory a few bytes cannot blow up.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.errors import VectorFileError
from pysteer.vector_formats.safetensors_file import from_bfloat16
from pysteer.vector_formats.vector_format import DATA_LIMIT
from pysteer.vector_formats.zip_members import member_names, read_member

_PICKLE_LIMIT = 2**20
_STORAGES = {"FloatStorage": "f4", "DoubleStorage": "f8", "HalfStorage": "f2", "BFloat16Storage": "u2"}


@dataclass(frozen=True)
class _StorageType:
    name: str


@dataclass(frozen=True)
class _Storage:
    type: _StorageType
    key: str


@dataclass(frozen=True)
class StoredTensor:
    """Where a tensor lies: storage, first element, shape and steps, all in elements and all unchecked."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any


def _rebuild_tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> StoredTensor:
    return StoredTensor(storage, offset, shape, strides)


def _empty_dictionary(*items: Any) -> OrderedDict[Any, Any]:
    if items:
        raise VectorFileError("expected an empty OrderedDict")
    return OrderedDict()


class _TensorsOnly(pickle._Unpickler):
    """Takes tensors, numbers, texts, lists, tuples and dictionaries; refuses every name but those of tensors."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _empty_dictionary
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGES:
            return _StorageType(name)
        raise VectorFileError(f"it names {module}.{name}, which is no tensor; nothing of it was run")

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 5 and isinstance(pid[2], str)):
            raise VectorFileError("expected a reference to a storage")
        if not isinstance(pid[1], _StorageType):
            raise VectorFileError("expected a storage of floating-point numbers")
        return _Storage(pid[1], pid[2])


def _fill(target: Any, items: list[Any]) -> None:
    """Fill a dictionary whose keys are texts or integers: hashing a tuple of tuples of ... can take for ever."""
    if type(target) is not dict and type(target) is not OrderedDict:
        raise VectorFileError("it fills something that is no dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if type(key) is not str and type(key) is not int:
            raise VectorFileError(f"expected texts or integers as keys, got {type(key).__name__}")
        target[key] = value


def _set_items(machine: Any) -> None:
    items = machine.pop_mark()
    _fill(machine.stack[-1], items)


def _set_item(machine: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _fill(machine.stack[-1], [key, value])


def _refuse(machine: Any) -> None:
    raise VectorFileError("it holds something else than tensors, numbers, texts, lists and dictionaries")


_REFUSED = (pickle.DICT, pickle.EMPTY_SET, pickle.FROZENSET, pickle.BUILD, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.OBJ)
_TensorsOnly.dispatch = {
    **pickle._Unpickler.dispatch,
    pickle.SETITEMS[0]: _set_items,
    pickle.SETITEM[0]: _set_item,
    **{code[0]: _refuse for code in _REFUSED},
}


class TensorArchive:
    """One ``.pt`` file: what its pickle holds, with `StoredTensor` for tensors, and the tensors' numbers.

    Raises
    ------
    VectorFileError
        No zip archive of torch (older files are plain pickles), damaged, or anything in it but tensors and plain data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        names = member_names(path)
        pickles = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise VectorFileError(f"{path}: expected one member data.pkl, as torch.save writes it, got {len(pickles)}")
        self.folder = pickles[0].removesuffix("data.pkl")
        order = read_member(path, f"{self.folder}byteorder", 16) if f"{self.folder}byteorder" in names else b"little"
        self.byte_order = {b"little": "<", b"big": ">"}.get(order)
        if self.byte_order is None:
            raise VectorFileError(f"{path}: unknown byte order {order!r}")
        program = read_member(path, pickles[0], _PICKLE_LIMIT)
        try:
            self.content: Any = _TensorsOnly(io.BytesIO(program)).load()
        except VectorFileError as error:
            raise VectorFileError(f"{path}: {error}") from error
        except Exception as error:  # a broken pickle can raise anything
            raise VectorFileError(f"{path}: data.pkl is damaged: {type(error).__name__}: {error}") from error

    def read(self, tensor: StoredTensor, where: str) -> np.ndarray[Any, Any]:
        """Return a tensor's numbers, after checking that all of them lie in its storage."""
        storage, shape, strides = tensor.storage, tensor.shape, tensor.strides
        if not (isinstance(storage, _Storage) and _are_counts(shape) and _are_counts(strides)):
            raise VectorFileError(f"{where}: no tensor that can be read")
        if len(shape) != len(strides) or len(shape) > 2 or not _are_counts((tensor.offset,)):
            raise VectorFileError(f"{where}: expected one direction, got shape {shape!r:.60}")
        kind = np.dtype(f"{self.byte_order}{_STORAGES[storage.type.name]}")
        data = np.frombuffer(self._storage_bytes(storage, kind.itemsize, where), dtype=kind)
        n_values = int(np.prod(shape, dtype=object)) if shape else 1
        last = tensor.offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
        if n_values == 0 or n_values > DATA_LIMIT // kind.itemsize or last >= data.size:
            raise VectorFileError(f"{where}: shape {shape} does not lie in a storage of {data.size} values")
        view = np.lib.stride_tricks.as_strided(
            data[tensor.offset :], shape, [step * kind.itemsize for step in strides], writeable=False
        )
        values: np.ndarray[Any, Any] = view.copy()
        return from_bfloat16(values.astype(np.uint16)) if storage.type.name == "BFloat16Storage" else values

    def _storage_bytes(self, storage: _Storage, itemsize: int, where: str) -> bytes:
        data = read_member(self.path, f"{self.folder}data/{storage.key}", DATA_LIMIT)
        if len(data) % itemsize:
            raise VectorFileError(f"{where}: a storage of {len(data)} bytes is cut off")
        return data


def _are_counts(values: Any) -> bool:
    return isinstance(values, tuple) and all(type(value) is int and 0 <= value <= DATA_LIMIT for value in values)
