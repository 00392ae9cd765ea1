"""What a vector format is, and how its tensors' names become sites."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import ShapeError, SiteError, VectorFileError
from pysteer.provenance import Provenance
from pysteer.registry import Registry
from pysteer.site import Site
from pysteer.vector import SteeringVector

DATA_LIMIT = 2**30
"""Bytes of directions that a file may hold."""
_MAX_LAYER = 99_999
_LAYER = re.compile(r"(?:(?:.*[._/])?(?:layers?|blocks?|h|direction|vector)[._/])?(0|[1-9][0-9]{0,4})")

VectorReader = Callable[[Path], SteeringVector]
vector_formats: Registry[VectorReader] = Registry("vector format")
"""Facts of each: ``recognises`` (the file's first bytes, its path -> bool), ``files`` (endings, for people)."""


def read_foreign(path: Path, head: bytes) -> SteeringVector:
    """Return the vector of a file that is no GGUF; ``head`` is its first 16 bytes.

    Raises
    ------
    VectorFileError
        No format recognises it, or the one that does finds it damaged, hostile, or to hold something else.
    """
    for name in vector_formats:
        if cast(Callable[[bytes, Path], bool], vector_formats.facts(name)["recognises"])(head, path):
            return vector_formats.get(name)(path)
    known = ", ".join(f"{name} ({vector_formats.facts(name)['files']})" for name in vector_formats)
    raise VectorFileError(f"{path}: expected a GGUF file, which begins with b'GGUF', or {known}; got {head[:4]!r}")


def vector_from(
    tensors: Mapping[str, np.ndarray[Any, Any]], path: Path, *, method: str, extra: Mapping[str, Any] | None = None
) -> SteeringVector:
    """Return the vector whose directions are called by their layers or sites.

    Parameters
    ----------
    tensors : mapping of name to array
        A name is a site ("resid_post.14"), or ends in a layer: "14", "layer_14", "direction.14", "model.layers.14".
        An array is (d_model,), or (1, d_model).
    """
    directions: dict[Site, Float32Array] = {}
    names: dict[Site, str] = {}
    for name, array in tensors.items():
        site = _site(name, path)
        if site in names:
            raise VectorFileError(f"{path}: tensors {names[site]!r} and {name!r} are both for {site}")
        names[site] = name
        directions[site] = as_direction(array, f"{path}, tensor {name!r}")
    if not directions:
        raise VectorFileError(f"{path}: holds no direction")
    try:
        return SteeringVector(directions, Provenance(method, extra=dict(extra or {})))
    except ShapeError as error:
        raise VectorFileError(f"{path}: {error}") from error


def as_direction(array: np.ndarray[Any, Any], where: str) -> Float32Array:
    """Return one direction as float32, after checking kind, rank and values."""
    if array.dtype.kind != "f":
        raise VectorFileError(f"{where}: expected floating-point numbers, got {array.dtype}")
    flat = array[0] if array.ndim == 2 and array.shape[0] == 1 else array
    if flat.ndim != 1 or flat.size == 0:
        raise VectorFileError(f"{where}: expected one direction of shape (d_model,), got {array.shape}")
    with np.errstate(over="ignore"):
        direction: Float32Array = flat.astype(np.float32)
    if not np.isfinite(direction).all():
        raise VectorFileError(f"{where}: {np.count_nonzero(~np.isfinite(direction))} values are NaN or infinite")
    return direction


def _site(name: str, path: Path) -> Site:
    match = _LAYER.fullmatch(name)
    if match:
        return Site("resid_post", int(match[1]))
    try:
        site = Site.parse(name)
    except SiteError as error:
        raise VectorFileError(
            f"{path}, tensor {name!r}: expected a name that ends in a layer, such as layer_14, or a site"
        ) from error
    if site.layer > _MAX_LAYER:
        raise VectorFileError(f"{path}, tensor {name!r}: layer {site.layer} is above {_MAX_LAYER}")
    return site
