"""Sessions, vectors and oracles for tests of pysteer's Python layers.

`exact_session` keeps keys and values as float32, without flash attention and on one thread, so that a sequence gives
the same numbers alone and in a batch but for the order of float32 sums.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy_edits import apply_numpy
from numpy_forward import Edit

from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.operations import edits
from pysteer.provenance import Provenance
from pysteer.session import Session
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window

NOISE = 2e-5
"""Largest difference of a number of size 1 between a run alone and one in a batch: another order of float32 sums."""


def exact_session(model: Model | Path, **options: Any) -> Session:
    if isinstance(model, Path):
        model = Model.load(model)
    defaults = {"n_ctx": 512, "n_batch": 128, "n_threads": 1, "kv_type": "f32", "flash_attention": False}
    return Session(model, **(defaults | options))


def random_tokens(n: int, *, seed: int, n_vocab: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(3, n_vocab, size=n).astype(np.int32)


def random_vector(
    *layers: int, seed: int = 1, width: int = 64, norm: float = 4.0, component: str = "resid_post"
) -> SteeringVector:
    """Random directions of one norm, large enough to change what a tiny model says."""
    rng = np.random.default_rng(seed)
    directions = {Site(component, layer): rng.normal(size=width) for layer in layers}
    return SteeringVector(directions, Provenance(method="random")).scaled_to(norm)


def add(vector: SteeringVector, coefficient: float = 1.0, window: str = "all", operation: str = "add") -> Intervention:
    return Intervention(vector, operation, coefficient=coefficient, window=Window.parse(window))


def numpy_hook(interventions: Iterable[Intervention], n_prompt: int) -> Edit:
    """The interventions as an edit of `NumpyTransformer.forward`."""
    placed = [
        (site, spec, begin, end)
        for intervention in interventions
        for site, spec, window in edits(intervention)
        for begin, end in window.resolve(n_prompt)
    ]

    def hook(component: str, layer: int, rows: np.ndarray) -> np.ndarray:
        for site, spec, begin, end in placed:
            if (site.component, site.layer) == (component, layer) and begin < len(rows):
                rows[begin:end] = apply_numpy(spec, rows[begin:end])
        return rows

    return hook


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


class CountedDecodes:
    """Stands in for a session's native part and counts the tokens that are computed."""

    def __init__(self, session: Session) -> None:
        self.real = session.native
        self.n_tokens: list[int] = []
        session._native = self  # type: ignore[assignment]

    def decode(self, tokens: np.ndarray, *arguments: Any, **options: Any) -> Any:
        self.n_tokens.append(len(tokens))
        return self.real.decode(tokens, *arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)
