"""Made-up results of the study of reliability, in which everything is known: for tests of what the study concludes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.parts import PartResult
from pysteer.studies.questionnaires import Planted, Questionnaire
from pysteer.studies.reliability.found import AT, Found
from pysteer.studies.reliability.measuring import METHODS
from pysteer.studies.reliability.sizes import Sizes
from pysteer.studies.study import StudyContext

SETTINGS = ("BASE", "SYS_POS", "SYS_NEG", "USER_POS", "USER_NEG")
N_RANDOM = 6
Slopes = Callable[[Questionnaire, str, str], Any]
"""Slope of every test item, from questionnaire, setting of the vector, setting of the test."""


def questionnaire(name: str, n: int = 80, *, kind: str = "", themes: Sequence[str] = ("home",)) -> Questionnaire:
    """A questionnaire whose items have every combination of letter and Yes/No equally often."""

    def items(side: str, size: int) -> Dataset:
        pairs = []
        for index in range(size):
            first, second = ("Yes", "No") if index // 2 % 2 else ("No", "Yes")
            wanted, other = ("(A)", "(B)") if index % 2 else ("(B)", "(A)")
            prompt = f"{name} {side} {index}?\n\nChoices:\n(A): {first}\n(B): {second}"
            pairs.append(ContrastPair(prompt, wanted, other))
        return Dataset(tuple(pairs), f"{name}.{side}")

    test = items("test", n)
    chosen = {pair.prompt: themes[index % len(themes)] for index, pair in enumerate(test)}
    return Questionnaire(
        name, items("train", n), items("validation", 8), test, ("Be so.", "Be otherwise."), kind, chosen
    )


def planted_model(
    questionnaires: Sequence[Questionnaire],
    slopes: Slopes,
    *,
    label: str = "made-up",
    unsteered: Slopes = lambda each, train, test: 0.0,
    seen: Slopes | None = None,
    methods: dict[str, Slopes] | None = None,
    random: Slopes | None = None,
    means: Callable[[Questionnaire], Any] | None = None,
    layers: Any = None,
    quantised: dict[str, tuple[Any, Slopes]] | None = None,
    planted: Planted | None = None,
    settings: tuple[str, ...] = SETTINGS,
    n_layers: int = 8,
) -> Found:
    """Return what the study would have found on a model that behaves as told.

    Parameters
    ----------
    unsteered : callable
        Propensity of every item without steering, by setting of the test.
    seen, random, methods
        Slopes of training items, under random directions, and under other methods' vectors; by default as ``slopes``,
        0 plus noise, and as ``slopes``.
    means : callable
        Vectors of all settings of a questionnaire, (n_settings, d_model).
    layers : float, shape (n_questionnaires, n_layers)
        Steerability of the sweep.
    quantised : mapping of str to (direction, slopes)
    """
    noise = np.random.default_rng(7)
    results: dict[str, PartResult] = {}

    def curve(base: Any, slope: Any, n: int) -> np.ndarray:
        lines = np.broadcast_to(slope, n)[:, None] * AT
        return np.asarray(lines + np.broadcast_to(base, n)[:, None], dtype=np.float64)

    for each in questionnaires:
        n = len(each.test)
        directions = np.eye(len(settings), 16) + 1.0 if means is None else means(each)
        results[f"{label} / {each.name} / vectors"] = PartResult({"settings": list(settings)}, {"mean": directions})
        for test in settings:
            curves = [curve(unsteered(each, train, test), slopes(each, train, test), n) for train in settings]
            results[f"{label} / {each.name} / {test}"] = PartResult(arrays={"propensities": np.stack(curves, axis=1)})
        own = slopes if seen is None else seen
        of_seen = curve(0.0, own(each, "BASE", "BASE"), len(each.train))
        results[f"{label} / {each.name} / seen"] = PartResult(arrays={"propensities": of_seen[:, None]})
        others = [(methods or {}).get(name, slopes)(each, "BASE", "BASE") for name in (*METHODS, "shuffled")]
        drawn = [
            noise.normal(0.0, 0.02) + noise.normal(0.0, 0.5, n) if random is None else random(each, "BASE", "BASE")
            for _ in range(N_RANDOM)
        ]
        controls = np.stack([curve(0.0, slope, n) for slope in (*others, *drawn)], axis=1)
        results[f"{label} / {each.name} / controls"] = PartResult(arrays={"propensities": controls})
        for kind, (direction, after) in (quantised or {}).items():
            both = np.stack([curve(0.0, after(each, "BASE", "BASE"), n)] * 2, axis=1)
            arrays = {"propensities": both, "direction": direction}
            content = {"file_hash": "1" * 64, "file_bytes": 1_000_000}
            results[f"{label} / {each.name} / {kind}"] = PartResult(content, arrays)
    table = np.ones((len(questionnaires), n_layers)) if layers is None else np.asarray(layers, dtype=np.float64)
    chosen = int(table.mean(axis=0).argmax())
    content = {"layer": chosen, "layers": list(range(table.shape[1]))}
    results[f"{label} / layer"] = PartResult(content, {"steerability": table})
    model: Any = SimpleNamespace(
        label=label, hash=f"{len(label):064x}", loaded=SimpleNamespace(n_layers=n_layers, quantisation="all F32")
    )
    n = len(questionnaires)
    sizes = Sizes(None, 80, 8, 80, n, None, N_RANDOM, tuple(quantised or ()), n, None)
    context = StudyContext((model,), "quick", sizes, 0)
    return Found(model, context, tuple(questionnaires), planted, results, settings)
