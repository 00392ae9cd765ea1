"""The cells of a study: each computed once, kept in the run store, and decided by what its key is made of.

A part is data: a function at the top level of a module, its settings (JSON), its data (which have a content hash), its
model, and the parts whose results it needs. The key is made of exactly these, the code of the modules that decide the
result, and the versions of llama.cpp; so nothing that changes a result can be forgotten, and nothing old is taken for
something new. A part's function sees nothing but its `Task`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.measurements.measured import Data, Work
from pysteer.progress import Progress, silent
from pysteer.store import canonical_json, key_of
from pysteer.studies.code_version import READING, code_version
from pysteer.studies.study_model import StudyModel


@dataclass(frozen=True, eq=False)
class PartResult:
    """What a part computed.

    Parameters
    ----------
    content : mapping
        What JSON can hold.
    arrays : mapping of str to float array
        Converted to float64; NaN where an item could not be measured.
    failures : int
        Items of which something went wrong.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, Float64Array] = field(default_factory=dict)
    failures: int = 0

    def __post_init__(self) -> None:
        arrays = {name: np.ascontiguousarray(array, dtype=np.float64) for name, array in self.arrays.items()}
        object.__setattr__(self, "arrays", arrays)


@dataclass(frozen=True, eq=False)
class Task:
    """All that a part's function gets.

    Parameters
    ----------
    settings : mapping
        The part's, as JSON gives them back: tuples are lists.
    data : mapping of str to data
    inputs : mapping of str to PartResult
        Results of the parts it needs, by the names that it gave them.
    progress : Progress
        To be called with (done, total).
    """

    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    inputs: Mapping[str, PartResult]
    progress: Progress = silent
    _model: StudyModel | None = None

    @property
    def model(self) -> StudyModel:
        """The part's model; ``task.model.subject(...)`` measures it, ``task.model.loaded`` is the `Model` itself."""
        if self._model is None:
            raise MeasurementError("this part was declared without a model")
        return self._model


@dataclass(frozen=True, eq=False)
class Part:
    """One cell of a study.

    Parameters
    ----------
    name : str
        Different from all others of the run: "tinytalk / openness / steering".
    compute : callable
        A function at the top level of a module; takes a `Task`, returns a `PartResult`.
    settings : mapping
        What JSON can hold: sizes, layers, seeds, prompts.
    data : mapping of str to data
        Things with a ``content_hash``: `Dataset`, `Texts`, ...
    model : StudyModel, optional
    needs : mapping of str to str
        Parts whose results are taken as input, by the name under which ``compute`` finds them. They come earlier.
    work : Work
        What it will compute, for the estimate.
    modules : sequence of str
        Whose code decides the result, besides the module of ``compute`` and those that every text runs through.
    """

    name: str
    compute: Callable[[Task], PartResult]
    _: KW_ONLY
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Data] = field(default_factory=dict)
    model: StudyModel | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    work: Work = field(default_factory=lambda: Work(0))
    modules: Sequence[str] = ()

    def __post_init__(self) -> None:
        qualified = getattr(self.compute, "__qualname__", "")
        if not qualified.isidentifier():
            raise MeasurementError(
                f"part {self.name!r}: expected a function at the top level of a module, got {self.compute!r}: what a "
                "nested function sees is not part of the key"
            )

    def identity(self, keys: Mapping[str, str]) -> dict[str, Any]:
        """Return everything that decides the result; ``keys`` are those of the parts it needs, by part name."""
        compute = self.compute
        return {
            "kind": "study part",
            "compute": f"{compute.__module__}:{compute.__qualname__}",
            "code": code_version((compute.__module__, *READING, *self.modules)),
            "llama_cpp": self._versions,
            "settings": self.settings,
            "data": {name: data.content_hash for name, data in self.data.items()},
            "model": None if self.model is None else self.model.identity,
            "needs": {alias: keys[name] for alias, name in self.needs.items()},
        }

    @cached_property
    def _versions(self) -> str:
        return version("llama-cpp-python")


def keys_of(parts: Sequence[Part]) -> dict[str, str]:
    """Return the key of every part by its name.

    Raises
    ------
    MeasurementError
        Two parts of one name, or a part that needs one that does not come before it.
    StoreError
        Settings that JSON cannot hold.
    """
    keys: dict[str, str] = {}
    for part in parts:
        if part.name in keys:
            raise MeasurementError(f"two parts are called {part.name!r}")
        missing = [name for name in part.needs.values() if name not in keys]
        if missing:
            raise MeasurementError(f"part {part.name!r} needs {missing[0]!r}, which does not come before it")
        canonical_json(part.settings)
        keys[part.name] = key_of(part.identity(keys))
    return keys
