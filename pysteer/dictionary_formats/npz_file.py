"""Dictionaries in ``.npz`` files: pysteer's own, Gemma Scope's ``params.npz``, and plain arrays of the same names.

    W_enc (d, F), b_enc (F,), W_dec (F, d), b_dec (d,)      always; also as w_enc and w_dec
    b_pre (d,)                                              subtracted before encoding
    threshold (F,)                                          then the activation is jumprelu (Gemma Scope)
    k, one integer                                          then it is topk; without both, relu
    provenance                                              UTF-8 bytes (uint8) of JSON: {"site", "provenance"}

Float16, float32 or float64. Other arrays are an error: what they mean for the formula is not known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.dictionary_formats.dictionary_format import (
    SIZE_LIMIT,
    dictionary_formats,
    matrix,
    named,
    positive_integer,
)
from pysteer.errors import VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector_formats.npz_file import npy_array
from pysteer.vector_formats.zip_members import member_names, read_member

_AXES = {"W_enc": 2, "b_enc": 1, "W_dec": 2, "b_dec": 1, "b_pre": 1, "threshold": 1}
_NEEDED = ("W_enc", "b_enc", "W_dec", "b_dec")
_SYNONYMS = {"w_enc": "W_enc", "w_dec": "W_dec"}
_KINDS = {"k": "iu", "provenance": "u"}
_LARGEST_RATIO = 100
"""Weights hardly compress. What unpacks to more than this, and 16 MiB, is an attack on memory."""


def _is_npz(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


@dictionary_formats.register("npz", recognises=_is_npz, files=".npz")
def read_npz(path: Path, site: Site | None) -> SparseDictionary:
    """Arrays W_enc, b_enc, W_dec, b_dec, and b_pre, threshold or k: pysteer's own, Gemma Scope, plain."""
    arrays = _arrays(path)
    w_enc, b_enc, w_dec, b_dec = (matrix(arrays, name, _AXES[name], path) for name in _NEEDED)
    k = None
    if "k" in arrays:
        if arrays["k"].size != 1:
            raise VectorFileError(f"{path}, array 'k': expected one integer, got shape {arrays['k'].shape}")
        k = positive_integer(arrays["k"].reshape(-1)[0].item(), f"{path}, array 'k'")
    threshold = arrays.get("threshold")
    if k is not None and threshold is not None:
        raise VectorFileError(f"{path}: expected k (topk) or threshold (jumprelu), got both")
    known, origin = _about(arrays["provenance"], path) if "provenance" in arrays else (None, Provenance("unknown"))
    with named(path):
        return SparseDictionary(
            w_enc,
            b_enc,
            w_dec,
            b_dec,
            "topk" if k is not None else "jumprelu" if threshold is not None else "relu",
            origin,
            site=site or known,
            b_pre=arrays.get("b_pre"),
            k=k,
            threshold=threshold,
        )


def _arrays(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays by the names above; all of a file together may take only so much memory."""
    budget = min(SIZE_LIMIT, 16 * 2**20 + _LARGEST_RATIO * path.stat().st_size)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for member in member_names(path):
        given = member.removesuffix(".npy")
        name = _SYNONYMS.get(given, given)
        if (name not in _AXES and name not in _KINDS) or name in arrays:
            raise VectorFileError(
                f"{path}: expected the arrays {', '.join((*_AXES, *_KINDS))}, each at most once, got {member!r:.80}"
            )
        data = read_member(path, member, budget)
        budget -= len(data)
        arrays[name] = npy_array(data, f"{path}, array {given!r}", kinds=_KINDS.get(name, "f"))
    return arrays


def _about(array: np.ndarray[Any, Any], path: Path) -> tuple[Site | None, Provenance]:
    """Return the site and the origin that pysteer's own files carry."""
    try:
        about = json.loads(array.astype(np.uint8).tobytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise VectorFileError(f"{path}, array 'provenance': expected JSON in UTF-8: {error}") from error
    place = about.get("site") if isinstance(about, dict) else None
    is_place = place is None or (isinstance(place, list) and len(place) == 2 and isinstance(place[0], str))
    if not isinstance(about, dict) or "provenance" not in about or not is_place:
        raise VectorFileError(
            f"{path}, array 'provenance': expected an object with 'site' (component and layer, or null) and "
            f"'provenance', got {about!r:.80}"
        )
    with named(path):
        origin = Provenance.from_json(json.dumps(about["provenance"]))
        return None if place is None else Site(place[0], place[1]), origin


def npz_arrays(dictionary: SparseDictionary, *, half: bool) -> dict[str, Any]:
    """Return what a file of a dictionary holds; with ``half``, the two matrices as float16.

    Raises
    ------
    VectorFileError
        A weight that float16 cannot hold.
    """
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
    for name in ("W_enc", "W_dec") if half else ():
        largest = float(np.abs(arrays[name]).max())
        if largest > float(np.finfo(np.float16).max):
            raise VectorFileError(f"{name} holds {largest:g}, which float16 cannot: save it without half=True")
        arrays[name] = arrays[name].astype(np.float16)
    return arrays
