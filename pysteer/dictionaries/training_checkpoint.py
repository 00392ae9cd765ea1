"""A training on disk: an ``.npz`` of all that changes, and ``identity``, JSON that says whose training it is.

Written beside its place and moved there, so that a crash leaves the one before. Numbers come back bit for bit.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.errors import DataError
from pysteer.whole_file import replacing

Arrays = dict[str, np.ndarray[Any, Any]]


def write_checkpoint(path: Path, identity: Mapping[str, object], arrays: Arrays) -> None:
    """Replace the checkpoint at ``path``."""
    text = np.frombuffer(json.dumps(identity, sort_keys=True).encode(), dtype=np.uint8)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, identity=text, **arrays)  # type: ignore[arg-type]


def read_checkpoint(path: Path, identity: Mapping[str, object], like: Arrays) -> Arrays:
    """Return the arrays of a checkpoint of the same training.

    Parameters
    ----------
    like : arrays by name
        What is expected: the same names, shapes and dtypes.

    Raises
    ------
    DataError
        No checkpoint, a damaged one, or one of another training; the message names what differs.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = json.loads(file["identity"].tobytes())
            differing = [name for name, value in identity.items() if found.get(name) != value]
            arrays = {} if differing else {name: file[name] for name in like}
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not the checkpoint of a dictionary's training: {error}") from error
    if differing:
        raise DataError(
            f"{path}: the checkpoint of another training (different {', '.join(differing)}); "
            "delete it or choose another file"
        )
    for name, array in like.items():
        if arrays[name].shape != array.shape or arrays[name].dtype != array.dtype:
            raise DataError(
                f"{path}: {name} is {arrays[name].dtype} {arrays[name].shape}, expected {array.dtype} {array.shape}"
            )
    return arrays
