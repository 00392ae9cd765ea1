"""Sparse dictionaries on disk: written as ``.npz``, read from every format of `pysteer.dictionary_formats`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.dictionary_formats import dictionary_formats
from pysteer.dictionary_formats.npz_file import npz_arrays
from pysteer.errors import VectorFileError
from pysteer.site import Site
from pysteer.whole_file import replacing


def save_dictionary(dictionary: SparseDictionary, path: str | Path, *, half: bool = False) -> None:
    """Write a dictionary to an ``.npz`` file; `load_dictionary` gives back the same numbers.

    Parameters
    ----------
    half : bool
        The two matrices as float16, for half the size: what comes back is rounded.

    Raises
    ------
    VectorFileError
        ``half``, and a weight that float16 cannot hold.
    """
    arrays = npz_arrays(dictionary, half=half)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_dictionary(path: str | Path, *, site: Site | None = None) -> SparseDictionary:
    """Return the dictionary in a file or folder.

    Parameters
    ----------
    path : str or Path
        In any of the formats of ``pysteer list dictionary-formats``.
    site : Site, optional
        Where its rows come from, for files that do not say; it overrules one that does.

    Raises
    ------
    VectorFileError
        In none of the formats; damaged, hostile or too large; arrays that do not fit together; a kind of dictionary
        whose formula is not here.
    """
    given = Path(path)
    if not given.exists():
        raise VectorFileError(f"{given}: there is no such file or folder")
    for name in dictionary_formats:
        if cast(Callable[[Path], bool], dictionary_formats.facts(name)["recognises"])(given):
            return dictionary_formats.get(name)(given, site)
    known = "; ".join(f"{name} ({dictionary_formats.facts(name)['files']})" for name in dictionary_formats)
    raise VectorFileError(f"{given}: expected a dictionary as {known}")
