"""A scan on disk, trial by trial: JSON Lines, the first line says whose scan it is.

    {"format": "pysteer-head-scan-1", "model": ..., "prompts": ..., "means": ..., "heads": ..., "shape": [L, H]}
    {"clean": 0.031, "cie": [[...], ...]}        one line a trial; null for heads that were not scanned

A line that was cut off by a crash is dropped. Numbers are written so that reading gives the same float64.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError

FORMAT = "pysteer-head-scan-1"


class ScanCheckpoint:
    """Trials that are done, and a place to append more.

    Parameters
    ----------
    path : Path or None
        None keeps nothing. Read if it exists, else made; never replaced.
    fingerprint : mapping
        What makes a scan the same: all of it must be in the file.
    shape : (n_layers, n_heads)

    Raises
    ------
    DataError
        The file is no checkpoint, or one of another scan; the message names what differs.
    """

    def __init__(self, path: Path | None, fingerprint: Mapping[str, object], shape: tuple[int, int]) -> None:
        self.path, self.shape = path, shape
        self.trials: list[tuple[float, Float64Array]] = []
        header = {"format": FORMAT, **fingerprint, "shape": list(shape)}
        if path is None:
            return
        if path.exists():
            self._read(path, header)
        else:
            self._write(path, json.dumps(header) + "\n")

    def append(self, clean: float, cie: Float64Array) -> None:
        """Add one trial, and see that it is on disk."""
        if self.path is not None:
            rows = [[None if math.isnan(value) else float(value) for value in row] for row in cie]
            self._write(self.path, json.dumps({"clean": clean, "cie": rows}) + "\n")

    @staticmethod
    def _write(path: Path, line: str) -> None:
        with path.open("ab") as file:
            file.write(line.encode())

    def _read(self, path: Path, header: dict[str, object]) -> None:
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        lines = complete.splitlines()
        try:
            found = json.loads(lines[0])
            differing = [name for name, value in header.items() if found.get(name) != value]
        except (IndexError, ValueError, AttributeError) as error:
            raise DataError(f"{path}: not the checkpoint of a head scan; choose another file") from error
        if differing:
            raise DataError(
                f"{path}: the checkpoint of another scan (different {', '.join(differing)}); "
                "delete it or choose another file"
            )
        for number, line in enumerate(lines[1:], start=2):
            try:
                trial = json.loads(line)
                cie = np.array(trial["cie"], dtype=np.float64)
                clean = float(trial["clean"])
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(f"{path}, line {number}: not a trial of a head scan: {error}") from error
            if cie.shape != self.shape:
                raise DataError(f"{path}, line {number}: expected {self.shape} values, got shape {cie.shape}")
            self.trials.append((clean, cie))
        if len(complete) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(complete))
