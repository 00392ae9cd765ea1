"""Models, sessions and decodes of `pysteer._core` in one line each, for the tests of this folder.

A session here keeps keys and values as float32, without flash attention and on one thread, so that its numbers can be
compared with the NumPy oracle to 1e-4.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llama_cpp  # noqa: F401  maps llama.cpp, which the core is linked to
import numpy as np

import pysteer
from pysteer import _core

FOREVER = 2**31 - 1
COMPONENTS = ("resid_post", "resid_mid", "attn_out", "mlp_out", "head_out")


def int32(values: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.int32)


def open_session(model: _core.Model | Path, **options: Any) -> _core.Session:
    if isinstance(model, Path):
        model = _core.Model.load(str(model))
    defaults = {
        "n_ctx": 256,
        "n_batch": 64,
        "n_sequences": 4,
        "n_outputs": 0,
        "n_threads": 1,
        "kv_f32": True,
        "flash_attention": False,
    }
    return _core.Session(model, **(defaults | options))


def decode(session: _core.Session, tokens: Sequence[int], sequence: int = 0, **wants: Any) -> _core.Decoded:
    """Append tokens to one sequence. Every token is an output unless `outputs` says otherwise."""
    n, start = len(tokens), session.length(sequence)
    wants.setdefault("outputs", np.ones(n, dtype=bool))
    return session.decode(int32(tokens), int32(range(start, start + n)), np.full(n, sequence, dtype=np.int32), **wants)


def logits_of(session: _core.Session, tokens: Sequence[int], sequence: int = 0) -> np.ndarray:
    """(T, n_vocab) logits of tokens appended to one sequence."""
    return np.array(decode(session, tokens, sequence, logits=True).logits)


def logits_one_by_one(session: _core.Session, tokens: Sequence[int], sequence: int = 0) -> np.ndarray:
    return np.concatenate([logits_of(session, [token], sequence) for token in tokens])


def capture(
    session: _core.Session, tokens: Sequence[int], sites: Sequence[tuple[str, int]], sequence: int = 0, **wants: Any
) -> dict[tuple[str, int], np.ndarray]:
    """(T, width) activations by site, of tokens appended to one sequence."""
    wants.setdefault("outputs", None)
    wants.setdefault("recorded", np.ones(len(tokens), dtype=bool))
    return dict(zip(sites, decode(session, tokens, sequence, sites=sites, **wants).recordings, strict=True))


def all_sites(n_layers: int, components: Sequence[str] = COMPONENTS) -> list[tuple[str, int]]:
    sites = [(component, layer) for layer in range(n_layers) for component in components]
    return [*sites, ("final_norm", n_layers - 1)]


def add(vector: np.ndarray, coefficient: float = 1.0) -> _core.Edit:
    return _core.Edit.rank_one(None, np.ascontiguousarray(vector, dtype=np.float32), coefficient, 0.0)


def nothing(width: int) -> _core.Edit:
    """An edit that changes nothing but is not a plain addition, so it cannot take the way of the control vector."""
    return _core.Edit.rank_one(np.ones(width, dtype=np.float32), np.zeros(width, dtype=np.float32), 0.0, 1.0)


def step(component: str, layer: int, edit: _core.Edit, begin: int = 0, end: int = FOREVER) -> _core.Step:
    return _core.Step(component, layer, edit, begin, end)


def steer(session: _core.Session, sequence: int, *steps: _core.Step) -> int:
    return session.set_program(sequence, list(steps))


def run_python(script: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, which may end as it likes, with the pysteer that is imported here."""
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        input=stdin,
        env=os.environ | {"PYTHONPATH": str(Path(pysteer.__file__).resolve().parent.parent)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def random_vector(width: int, *, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=width).astype(np.float32)
