"""A layer sweep on disk, some validation items at a time: JSON Lines, the first line says whose sweep it is.

    {"format": "pysteer-layer-sweep-1", "model": ..., "train": ..., ...}
    {"values": [[...], ...]}        propensities of the next items, (n_items, n_steerings)

A line that was cut off by a crash is dropped. Numbers are written so that reading gives the same float64. The vectors
are not kept: they come from one pass over the training data, which is made again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError

FORMAT = "pysteer-layer-sweep-1"


class SweepCheckpoint:
    """Items that are done, and a place to append more.

    Parameters
    ----------
    path : Path or None
        None keeps nothing. Read if it exists, else made; never replaced.
    fingerprint : mapping
        What makes a sweep the same: all of it must be in the file. Values as JSON gives them back.
    n_steerings : int

    Attributes
    ----------
    values : float64, shape (n_items_done, n_steerings)

    Raises
    ------
    DataError
        The file is no checkpoint, or one of another sweep; the message names what differs.
    """

    def __init__(self, path: Path | None, fingerprint: Mapping[str, object], n_steerings: int) -> None:
        self.path = path
        self.values: Float64Array = np.zeros((0, n_steerings))
        if path is None:
            return
        header = json.loads(json.dumps({"format": FORMAT, **fingerprint, "n_steerings": n_steerings}))
        if path.exists():
            self._read(path, header)
        else:
            _append(path, header)

    def append(self, values: Float64Array) -> None:
        """Add the propensities of the next items, and see that they are on disk."""
        self.values = np.concatenate([self.values, values])
        if self.path is not None:
            _append(self.path, {"values": values.tolist()})

    def _read(self, path: Path, header: dict[str, object]) -> None:
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        lines = complete.splitlines()
        try:
            found = json.loads(lines[0])
            differing = [name for name, value in header.items() if found.get(name) != value]
        except (IndexError, ValueError, AttributeError) as error:
            raise DataError(f"{path}: not the checkpoint of a layer sweep; choose another file") from error
        if differing:
            raise DataError(
                f"{path}: the checkpoint of another sweep (different {', '.join(differing)}); "
                "delete it or choose another file"
            )
        for number, line in enumerate(lines[1:], start=2):
            try:
                values = np.array(json.loads(line)["values"], dtype=np.float64)
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path}, line {number}: not part of a layer sweep: {error}") from error
            if values.ndim != 2 or values.shape[1] != self.values.shape[1]:
                raise DataError(f"{path}, line {number}: expected rows of {self.values.shape[1]}, got {values.shape}")
            self.values = np.concatenate([self.values, values])
        if len(complete) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(complete))


def _append(path: Path, record: Mapping[str, object]) -> None:
    with path.open("ab") as file:
        file.write((json.dumps(record) + "\n").encode())
