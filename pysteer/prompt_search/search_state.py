"""A search as far as it got, in memory and on disk (npz, replaced in one move)."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError
from pysteer.prompt_search.objective import Evaluated
from pysteer.whole_file import replacing

FORMAT = "pysteer-prompt-search-1"
_POOLS = ("population", "best", "frontier")


@dataclass(eq=False)
class SearchState:
    """Everything that the next round depends on, and what is reported at the end."""

    population: Evaluated
    best: Evaluated
    frontier: Evaluated
    generator: np.random.Generator
    n_measured: int
    round: int = 0
    slot_costs: list[Float64Array] = field(default_factory=list)
    restarts: list[tuple[int, float]] = field(default_factory=list)


def save_state(path: Path | None, fingerprint: str, state: SearchState) -> None:
    """Write the state beside the old one, then replace it; nothing without a path."""
    if path is None:
        return
    header = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "generator": state.generator.bit_generator.state,
        "n_measured": state.n_measured,
        "round": state.round,
        "restarts": state.restarts,
    }
    arrays: dict[str, Any] = {"slot_costs": np.array(state.slot_costs, dtype=np.float64)}
    for name in _POOLS:
        pool: Evaluated = getattr(state, name)
        arrays |= {f"{name}.tokens": pool.tokens, f"{name}.target": pool.target}
        arrays[f"{name}.cross_entropy"] = pool.cross_entropy
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)


def load_state(path: Path | None, fingerprint: str) -> SearchState | None:
    """Return the stored state; None without a path or a file.

    Raises
    ------
    DataError
        No such checkpoint, or that of another search (other model, data, steering, settings).
    """
    if path is None or not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:  # np.load leaves broken files open
            header = json.loads(str(stored["header"]))
            if header.get("format") != FORMAT:
                raise DataError(f"{path}: not the checkpoint of a prompt search; choose another file")
            if header["fingerprint"] != fingerprint:
                raise DataError(
                    f"{path}: the checkpoint of another search (model, items, steering or settings differ); "
                    "delete it or choose another file"
                )
            pools = {
                name: Evaluated(stored[f"{name}.tokens"], stored[f"{name}.target"], stored[f"{name}.cross_entropy"])
                for name in _POOLS
            }
            slot_costs = list(stored["slot_costs"])
        generator = np.random.default_rng()
        generator.bit_generator.state = header["generator"]
        restarts = [(int(at), float(penalty)) for at, penalty in header["restarts"]]
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not the checkpoint of a prompt search ({error}); choose another file") from error
    return SearchState(
        pools["population"], pools["best"], pools["frontier"], generator,
        int(header["n_measured"]), int(header["round"]), slot_costs, restarts,
    )  # fmt: skip
