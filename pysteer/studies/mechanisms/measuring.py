"""What the parts compute of vectors and of what they do to the preference between two answers.

Vectors are mean differences as in arXiv:2505.03189 and arXiv:2312.06681: activations are read after a block, at the
answer's letter, or averaged over a reply, or at the last token of a whole text; not normalised. They are added after
the same block, from the last token of the prompt on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.contrast_rows import auto_token_rule, read_contrast
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import Progress, silent
from pysteer.site import Site
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.reliability.measuring import steer
from pysteer.studies.study_model import StudyModel

MODULES = (
    "pysteer.contrast_rows",
    "pysteer.pair_text",
    "pysteer.propensity",
    "pysteer.studies.reliability.measuring",
    "pysteer.token_rules",
)
"""Whose code decides the numbers, besides this file's."""
Steered = tuple[Float64Array, int]
"""A direction, (d_model,), and the layer it is added at."""


def sweep_layers(task: Task) -> PartResult:
    """Steer validation items with the vector of every layer at that layer.

    Arrays: ``propensities`` (n_items, n_layers, n_coefficients), nats; ``directions`` (n_layers, d_model).
    """
    layers: list[int] = task.settings["layers"]
    rows = read_rows(task.model, task.data["train"], layers, means_only=True, progress=_half(task.progress, 0))
    directions = [_difference(rows[layer]).mean(axis=0) for layer in layers]
    values = steer(
        task.model,
        task.data["validation"],
        list(zip(directions, layers, strict=True)),
        task.settings["coefficients"],
        None,
        _half(task.progress, 1),
    )
    return PartResult({"layers": layers}, {"propensities": values, "directions": np.stack(directions)})


def choose_layer(task: Task) -> PartResult:
    """Choose one layer for all behaviours: the lowest of those with the highest mean of `scaled_slopes`.

    Arrays: ``slopes`` (n_behaviours, n_layers), scaled.
    """
    at = np.array(task.settings["coefficients"], dtype=np.float64)
    found = [result for _, result in sorted(task.inputs.items())]
    layers = found[0].content["layers"]
    table = np.array([scaled_slopes(at, result.arrays["propensities"]) for result in found])
    return PartResult({"layer": layers[int(table.mean(axis=0).argmax())], "layers": layers}, {"slopes": table})


def scaled_slopes(at: Float64Array, values: Float64Array) -> Float64Array:
    """Return the mean slope at every layer over the spread of items' slopes at all layers, (n_layers,).

    Letters and whole replies have propensities of different size; so scaled, a behaviour that does not steer weighs
    little, and one that does weighs about one, whatever its unit.

    Parameters
    ----------
    at : float64, shape (n_coefficients,)
    values : float64, shape (n_items, n_layers, n_coefficients)
    """
    centred = at - at.mean()
    slopes = values @ centred / float(centred @ centred)
    spread = float(np.sqrt((slopes**2).mean()))
    return np.asarray(slopes.mean(axis=0) / spread if spread > 0.0 else np.zeros(slopes.shape[1]), dtype=np.float64)


def train_vectors(task: Task) -> PartResult:
    """Read all pairs at the chosen layer, once.

    Arrays: ``deltas`` (n_pairs, d_model), positive minus negative; ``mean`` (d_model,), the vector; ``high_level``
    (n, d_model), the difference of each hand-written pair at its last token; ``norms`` (2 n_pairs,) of what was read.
    """
    layer = int(task.inputs["layer"].content["layer"])
    progress = task.progress
    positive, negative = read_rows(task.model, task.data["train"], [layer], means_only=False, progress=progress)[layer]
    deltas = _difference((positive, negative))
    norms = np.linalg.norm(np.concatenate([positive, negative]), axis=1)
    written = Dataset(tuple(ContrastPair("", *pair) for pair in task.settings["high_level"]), "high-level")
    high = _difference(read_rows(task.model, written, [layer], means_only=False, rule="last")[layer])
    arrays = {"deltas": deltas, "mean": deltas.mean(axis=0), "high_level": high, "norms": norms}
    return PartResult({"layer": layer}, arrays)


def steer_items(task: Task) -> PartResult:
    """Steer items with the vector and with random directions of its norm.

    Arrays: ``propensities`` (n_items, 1 + n_random, n_coefficients), nats, the vector first.
    """
    layer, vector = vector_of(task)
    directions = [vector, *random_directions(vector, task.settings["n_random"], task.settings["seed"], layer)]
    return _steered(task, [(direction, layer) for direction in directions])


def steer_subsets(task: Task) -> PartResult:
    """Steer items with vectors from few pairs: as they come, and scaled to the norm of the vector from all.

    Subsets are nested: each repeat takes the first pairs of one random order, the same as in
    `pysteer.metrics.sample_efficiency`.

    Arrays: ``propensities`` (n_items, 2, n_repeats, n_sizes, n_coefficients), as extracted and norm-matched; ``whole``
    (n_items, n_coefficients), all pairs; ``cosines`` (n_repeats, n_sizes); ``norms`` of the vectors likewise.
    """
    layer, vector = vector_of(task)
    deltas = task.inputs["vectors"].arrays["deltas"]
    sizes, n_repeats, seed = task.settings["pair_counts"], task.settings["n_repeats"], task.settings["seed"]
    subsets = nested_means(deltas, sizes, n_repeats, seed)
    norms = np.linalg.norm(subsets, axis=2)
    norm = float(np.linalg.norm(vector))
    matched = subsets * (norm / norms)[:, :, None]
    directions = [*np.stack([subsets, matched]).reshape(-1, vector.size), vector]
    values = _steered(task, [(direction, layer) for direction in directions]).arrays["propensities"]
    n_items, _, n_coefficients = values.shape
    shape = (n_items, 2, n_repeats, len(sizes), n_coefficients)
    return PartResult(
        {"sizes": sizes, "n_pairs": len(deltas)},
        {
            "propensities": values[:, :-1].reshape(shape),
            "whole": values[:, -1],
            "cosines": subsets @ vector / (norms * norm),
            "norms": norms,
        },
    )


def nested_means(deltas: Float64Array, sizes: Sequence[int], n_repeats: int, seed: int) -> Float64Array:
    """Return the means of the first pairs of random orders, (n_repeats, n_sizes, d_model)."""
    generator = np.random.default_rng(seed)
    places = np.array(sizes)
    orders = [generator.permutation(len(deltas)) for _ in range(n_repeats)]
    return np.stack([np.cumsum(deltas[order], axis=0)[places - 1] / places[:, None] for order in orders])


def steer_single(task: Task) -> PartResult:
    """Steer items with vectors of single pairs, and of hand-written ones, as they come and norm-matched.

    Arrays: ``propensities`` (n_items, 2, n_vectors, n_coefficients), as extracted and norm-matched; the first vector is
    that of all pairs, then the hand-written pairs, then the single ones. ``norms`` and ``cosines`` (n_vectors,).
    """
    layer, vector = vector_of(task)
    found = task.inputs["vectors"].arrays
    order = np.random.default_rng(task.settings["seed"]).permutation(len(found["deltas"]))
    chosen = np.sort(order[: task.settings["n_single"]])
    own = np.stack([vector, *found["high_level"], *found["deltas"][chosen]])
    norms = np.linalg.norm(own, axis=1)
    norm = float(norms[0])
    matched = own * np.divide(norm, norms, out=np.zeros_like(norms), where=norms > 0.0)[:, None]
    directions = np.stack([own, matched]).reshape(-1, vector.size)
    values = _steered(task, [(direction, layer) for direction in directions]).arrays["propensities"]
    cosines = own @ vector / np.maximum(norms * norm, 1e-30)
    shape = (values.shape[0], 2, len(own), values.shape[2])
    return PartResult(
        {"n_high_level": len(found["high_level"]), "pairs": chosen.tolist()},
        {"propensities": values.reshape(shape), "norms": norms, "cosines": cosines},
    )


def read_rows(
    model: StudyModel,
    pairs: Dataset,
    layers: Sequence[int],
    *,
    means_only: bool,
    rule: str | None = None,
    progress: Progress = silent,
) -> Mapping[int, tuple[Float32Array, Float32Array]]:
    """Return positive and negative activations by layer, each (n_pairs, d_model), or (1, d_model) of means only."""
    subject, chosen = model.subject(), rule or auto_token_rule(pairs)
    texts = [answer_pair(subject.model, pair, raw=subject.raw) for pair in pairs]
    contrast = read_contrast(
        subject.model,
        pairs,
        rules=(chosen,),
        sites=tuple(Site("resid_post", layer) for layer in layers),
        means_only=means_only,
        raw=subject.raw,
        session=subject.session_for_texts(max(len(side.tokens) for both in texts for side in both)),
        progress=progress,
    )
    return {layer: contrast.rows[chosen, Site("resid_post", layer)] for layer in layers}


def vector_of(task: Task) -> tuple[int, Float64Array]:
    """Return layer and vector of a part that needs "vectors"."""
    found = task.inputs["vectors"]
    return int(found.content["layer"]), found.arrays["mean"]


def random_directions(vector: Float64Array, n: int, seed: int, layer: int) -> list[Float64Array]:
    """Return directions that point anywhere, of the vector's norm; the same for the same seed, layer and width."""
    draws = np.random.default_rng([seed, layer]).standard_normal((int(n), vector.size))
    norm = np.linalg.norm(vector)
    return [np.asarray(draw * (norm / np.linalg.norm(draw)), dtype=np.float64) for draw in draws]


def _steered(task: Task, vectors: Sequence[Steered]) -> PartResult:
    items, coefficients = task.data["items"], task.settings["coefficients"]
    values = steer(task.model, items, vectors, coefficients, None, task.progress)
    return PartResult({"layer": vectors[0][1]}, {"propensities": values})


def _difference(rows: tuple[Float32Array, Float32Array]) -> Float64Array:
    positive, negative = rows
    return np.asarray(positive, dtype=np.float64) - negative


def _half(progress: Progress, number: int) -> Progress:
    return lambda done, total: progress(number * total + done, 2 * total)
