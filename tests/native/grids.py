"""A small grid for tests of `pysteer.evaluate`: two vectors, pairs and a text, two measurements, one thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from python_runs import random_vector

import pysteer
from pysteer.model import Model

PAIRS = pysteer.Dataset(
    tuple(pysteer.ContrastPair(f"How is day {i}?", f" Good, {i} times.", f" Bad, {i} times.") for i in range(5)), "days"
)
LETTERS = pysteer.Dataset(
    tuple(pysteer.ContrastPair(f"Is {i} odd?\n(A) Yes\n(B) No\n", "(A)", "(B)") for i in range(6)), "letters"
)
TEXT = " ".join(f"The thing {k * k} in the hand was a ring." for k in range(9))
VECTORS = {"first": random_vector(1, 2, seed=1), "second": random_vector(2, seed=2)}
STRENGTHS = (-1.0, 0.0, 0.5)


def small_grid(model: Model | Path, store: Any = None, **changes: Any) -> pysteer.EvaluationTable:
    """The grid's table; ``changes`` are arguments of `pysteer.evaluate`."""
    if isinstance(model, Path):
        model = Model.load(model)
    arguments: dict[str, Any] = {
        "vectors": VECTORS,
        "data": [PAIRS, LETTERS, TEXT],
        "coefficients": STRENGTHS,
        "metrics": ["steerability", "perplexity:window_size=64"],
        "raw": True,
        "n_threads": 1,
        "kv_type": "f32",
        "n_ctx": 1024,
        "store": store,
    }
    arguments |= changes
    return pysteer.evaluate(model, arguments.pop("vectors"), arguments.pop("data"), **arguments)
