"""Dictionaries in ``.npz`` files: pysteer's own, Gemma Scope's ``params.npz``, and plain arrays of the same names.

    W_enc (d, F), b_enc (F,), W_dec (F, d), b_dec (d,)      always
    b_pre (d,)                                              subtracted before encoding
    threshold (F,)                                          then the activation is jumprelu (Gemma Scope)
    k, one number                                           then it is topk; without both, relu
    provenance                                              UTF-8 bytes (uint8) of JSON: {"site", "provenance"}

No pickle is read. Not read: SAELens and sparsify folders.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError, ShapeError, SiteError, VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site

SIZE_LIMIT = 8 * 2**30
"""Bytes that the arrays of a file may take."""
_NEEDED = ("W_enc", "b_enc", "W_dec", "b_dec")
_OPTIONAL = ("b_pre", "threshold", "k", "provenance")


def save_dictionary(dictionary: SparseDictionary, path: Path) -> None:
    """Write a dictionary; `load_dictionary` gives back the same numbers."""
    site = None if dictionary.site is None else [dictionary.site.component, dictionary.site.layer]
    text = json.dumps({"site": site, "provenance": dictionary.provenance.to_dict()}, sort_keys=True)
    arrays: dict[str, Any] = {
        "W_enc": dictionary.w_enc,
        "b_enc": dictionary.b_enc,
        "W_dec": dictionary.w_dec,
        "b_dec": dictionary.b_dec,
        "provenance": np.frombuffer(text.encode(), dtype=np.uint8),
    }
    optional = {"b_pre": dictionary.b_pre, "threshold": dictionary.threshold, "k": dictionary.k}
    arrays |= {name: np.asarray(value) for name, value in optional.items() if value is not None}
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_dictionary(path: Path, *, site: Site | None = None) -> SparseDictionary:
    """Return the dictionary of an ``.npz`` file.

    Parameters
    ----------
    site : Site, optional
        Where its rows come from, for files that do not say; it overrules one that does.

    Raises
    ------
    VectorFileError
        Damaged, too large, no dictionary, or arrays that do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            size = sum(member.file_size for member in archive.infolist())
        missing = [name for name in _NEEDED if name not in names]
        if missing or len(set(names)) < len(names) or size > SIZE_LIMIT:
            raise VectorFileError(
                f"{path}: expected arrays {', '.join(_NEEDED)}, each once and at most {SIZE_LIMIT} bytes together, "
                f"got {', '.join(names)[:200]} of {size} bytes"
            )
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in (*_NEEDED, *_OPTIONAL) if name in names}
        k = int(arrays["k"].item()) if "k" in arrays else None
        about = json.loads(arrays["provenance"].tobytes()) if "provenance" in arrays else {}
        known = Site(*about["site"]) if about.get("site") else None
        origin = Provenance.from_json(json.dumps(about["provenance"])) if about else Provenance("unknown")
        activation = "topk" if k is not None else "jumprelu" if "threshold" in arrays else "relu"
        return SparseDictionary(
            arrays["W_enc"],
            arrays["b_enc"],
            arrays["W_dec"],
            arrays["b_dec"],
            activation,
            origin,
            site=site or known,
            b_pre=arrays.get("b_pre"),
            k=k,
            threshold=arrays.get("threshold"),
        )
    except (ShapeError, SiteError, DataError) as error:
        raise VectorFileError(f"{path}: {error}") from error
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
    ) as error:
        if isinstance(error, VectorFileError):
            raise
        raise VectorFileError(f"{path}: no dictionary that can be read: {error}") from error
    except Exception as error:
        if isinstance(error, (OSError, MemoryError)):
            raise
        raise VectorFileError(f"{path}: damaged: {error}") from error
