"""Made-up results of the study of mechanisms, in which everything is known: for tests of what the study concludes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from pysteer.metrics.sample_efficiency import nested_means
from pysteer.pairs import ContrastPair, Dataset
from pysteer.statistics import slope as line_slope
from pysteer.studies.mechanisms.behaviours import Behaviour, Material
from pysteer.studies.mechanisms.corpora import KINDS
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.measuring import scaled_slopes
from pysteer.studies.mechanisms.plan import pair_counts
from pysteer.studies.mechanisms.sizes import (
    ALL_STRENGTHS,
    JUDGED_STRENGTHS,
    MAP_STRENGTHS,
    OVERDOSE,
    PRESETS,
    QUERY_STRENGTHS,
    RANDOM_GAIN_STRENGTHS,
    RANDOM_STRENGTHS,
    REPLY_STRENGTHS,
    STRENGTHS,
    SWEEP_STRENGTHS,
)
from pysteer.studies.parts import PartResult
from pysteer.studies.study import StudyContext

N_WINDOWS, N_PROMPTS, N_RANDOM, N_LAYERS, WIDTH = 12, 10, 3, 8, 256
N_REPEATS, N_SINGLE, N_PAIRS = 6, 16, 320
SIZES = replace(PRESETS["quick"], n_random=N_RANDOM, n_prompts=N_PROMPTS, n_windows=N_WINDOWS, quantisations=("Q4_0",))


def behaviour(
    name: str, n: int = 40, kind: str = "questionnaire", planted: str = "", n_pairs: int = N_PAIRS
) -> Behaviour:
    """A behaviour; what its items say does not matter."""

    def items(side: str, size: int) -> Dataset:
        wanted, other = ("(A)", "(B)") if kind == "questionnaire" else ("I laugh.", "I cry.")
        return Dataset(tuple(ContrastPair(f"{name} {side} {i}?", wanted, other) for i in range(size)), name)

    return Behaviour(
        name, kind, items("train", n_pairs), items("validation", 8), items("test", n), ("Love", "Hate"), planted
    )


def planted_model(
    behaviours: Sequence[Behaviour],
    *,
    effect: Callable[[Behaviour], float] = lambda each: 1.0,
    outside: Callable[[Behaviour], float] = lambda each: 1.0,
    loss: Callable[[Behaviour, float], float] = lambda each, strength: 0.02 * strength**2,
    random_loss: Callable[[float], float] = lambda strength: 0.005 * strength**2,
    coarse_loss: float = 0.0,
    best: int = 3,
    breaks_at: float = 8.0,
    noise_ratio: float = 4.2,
    single: Callable[[int], float] = lambda pair: 0.2 + 0.6 * (pair % 2),
    written: float = 0.2,
    joyful: tuple[float, float, float] = (0.0, 0.5, 1.0),
    label: str = "made-up",
    is_embedded: bool = False,
    n_parameters: int = 1000,
    noise: float = 0.3,
    judged: Callable[[Behaviour], float] | None = None,
    random_spread: float = 0.0,
) -> Found:
    """Return what the study would have found on a model that behaves as told.

    Parameters
    ----------
    effect, outside : callable
        Slope of the propensity of held-out items, and the share of it that is left on user queries.
    loss, random_loss : callable
        Change of the loss per token at a strength, with the vector and with random directions.
    coarse_loss : float
        What coarser weights add to that.
    best : int
        The layer that steers best.
    breaks_at : float
        Strength from which on all texts are broken.
    noise_ratio : float
        Of the pairs' differences: their scatter over the squared length of their mean.
    single, written : callable, float
        Slope of single pairs' vectors, and of the hand-written one, over that of all pairs.
    judged : callable, optional
        Slope of the propensity of the items that say whether a behaviour is steered, where they are not like others.
    random_spread : float
        By which the losses of the random directions differ, as a share of their mean.
    joyful : (float, float, float)
        Share of joyful replies at the three strengths at which replies are written.
    """
    draw = np.random.default_rng(11)
    results: dict[str, PartResult] = {}

    def put(words: str, content: Any = None, arrays: Any = None, **more: Any) -> None:
        results[f"{label} / {words}"] = PartResult(content or {}, {**(arrays or {}), **more})

    for each in behaviours:
        n, slope = len(each.test), effect(each)
        lucky = slope if judged is None else judged(each)
        put(f"{each.name} / judged", **_steered(draw, draw.normal(0.0, 1.5, 8), lucky, JUDGED_STRENGTHS, noise))
        put(f"{each.name} / behaviour", **_steered(draw, draw.normal(0.0, 1.5, n), slope, ALL_STRENGTHS, noise))
        for kind in KINDS:
            left = slope * outside(each)
            put(f"{each.name} / {kind}", **_steered(draw, draw.normal(0.0, 1.5, 16), left, QUERY_STRENGTHS, noise))
        common = draw.normal(2.0, 0.2, N_WINDOWS)[:, None, None]  # windows differ alike under every direction
        own = common[:, 0] + _scattered(draw, [loss(each, s) for s in STRENGTHS], STRENGTHS, N_WINDOWS)
        drawn = [[(1.0 + random_spread * k) * random_loss(s) for s in RANDOM_STRENGTHS] for k in (-1, 0, 1)]
        random = common + _scattered(draw, drawn, RANDOM_STRENGTHS, N_WINDOWS)
        others = {f"random_{name}": table for name, table in _windows(random).items() if name != "tokens"}
        put(f"{each.name} / perplexity", **_windows(own), **others)
        coarse = own + coarse_loss * (np.array(STRENGTHS) != 0.0)
        put(f"{each.name} / Q4_0", {"file_hash": "c" * 64}, **_windows(coarse[: N_WINDOWS // 2]))
        by_layer = np.array([[loss(each, s) * (1.0 + layer) for s in MAP_STRENGTHS] for layer in range(N_LAYERS)])
        put(f"{each.name} / map", {"layers": list(range(N_LAYERS))}, **_windows(common + by_layer))
        put(f"{each.name} / layers", {"layers": list(range(N_LAYERS))}, **_sweep(draw, slope, best))
        put(f"{each.name} / texts", *_texts(draw, breaks_at))
        if each.kind == "texts":
            words = [["lovely" if i < share * 20 else "gloomy" for share in joyful] for i in range(20)]
            assert len(joyful) == len(REPLY_STRENGTHS)
            put(f"{each.name} / replies", {"texts": words}, n_tokens=np.full((20, len(joyful)), 9.0))
        deltas = _deltas(draw, noise_ratio, len(each.train))
        put(
            f"{each.name} / vectors",
            {"layer": best},
            deltas=deltas,
            mean=deltas.mean(axis=0),
            norms=np.full(2 * len(deltas), 4.0),
        )
        own = results[f"{label} / {each.name} / behaviour"].arrays["propensities"]
        few = line_slope(ALL_STRENGTHS, own)[: SIZES.n_repeat_items]
        put(f"{each.name} / subsets", *_subsets(deltas, few))
        put(f"{each.name} / single", {"n_high_level": 1}, propensities=_singles(few, single, written))
    table = np.array(
        [
            scaled_slopes(np.array(SWEEP_STRENGTHS), results[f"{label} / {each.name} / layers"].arrays["propensities"])
            for each in behaviours
        ]
    )
    put("layer", {"layer": int(table.mean(axis=0).argmax()), "layers": list(range(N_LAYERS))}, slopes=table)
    name = "passages" if is_embedded else "neutral passages"
    put("corpus", {"chosen": name, "nll": {name: 2.0}})
    loaded = SimpleNamespace(n_layers=N_LAYERS, n_parameters=n_parameters, quantisation="all F32")
    model: Any = SimpleNamespace(label=label, hash=f"{len(label):064x}", loaded=loaded)
    context = StudyContext((model,), "quick", SIZES, 0)
    return Found(model, context, Material(tuple(behaviours), is_embedded), results)


def _steered(draw: Any, base: Any, slope: float, strengths: Sequence[float], noise: float) -> dict[str, np.ndarray]:
    """Propensities of items: lines for the vector, level ones for random directions."""
    own = base[:, None] + (slope + draw.normal(0.0, noise, base.size))[:, None] * np.array(strengths)
    at = np.array(RANDOM_GAIN_STRENGTHS)
    drawn = [base[:, None] + draw.normal(0.0, 0.02, base.size)[:, None] * at for _ in range(N_RANDOM)]
    return {"propensities": own, "random": np.stack(drawn, axis=1)}


def _scattered(draw: Any, losses: Any, strengths: Sequence[float], n: int) -> np.ndarray:
    """Losses by window, with a little noise where there is steering, (n, *losses.shape)."""
    table = np.array(losses)
    return table + draw.normal(0.0, 0.001, (n, *table.shape)) * (np.array(strengths) != 0.0)


def _windows(nll: np.ndarray) -> dict[str, np.ndarray]:
    ones = np.ones_like(nll)
    return {"nll": nll, "kl": 0.1 * ones, "entropy": ones, "tokens": np.full(len(nll), 50.0)}


def _sweep(draw: Any, slope: float, best: int) -> dict[str, np.ndarray]:
    by_layer = np.array([1.0 if layer == best else 0.3 for layer in range(N_LAYERS)])
    slopes = slope * by_layer + draw.normal(0.0, 0.05, (8, N_LAYERS))
    return {"propensities": slopes[:, :, None] * np.array(SWEEP_STRENGTHS), "directions": np.ones((N_LAYERS, WIDTH))}


def _texts(draw: Any, breaks_at: float) -> Any:
    surprise = np.array([[4.0 if s >= breaks_at else 1.0 for s in OVERDOSE]] * N_PROMPTS)
    surprise = surprise + draw.normal(0.0, 0.05, surprise.shape)
    texts = [[f"The cat {prompt} sat on the mat at {s:g}." for s in OVERDOSE] for prompt in range(N_PROMPTS)]
    content = {"texts": texts, "stops": [["end"] * len(OVERDOSE)] * N_PROMPTS}
    return content, {"surprise": surprise, "n_tokens": np.full(surprise.shape, 9.0)}


def _deltas(draw: Any, noise_ratio: float, n_pairs: int) -> np.ndarray:
    """Differences of pairs around one direction of length 1, with a given scatter over all directions."""
    mean = np.zeros(WIDTH)
    mean[0] = 1.0
    return mean + draw.normal(0.0, np.sqrt(noise_ratio / WIDTH), (n_pairs, WIDTH))


def _subsets(deltas: np.ndarray, slopes: np.ndarray) -> Any:
    """Effects that go with the vector's part along the mean of all pairs."""
    counts, at = pair_counts(len(deltas)), np.array(SWEEP_STRENGTHS)
    vector = deltas.mean(axis=0)
    norm = np.linalg.norm(vector)
    subsets = nested_means(deltas, counts, N_REPEATS, 0)
    norms = np.linalg.norm(subsets, axis=2)
    along = subsets @ vector / norm**2
    cosines = subsets @ vector / (norms * norm)
    arrays = {
        "propensities": slopes[:, None, None, None, None] * np.stack([along, cosines])[..., None] * at,
        "cosines": cosines,
        "norms": norms,
    }
    return {"sizes": counts, "n_pairs": len(deltas)}, arrays


def _singles(slopes: np.ndarray, single: Callable[[int], float], written: float) -> np.ndarray:
    shares = np.array([written, *[single(pair) for pair in range(N_SINGLE)]])
    values = slopes[:, None, None, None] * shares[:, None] * np.array(SWEEP_STRENGTHS)
    return np.repeat(values, 2, axis=1)
