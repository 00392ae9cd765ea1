"""Directions in NumPy's ``.npz``: one array a layer. Objects (pickles) are refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.errors import VectorFileError
from pysteer.vector import SteeringVector
from pysteer.vector_formats.vector_format import DATA_LIMIT, vector_formats, vector_from
from pysteer.vector_formats.zip_members import member_names, read_member


def _is_npz(head: bytes, path: Path) -> bool:
    return head.startswith(b"PK\x03\x04") and all(name.endswith(".npy") for name in member_names(path))


@vector_formats.register("npz", recognises=_is_npz, files=".npz")
def read_npz(path: Path) -> SteeringVector:
    """One float array a layer, named by it ("layer_14", "14") or by its site ("resid_post.14")."""
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    budget = DATA_LIMIT
    for name in member_names(path):
        data = read_member(path, name, budget)
        budget -= len(data)
        tensors[name.removesuffix(".npy")] = npy_array(data, f"{path}, array {name!r}")
    return vector_from(tensors, path, method="unknown")


def npy_array(data: bytes, where: str, *, kinds: str = "f") -> np.ndarray[Any, Any]:
    """Return a ``.npy`` file's array, after checking that its data are all there before memory is taken for them.

    Parameters
    ----------
    kinds : str
        NumPy's letters for the kinds of numbers that are expected: "f" for floating-point, "iu" for integers.

    Raises
    ------
    VectorFileError
        Another kind (objects, which are pickles, among them), more than two axes, or bytes that are missing or left.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"version {version} of the format")
        shape, is_fortran, dtype = read(file)
    except Exception as error:  # a header is a Python literal, and parsing one can raise anything
        raise VectorFileError(f"{where}: not an array that can be read: {error}") from error
    if dtype.kind not in kinds or len(shape) > 2:
        expected = "floating-point numbers" if kinds == "f" else f"numbers of kind {' or '.join(kinds)}"
        raise VectorFileError(f"{where}: expected {expected} with at most two axes, got {dtype} of shape {shape}")
    rest = memoryview(data)[file.tell() :]
    n_values = 1
    for size in shape:
        n_values *= size
    if any(size < 0 for size in shape) or len(rest) != n_values * dtype.itemsize:
        raise VectorFileError(f"{where}: {len(rest)} bytes for {n_values} values of {dtype}; truncated or damaged")
    return np.frombuffer(rest, dtype=dtype).reshape(shape, order="F" if is_fortran else "C")
