"""A model made of another one by coarser weights, on the fly and in the cache folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pysteer.file_hash import cache_folder
from pysteer.quantisation import quantise
from pysteer.studies.study_model import StudyModel

BITS = {
    "F32": 32.0,
    "F16": 16.0,
    "BF16": 16.0,
    "Q8_0": 8.5,
    "Q6_K": 6.56,
    "Q5_1": 6.0,
    "Q5_K_M": 5.70,
    "Q5_K_S": 5.57,
    "Q5_0": 5.5,
    "Q4_1": 5.0,
    "Q4_K_M": 4.89,
    "Q4_K_S": 4.67,
    "Q4_0": 4.5,
    "Q3_K_L": 4.30,
    "Q3_K_M": 3.91,
    "Q3_K_S": 3.64,
    "Q2_K_M": 3.16,
    "Q2_K": 3.16,
    "Q2_K_S": 2.97,
}
"""Bits per weight by type: of a block with its scales; of types that mix blocks, those of Llama models of 7B and 8B.

Source: ``tools/quantize/README.md`` of llama.cpp. Only their order decides anything.
"""


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
    """Return the models made of one by coarser weights; types that are no coarser than the file's are left out."""
    own = bits_per_weight(model)
    return [QuantisedModel(model, weight_type) for weight_type in types if BITS[weight_type] < own]


def bits_per_weight(model: StudyModel) -> float:
    """Return the bits of most weights of a file: those of its type, or, of a type without a name here, of the file."""
    described = model.loaded.quantisation
    known = bits_of(described)
    return 8.0 * model.size / model.loaded.n_parameters if known is None else known


def bits_of(described: str) -> float | None:
    """Return the bits of a weight type as llama.cpp describes it; None where it is not known.

    Examples
    --------
    >>> bits_of("Q4_K - Medium") == bits_of("Q4_K_M")
    True
    >>> bits_of("(guessed) all F32"), bits_of("IQ3_S mix - 3.66 bpw"), bits_of("something new")
    (32.0, 3.66, None)
    """
    told = described.replace("(guessed)", "").strip().removeprefix("all ")
    written = re.search(r"([0-9.]+) bpw", told)
    if written is not None:
        return float(written.group(1))
    for size in ("Small", "Medium", "Large"):
        told = told.replace(f" - {size}", f"_{size[0]}")
    return BITS.get(told)
