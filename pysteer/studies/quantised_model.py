"""A model made of another one by coarser weights, on the fly and in the cache folder."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pysteer.file_hash import cache_folder
from pysteer.quantisation import quantise
from pysteer.studies.study_model import StudyModel


class QuantisedModel(StudyModel):
    """A model of a study with its weights in another type.

    The file is written to the cache folder (``quantised/``) when it is first needed. What decides a result is the
    source and the type, so that parts have their keys before the file exists.

    Parameters
    ----------
    source : StudyModel
    weight_type : str
        One of `pysteer.quantisation.TYPES`.
    """

    def __init__(self, source: StudyModel, weight_type: str) -> None:
        self.source, self.weight_type = source, weight_type
        name = f"{source.hash[:16]}-{weight_type}-{version('llama-cpp-python')}.gguf"
        path = cache_folder() / "quantised" / name
        super().__init__(path, f"{source.label}, {weight_type}", options=source.options, shelf=source.shelf)

    @property
    def identity(self) -> dict[str, Any]:
        """Source, type, and the version of llama.cpp that quantises."""
        made = {"weight_type": self.weight_type, "by": version("llama-cpp-python")}
        return {**self.source.identity, **made}

    @property
    def root(self) -> StudyModel:
        return self.source.root

    def _file(self) -> Path:
        if not self.path.is_file():
            quantise(self.source.path, self.path, self.weight_type, n_threads=self.options.n_threads)
        return self.path


def quantised_models(model: StudyModel, types: Sequence[str]) -> list[QuantisedModel]:
    """Return the models made of one by coarser weights; types that the file has already are left out."""
    return [QuantisedModel(model, weight_type) for weight_type in types if weight_type != model.loaded.quantisation]
