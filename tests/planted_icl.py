"""Made-up results of the study of function vectors and in-context vectors, in which everything is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.icl.answers import MEASURES
from pysteer.studies.icl.behaviours import Behaviour
from pysteer.studies.icl.found import ARMS, RANDOMS, Found
from pysteer.studies.icl.plan import SENTENCES, TEMPLATES, Material, layer_sets
from pysteer.studies.icl.rewriting import MEASURES as TEXT_MEASURES
from pysteer.studies.icl.rewriting import METHODS
from pysteer.studies.icl.sizes import PRESETS
from pysteer.studies.icl.tasks import Fold
from pysteer.studies.parts import PartResult
from pysteer.studies.study import StudyContext

N_ITEMS, N_LAYERS, N_HEADS, N_RANDOM = 20, 8, 4, 3
ALPHAS, N_DEMOS = (1.0, 2.5), (5, 20)
HEAD_COUNTS = (1, 2, 5)
STRENGTHS, TEXT_ALPHAS = (1.0, 4.0), (1.0, 2.5)
Chance = Callable[[str, str], float]
"""Probability that an answer is right, from the kind of prompt ("zero", "shuffled", "few", "many") and the arm."""
NOTHING: Mapping[str, float] = {}


def fold(task: str, number: int = 0) -> Fold:
    """One split of a made-up task."""

    def words(side: str, n: int) -> WordPairs:
        return WordPairs(f"{task}.{side}", tuple(WordPair(f"{task}{side}{i}", f"out{i}") for i in range(n)))

    return Fold(task, number, words("train", 30), words("test", N_ITEMS), words("valid", 6), 10, 20, 1)


def behaviour(name: str, source: str | None = None) -> Behaviour:
    def side(n: int, kind: str) -> Dataset:
        pairs = (ContrastPair(f"Q: bad {kind} {i}\nA:", f" good {kind} {i}", f" bad {kind} {i}") for i in range(n))
        return Dataset(tuple(pairs), f"{name}.{kind}")

    return Behaviour(
        name, source or name, side(20, "train"), side(8, "valid"), side(N_ITEMS, "test"), "mood", False, 5, 0
    )


def planted_model(
    right: Chance,
    *,
    label: str = "made-up",
    n_tasks: int = 10,
    entropy: Chance = lambda kind, arm: 3.0,
    grid: Callable[[int, float], float] = lambda n_demos, alpha: 0.2,
    grid_entropy: Callable[[int, float], float] = lambda n_demos, alpha: 3.0 - 0.2 * abs(alpha),
    layers: Callable[[int], float] = lambda layer: 0.0,
    templates: Callable[[str, int], float] = lambda name, arm: 0.2,
    sentences: Callable[[int], float] = lambda arm: 0.0,
    best_head: tuple[int, int] = (2, 3),
    clean_probability: float = 0.2,
    text_shift: Callable[[str, float], float] = lambda method, strength: 0.0,
    text_random: float = 0.0,
    chosen: Mapping[str, float | None] | None = None,
    behaviours: tuple[Behaviour, ...] = (behaviour("toxic to neutral"), behaviour("negative to positive")),
    is_embedded: bool = False,
    folder: Path = Path("/nowhere"),
    names: tuple[str, ...] = (),
    folds: tuple[Fold, ...] = (),
) -> Found:
    """Return what the study would have found on a model that behaves as told.

    Parameters
    ----------
    layers : callable
        What the vector adds to the first token's accuracy at a layer; 0.2 is the accuracy without.
    templates, sentences : callable
        Accuracy by template, and share of texts with the answer, by arm (0 none, 1 vector, 2 random).
    text_shift : callable
        Change of log p(after) - log p(before) at a method's strength.
    """
    generator = np.random.default_rng(11)
    folds = folds or tuple(fold(name) for name in (names or tuple(f"task{i}" for i in range(n_tasks))))
    arms = [arm for arm in ARMS if arm not in RANDOMS]
    arms += [f"{arm} {k}" for k in range(N_RANDOM) for arm in RANDOMS]
    results: dict[str, PartResult] = {}

    def hits(p: float, n: int) -> np.ndarray:
        """Exactly the share ``p`` of ``n`` answers is right, but which ones is drawn."""
        return generator.permutation(np.arange(n) < round(p * n)).astype(np.float64)

    def measures(p: float, bits: float, n: int = N_ITEMS) -> np.ndarray:
        rows = np.zeros((len(MEASURES), n))
        rows[MEASURES.index("first word")] = hits(p, n)
        rows[MEASURES.index("probability")] = p
        rows[MEASURES.index("first-token rank")] = np.where(rows[0] > 0, 0, 5)
        rows[MEASURES.index("n-gram entropy")] = bits + generator.normal(0.0, 0.02, n)
        return rows

    for one in folds:
        cie = generator.normal(0.0, 0.01, (5, N_LAYERS, N_HEADS))
        cie[:, best_head[0], best_head[1]] += 0.3
        content = {"layer": 3, "n_heads": 1, "heads": [[2, 3]], "n_blank": 0}
        results[f"{label} / {one.name} / vectors"] = PartResult(
            content, {"cie": cie, "clean": np.full(5, clean_probability)}
        )
        arrays = {
            kind: np.stack([measures(right(kind, arm), entropy(kind, arm)) for arm in arms], axis=2)
            for kind in ("zero", "shuffled")
        }
        arrays |= {kind: measures(right(kind, "clean"), 3.0)[:, :, None] for kind in ("few", "many")}
        results[f"{label} / {one.name} / arms"] = PartResult({"arms": arms, "left_out": {}}, arrays)
        columns = [(0, 0.0), *((n, alpha) for n in N_DEMOS for alpha in ALPHAS)]
        table = np.stack([measures(grid(n, alpha), grid_entropy(n, alpha)) for n, alpha in columns], axis=2)
        results[f"{label} / {one.name} / in-context grid"] = PartResult(
            {"alphas": ALPHAS, "n_demos": N_DEMOS, "left_out": {}}, {"test": table, "valid": table[:, :6]}
        )
        sets = layer_sets(N_LAYERS)
        clean = hits(0.2, N_ITEMS)

        def places(chances: list[float], before: np.ndarray = clean) -> np.ndarray:
            accuracy = np.stack([np.maximum(before, hits(p / 0.8, N_ITEMS)) for p in chances], axis=1)
            return np.stack([accuracy, np.broadcast_to(chances, accuracy.shape)])

        results[f"{label} / {one.name} / places"] = PartResult(
            {"layers": list(range(N_LAYERS)), "n_heads": list(HEAD_COUNTS), "sets": list(sets)},
            {
                "clean": np.stack([clean, np.full(N_ITEMS, 0.2)]),
                "layers": places([layers(layer) for layer in range(N_LAYERS)]),
                "published": places([0.0 for _ in range(N_LAYERS)]),
                "heads": places([0.1 * n for n in HEAD_COUNTS]),
                "sets": places([0.0 for _ in sets]),
            },
        )
        asked = np.stack(
            [np.stack([hits(templates(name, arm), N_ITEMS) for arm in range(3)], 1) for name in TEMPLATES], 1
        )
        said = np.stack([np.stack([hits(sentences(arm), N_ITEMS) for arm in range(3)], 1) for _ in SENTENCES], 1)
        results[f"{label} / {one.name} / templates"] = PartResult(
            {"left_out": {}}, {"templates": np.stack([asked, asked]), "sentences": said}
        )
        if is_embedded:
            whole = {kind: measures(right(kind, "clean"), 3.0)[:, :, None] for kind in ("zero", "few")}
            results[f"{label} / {one.task} / all words"] = PartResult({"left_out": {}}, whole)
    tried = {"alphas": ALPHAS, "n_demos": N_DEMOS}
    choice = {"alpha": ALPHAS[1], "n_demos": N_DEMOS[0], "tried": tried}
    results[f"{label} / in-context choice"] = PartResult(choice)
    results[f"{label} / heads choice"] = PartResult({"n_heads": 5})
    picked = dict(chosen) if chosen is not None else dict(zip(METHODS, (STRENGTHS[-1], TEXT_ALPHAS[-1]), strict=True))
    for each in behaviours:
        settings = [("none", 0.0), *((METHODS[0], c) for c in STRENGTHS), *((METHODS[1], a) for a in TEXT_ALPHAS)]
        base = generator.normal(0.0, 3.0, N_ITEMS)

        def scored(shift: float, before: np.ndarray = base) -> np.ndarray:
            rows = np.ones((len(TEXT_MEASURES), N_ITEMS))
            rows[0] = before + shift + generator.normal(0.0, 0.3, N_ITEMS)
            rows[1] = np.clip(0.5 + shift / 20.0, 0.0, 1.0)
            return rows

        texts = np.stack([scored(text_shift(method, strength)) for method, strength in settings], axis=2)
        content = {"strengths": STRENGTHS, "alphas": TEXT_ALPHAS, "texts": [[f"text {place}" for place in range(5)]]}
        results[f"{label} / {each.name} / tried"] = PartResult({"left_out": {}})
        results[f"{label} / {each.name} / rewritten"] = PartResult({**content, "left_out": {}}, {"found": texts})
        results[f"{label} / {each.name} / strengths"] = PartResult({"chosen": picked})
        random = np.stack([np.stack([scored(text_random) for _ in range(N_RANDOM)], 2) for _ in METHODS], axis=2)
        for place, method in enumerate(METHODS):
            if picked[method] is None:
                random[:, :, place] = np.nan
        results[f"{label} / {each.name} / random"] = PartResult({"chosen": picked, "left_out": {}}, {"found": random})
    model: Any = SimpleNamespace(
        label=label, hash=f"{len(label):064x}", loaded=SimpleNamespace(n_layers=N_LAYERS), path=folder / "model.gguf"
    )
    context = StudyContext((model,), "quick", PRESETS["quick"], 0)
    return Found(model, context, Material(folds, behaviours), results, is_embedded)
