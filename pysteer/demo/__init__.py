"""The demonstration: the embedded model, its texts, and the run that `pysteer demo` shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pysteer.errors import ModelError

if TYPE_CHECKING:
    from pysteer.dictionaries import SparseDictionary
    from pysteer.model import Model

MODEL_FILE = "organism-q8_0.gguf"
DICTIONARY_FILE = "features.npz"


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


def dictionary_path() -> Path:
    """Return the path of the embedded model's dictionary of features; its labels lie beside it.

    Raises
    ------
    ModelError
        This build carries none.
    """
    path = Path(__file__).resolve().parent / DICTIONARY_FILE
    if not path.is_file():
        raise ModelError("this build of pysteer carries no dictionary; train one with 'pysteer dictionary train'")
    return path


def dictionary() -> SparseDictionary:
    """Return the embedded model's dictionary, loaded: 2048 features after its middle block.

    Raises
    ------
    ModelError
        This build carries none.
    """
    from pysteer.dictionary_file import load_dictionary

    return load_dictionary(dictionary_path())
