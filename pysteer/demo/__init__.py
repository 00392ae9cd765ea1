"""The demonstration: the embedded model, its texts, and the run that `pysteer demo` shows."""

from __future__ import annotations

from pathlib import Path

from pysteer.errors import ModelError

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
