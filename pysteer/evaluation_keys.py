"""What decides a measured number, as the canonical identity whose hash is a cell's key.

In it: the model's file, the data's content (which a split decides), the prompt setting, the steering with its
directions, the measurement with its settings and its source code, and the versions of pysteer and llama.cpp. Not in it:
names and paths, the number of threads, and the batch that a result was computed in: these change its last digits at
most.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import time
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

import pysteer
from pysteer.arrays import Direction
from pysteer.intervention import Intervention
from pysteer.measurements import Data, Measurement, Subject
from pysteer.native import LOADED_AT
from pysteer.operations import operations
from pysteer.prompt_settings import PromptSetting
from pysteer.site import Site
from pysteer.vector import SteeringVector

FORMAT = "pysteer-cell-1"
ENGINE = (
    "pysteer.tree_run",
    "pysteer.prefix_tree",
    "pysteer.prompt_conditions",
    "pysteer.steering_program",
    "pysteer.operations.edit_spec",
    "pysteer.prompt_settings",
    "pysteer.chat_template",
    "pysteer.session",
    "pysteer.window",
)
"""Modules through which every measurement runs."""


def directions_hash(directions: Mapping[Site, Direction]) -> str:
    """Return the SHA-256, in hexadecimal, of directions: their sites, and their float32 numbers, little-endian."""
    digest = hashlib.sha256()
    for site in sorted(directions):
        digest.update(f"{site.component}.{site.layer}:{directions[site].size};".encode())
        digest.update(directions[site].astype("<f4").tobytes())
    return digest.hexdigest()


def vector_hash(vector: SteeringVector) -> str:
    """Return the hash of a vector's directions, whatever file it comes from."""
    return directions_hash(vector.directions)


def group_identity(
    subject: Subject, measurement: Measurement, data: Data, setting: PromptSetting | None
) -> dict[str, Any]:
    """Return what decides the results of one measurement on one data set, but for the steering."""
    asks = measurement.uses_setting_on(data)
    name, asker = measurement.asker
    modules = (asker.__module__, *asker.depends_on, *ENGINE)
    return {
        "format": FORMAT,
        "model": subject.model.hash,
        "on_gpu": subject.model.n_gpu_layers != 0,
        "kv_type": subject.kv_type,
        "data": {"kind": type(data).__name__, "hash": data.content_hash},
        "setting": _setting_identity(setting) if asks else None,
        "raw": subject.raw if asks else None,
        "measurement": name,
        "settings": measurement.settings(),
        "seed": subject.seed if measurement.uses_seed else None,
        "code": source_hash(modules),
        "pysteer": pysteer.__version__,
        "llama_cpp_python": version("llama-cpp-python"),
    }


def cell_identity(group: Mapping[str, Any], steering: Iterable[Intervention]) -> dict[str, Any]:
    """Return what decides one result: `group_identity`, and the steering; without one, of the unsteered model."""
    return {**group, "steering": [_steering_identity(intervention) for intervention in steering]}


def source_hash(modules: Iterable[str]) -> str:
    """Return the SHA-256, in hexadecimal, of the source code of some modules."""
    digest = hashlib.sha256()
    for name in sorted(set(modules)):
        digest.update(f"{name}:{_one_source_hash(name)};".encode())
    return digest.hexdigest()


@cache
def _one_source_hash(name: str) -> str:
    module = importlib.import_module(name)
    try:
        text = inspect.getsource(module)
        changed_at = os.path.getmtime(str(module.__file__))
    except (OSError, TypeError):  # without its source, in a bundle or typed in; the version of pysteer is in the key
        return "unknown"
    if (
        LOADED_AT < changed_at <= time.time()
    ):  # what runs here is not what the file says: share nothing with other processes
        return f"{name} was changed while process {os.getpid()} of {LOADED_AT} was running"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _setting_identity(setting: PromptSetting | None) -> dict[str, Any] | None:
    return None if setting is None else {"system": setting.system, "user_prefix": setting.user_prefix}


def _steering_identity(intervention: Intervention) -> dict[str, Any]:
    condition = intervention.condition
    return {
        "directions": directions_hash(intervention.directions),
        "operation": intervention.operation,
        "parameters": dict(intervention.parameters),
        "code": source_hash([operations.get(intervention.operation).__module__]),
        "coefficient": intervention.coefficient,
        "window": str(intervention.window),
        "condition": None
        if condition is None
        else {
            "directions": vector_hash(condition.vector),
            "text": str(condition),
            "threshold": condition.threshold,
            "scope": condition.scope,
            "window": str(condition.window),
        },
    }
