"""What a dictionary format is, and what readers share: settings beside weights, shapes, names of places in a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError, ShapeError, SiteError, VectorFileError
from pysteer.registry import Registry
from pysteer.site import Site

SIZE_LIMIT = 16 * 2**30
"""Bytes that the arrays of a file may take."""
_CONFIG_LIMIT = 2**20

DictionaryReader = Callable[[Path, Site | None], SparseDictionary]
"""``reader(path, site)``: a site that is given overrules what the files say."""
dictionary_formats: Registry[DictionaryReader] = Registry("dictionary format")
"""Facts of each: ``recognises`` (path -> bool), ``files`` (what it looks like, for people)."""

_HOOKS = {
    "hook_resid_post": ("resid_post", 0),
    "hook_resid_pre": ("resid_post", -1),
    "hook_resid_mid": ("resid_mid", 0),
    "hook_attn_out": ("attn_out", 0),
    "hook_mlp_out": ("mlp_out", 0),
    "attn.hook_z": ("head_out", 0),
}
"""TransformerLens' names within a block -> component, and what is added to the block's number."""
_MODULES = {None: "resid_post", "mlp": "mlp_out", "self_attn": "attn_out", "attn": "attn_out", "attention": "attn_out"}
_HOOK = re.compile(r"blocks\.([0-9]{1,4})\.([a-z_.]+)")
_MODULE = re.compile(r"(?:[a-z_]+\.)*(?:layers|h|blocks)\.([0-9]{1,4})(?:\.([a-z_]+))?")


def folder_file(path: Path, name: str) -> Path | None:
    """Return the file ``name`` if ``path`` is it, or is the folder that holds it, and ``cfg.json`` lies beside it."""
    file = path / name if path.is_dir() else path
    return file if file.name == name and file.is_file() and (file.parent / "cfg.json").is_file() else None


def read_config(path: Path) -> dict[str, Any]:
    """Return the JSON object in a small file.

    Raises
    ------
    VectorFileError
        Too large, not JSON in UTF-8, or no object.
    """
    if path.stat().st_size > _CONFIG_LIMIT:
        raise VectorFileError(f"{path}: expected at most {_CONFIG_LIMIT} bytes of settings, got {path.stat().st_size}")
    try:
        found = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise VectorFileError(f"{path}: expected JSON: {error}") from error
    if not isinstance(found, dict):
        raise VectorFileError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def check_setting(config: Mapping[str, Any], name: str, allowed: tuple[object, ...], path: Path, reason: str) -> None:
    """Raise VectorFileError, with the reason, where a setting is there and has another value; None is not there."""
    value = config.get(name)
    if value is not None and not any(value == one and type(value) is type(one) for one in allowed):
        raise VectorFileError(f"{path}: {name} is {value!r:.80}, {reason}; expected {_listed(allowed)}")


def positive_integer(value: object, where: str) -> int:
    """Return a positive integer that is one: neither a float nor a truth value."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise VectorFileError(f"{where}: expected a positive integer, got {value!r:.80}")
    return value


def matrix(tensors: Mapping[str, np.ndarray[Any, Any]], name: str, n_dims: int, path: Path) -> np.ndarray[Any, Any]:
    """Return a tensor that has to be there, after checking how many axes it has."""
    if name not in tensors:
        raise VectorFileError(f"{path}: expected a tensor {name!r}, got {', '.join(tensors)[:200] or 'none'}")
    array = tensors[name]
    if array.ndim != n_dims:
        raise VectorFileError(f"{path}, tensor {name!r}: expected {n_dims} axes, got shape {array.shape}")
    return array


def site_of_hook(name: object, path: Path) -> Site:
    """Return the site that TransformerLens ("blocks.5.hook_resid_post") or a module's name ("layers.5.mlp") means.

    A module stands for its output: "layers.5" is the residual stream after block 5.

    Raises
    ------
    VectorFileError
        A place that is no site here, such as the embeddings or the MLP's inner activations.
    """
    text = name if isinstance(name, str) else ""
    hook, module = _HOOK.fullmatch(text), _MODULE.fullmatch(text)
    if hook and hook[2] in _HOOKS:
        component, shift = _HOOKS[hook[2]]
        if int(hook[1]) + shift >= 0:
            return Site(component, int(hook[1]) + shift)
    if module and module[2] in _MODULES:
        return Site(_MODULES[module[2]], int(module[1]))
    raise VectorFileError(
        f"{path}: its rows come from {name!r:.80}, which is no site of pysteer; expected blocks.N. with "
        f"{', '.join(_HOOKS)} (hook_resid_pre from block 1 on), or a module such as layers.N, layers.N.mlp. If it is "
        "one under another name, say which with site="
    )


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Turn what `SparseDictionary` finds wrong with the arrays into an error of this file."""
    try:
        yield
    except (ShapeError, SiteError, DataError) as error:
        raise VectorFileError(f"{path}: {error}") from error


def _listed(values: tuple[object, ...]) -> str:
    return " or ".join(repr(value) for value in values)
