"""The demonstration: the embedded model, its texts, and the run that `pysteer demo` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pysteer.errors import ModelError

if TYPE_CHECKING:
    from pysteer.model import Model

MODEL_FILE = "organism-q8_0.gguf"


def model_path() -> Path:
    """Return the path of the embedded model.

    Raises
    ------
    ModelError
        This build carries none.
    """
    path = Path(__file__).resolve().parent / MODEL_FILE
    if not path.is_file():
        raise ModelError(
            "this build of pysteer carries no embedded model: name a GGUF file instead "
            "('pysteer demo MODEL.gguf', 'make demo MODEL=path.gguf')"
        )
    return path


def model() -> Model:
    """Return the embedded model, loaded.

    Raises
    ------
    ModelError
        This build carries none.
    """
    from pysteer.model import Model

    return Model.load(model_path())
