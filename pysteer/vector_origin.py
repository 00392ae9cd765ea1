"""What is known about the origin of every vector that is found now, with this version, in this model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version

import pysteer
from pysteer.model import Model
from pysteer.provenance import Provenance


def origin(
    model: Model,
    *,
    method: str,
    data_name: str | None = None,
    data_hash: str | None = None,
    n_pairs: int | None = None,
    token_rule: str | None = None,
    layers: tuple[int, ...] | None = None,
    seed: int | None = None,
    extra: Mapping[str, object] | None = None,
) -> Provenance:
    """Return a provenance with the model's identity, both versions and the time filled in."""
    return Provenance(
        method=method,
        model_name=model.name,
        model_hash=model.hash,
        architecture=model.architecture,
        quantisation=model.quantisation,
        data_name=data_name,
        data_hash=data_hash,
        n_pairs=n_pairs,
        token_rule=token_rule,
        layers=layers,
        seed=seed,
        pysteer_version=pysteer.__version__,
        llama_cpp_version=version("llama-cpp-python"),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        extra={} if extra is None else extra,
    )
