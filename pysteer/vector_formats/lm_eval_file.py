"""The ``.pt`` files of lm-evaluation-harness' steered models, and plain dictionaries of layer to tensor.

``{hookpoint: {"steering_vector", "steering_coefficient", "action", "bias", "head_index"}}``; a hook point is a module's
name such as "layers.14" or "model.layers.14.mlp". The coefficient is multiplied in, so that coefficient 1 is here what
the file means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import ShapeError, VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_formats.tensor_pickle import StoredTensor, TensorArchive
from pysteer.vector_formats.vector_format import as_direction, vector_formats, vector_from
from pysteer.vector_formats.zip_members import member_names

_HOOKPOINT = re.compile(r"(?:.*\.)?(?:layers|h|blocks)\.(0|[1-9][0-9]{0,4})(?:\.(\w+))?")
_MODULES = {None: "resid_post", "mlp": "mlp_out", "self_attn": "attn_out", "attn": "attn_out", "attention": "attn_out"}
_FIELDS = ("steering_vector", "steering_coefficient", "action", "bias", "head_index")


def _is_torch(head: bytes, path: Path) -> bool:
    return head.startswith(b"PK\x03\x04") and any(name.endswith("data.pkl") for name in member_names(path))


@vector_formats.register("pt", recognises=_is_torch, files=".pt")
def read_pt(path: Path) -> SteeringVector:
    """torch.save of lm-eval's steering configuration, or of {layer: tensor}; read without torch, running nothing."""
    archive = TensorArchive(path)
    content = archive.content
    if not isinstance(content, dict) or not content:
        raise VectorFileError(f"{path}: expected a dictionary with a vector for each hook point or layer")
    if all(isinstance(value, StoredTensor) for value in content.values()):
        named = {str(key): archive.read(value, f"{path}, tensor {key!r:.80}") for key, value in content.items()}
        return vector_from(named, path, method="unknown")
    directions: dict[Site, Float32Array] = {}
    coefficients: dict[str, float] = {}
    for hookpoint, entry in content.items():
        where = f"{path}, hook point {hookpoint!r:.80}"
        site = _site(hookpoint, where)
        if site in directions:
            raise VectorFileError(f"{where}: another hook point means {site}, too")
        coefficient = _coefficient(entry, where)
        vector = as_direction(archive.read(entry["steering_vector"], where), where)
        with np.errstate(over="ignore"):
            directions[site] = vector * np.float32(coefficient)
        coefficients[str(site)] = coefficient
    try:
        return SteeringVector(directions, Provenance("unknown", extra={"steering_coefficients": coefficients}))
    except ShapeError as error:
        raise VectorFileError(f"{path}: {error}") from error


def _site(hookpoint: object, where: str) -> Site:
    match = _HOOKPOINT.fullmatch(hookpoint) if isinstance(hookpoint, str) else None
    if match is None or match[2] not in _MODULES:
        raise VectorFileError(f"{where}: expected a block, its mlp or its attention, such as 'layers.14' or 'h.3.mlp'")
    return Site(_MODULES[match[2]], int(match[1]))


def _coefficient(entry: object, where: str) -> float:
    """Return an entry's coefficient, after checking that it means "add this vector" and nothing else."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("steering_vector"), StoredTensor):
        raise VectorFileError(f"{where}: expected a dictionary with a tensor steering_vector")
    unknown = [name for name in entry if name not in _FIELDS]
    if unknown:
        raise VectorFileError(f"{where}: unknown field {unknown[0]!r:.60}; known: {', '.join(_FIELDS)}")
    if entry.get("action", "add") != "add":
        raise VectorFileError(f"{where}: the action is not 'add'; load the vector alone and use operation clamp")
    beside = [name for name in ("bias", "head_index") if entry.get(name) is not None]
    if beside:
        raise VectorFileError(f"{where}: {beside[0]} cannot be said in a steering vector")
    coefficient: Any = entry.get("steering_coefficient", 1.0)
    if type(coefficient) not in (int, float) or not abs(coefficient) < math.inf:
        raise VectorFileError(
            f"{where}, steering_coefficient: expected a finite number, got {type(coefficient).__name__}"
        )
    return float(coefficient)
