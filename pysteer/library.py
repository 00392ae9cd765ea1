"""The behaviours that come with pysteer: contrast pairs, held-out items and probes, one folder each."""

from __future__ import annotations

from pathlib import Path

from pysteer.errors import DataError
from pysteer.pair_files import load_pairs
from pysteer.pairs import Dataset
from pysteer.registry import did_you_mean


def library_folder() -> Path:
    """Return the folder of behaviours: inside the installed package, or ``vectors/`` of a source checkout."""
    here = Path(__file__).resolve().parent
    for folder in (here / "library", here.parent / "vectors"):
        if folder.is_dir():
            return folder
    raise DataError(f"the library of behaviours is missing: expected the folder {here / 'library'}; reinstall pysteer")


def behaviours() -> tuple[str, ...]:
    """Return the names of all behaviours, such as "joyful-sad" (the first word is the positive side)."""
    return tuple(sorted(path.parent.name for path in library_folder().glob("*/pairs.jsonl")))


def load_behaviour(name: str) -> tuple[Dataset, Dataset]:
    """Return the pairs to extract from, and the held-out ones to measure on.

    Raises
    ------
    DataError
        There is no behaviour of that name.
    """
    known = behaviours()
    if name not in known:
        raise DataError(f"no behaviour {name!r}{did_you_mean(name, known)} Available: {', '.join(known)}")
    folder = library_folder() / name
    train, test = load_pairs(folder / "pairs.jsonl"), load_pairs(folder / "test.jsonl")
    return Dataset(train.pairs, name), Dataset(test.pairs, f"{name}.test")
