"""What the parts compute of vectors and of what they do to the preference between two answers.

Vectors are mean differences as in arXiv:2505.03189 and arXiv:2312.06681: activations are read after a block, at the
answer's letter, or averaged over a reply, or at the last token of a whole text; not normalised. They are added after
the same block, from the last token of the prompt on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array, Float64Array
from pysteer.contrast_rows import auto_token_rule, read_contrast
from pysteer.metrics.sample_efficiency import nested_means
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import Progress, silent
from pysteer.site import Site
from pysteer.statistics import slope
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.reliability.measuring import pass_of, steer
from pysteer.studies.study_model import StudyModel

MODULES = (
    "pysteer.answer_jobs",
    "pysteer.chat_template",
    "pysteer.contrast_rows",
    "pysteer.metrics.sample_efficiency",
    "pysteer.pair_text",
    "pysteer.prompt_conditions",
    "pysteer.propensity",
    "pysteer.statistics.line",
    "pysteer.studies.reliability.measuring",
    "pysteer.token_rules",
)
"""Whose code decides the numbers, besides this file's."""


def sweep_layers(task: Task) -> PartResult:
    """Steer validation items with the vector of every layer at that layer.

    Arrays: ``propensities`` (n_items, n_layers, n_coefficients), nats; ``directions`` (n_layers, d_model).
    """
    layers: list[int] = task.settings["layers"]
    rows = read_rows(task.model, task.data["train"], layers, means_only=True, progress=pass_of(task.progress, 0, 2))
    directions = [_difference(rows[layer]).mean(axis=0) for layer in layers]
    values = steer(
        task.model,
        task.data["validation"],
        list(zip(directions, layers, strict=True)),
        task.settings["coefficients"],
        None,
        pass_of(task.progress, 1, 2),
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
    slopes = slope(at, values)
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
    """Steer items with the vector and, at strengths of their own, with random directions of its norm.

    Arrays, nats: ``propensities`` (n_items, n_coefficients), of the vector; ``random`` (n_items, n_random,
    n_random_coefficients).
    """
    layer, vector = vector_of(task)
    own, drawn = task.settings["coefficients"], task.settings["random_coefficients"]
    randoms = random_directions(vector, task.settings["n_random"], task.settings["seed"], layer)
    pushes = [(vector, strength) for strength in own] + [(one, strength) for one in randoms for strength in drawn]
    # Directions have strengths of their own, so each push is a vector, added once; 0 is the model as it is.
    scaled = [(direction * strength, layer) for direction, strength in pushes if strength]
    values = steer(task.model, task.data["items"], scaled, (0.0, 1.0), None, task.progress)
    table = np.concatenate([values[:, :1, 0], values[:, :, 1]], axis=1)
    active = np.array([strength != 0.0 for _, strength in pushes])
    table = table[:, np.where(active, np.cumsum(active), 0)]
    random = table[:, len(own) :].reshape(len(table), len(randoms), len(drawn))
    return PartResult({"layer": layer}, {"propensities": table[:, : len(own)], "random": random})


def steer_subsets(task: Task) -> PartResult:
    """Steer items with vectors from few pairs: as they come, and scaled to the norm of the vector from all.

    Subsets are nested: each repeat takes the first pairs of one random order, the same as in
    `pysteer.metrics.sample_efficiency`.

    Arrays: ``propensities`` (n_items, 2, n_repeats, n_sizes, n_coefficients), as extracted and norm-matched;
    ``cosines`` (n_repeats, n_sizes) with the vector of all pairs, 0 of a vector of zeros; ``norms`` of the vectors
    likewise.
    """
    layer, vector = vector_of(task)
    deltas = task.inputs["vectors"].arrays["deltas"]
    sizes, n_repeats, seed = task.settings["pair_counts"], task.settings["n_repeats"], task.settings["seed"]
    subsets = nested_means(deltas, sizes, n_repeats, seed)
    norms = np.linalg.norm(subsets, axis=2)
    norm = float(np.linalg.norm(vector))
    directions = np.stack([subsets, _scaled(subsets, norm)]).reshape(-1, vector.size)
    values = _steered(task, directions, layer)
    n_items, _, n_coefficients = values.shape
    shape = (n_items, 2, n_repeats, len(sizes), n_coefficients)
    return PartResult(
        {"sizes": sizes, "n_pairs": len(deltas)},
        {
            "propensities": values.reshape(shape),
            "cosines": _over(subsets @ vector, norms * norm),
            "norms": norms,
        },
    )


def steer_single(task: Task) -> PartResult:
    """Steer items with vectors of single pairs, and of hand-written ones, as they come and norm-matched.

    Arrays: ``propensities`` (n_items, 2, n_vectors, n_coefficients), as extracted and norm-matched; the hand-written
    pairs come first, then the single ones.
    """
    layer, vector = vector_of(task)
    found = task.inputs["vectors"].arrays
    order = np.random.default_rng(task.settings["seed"]).permutation(len(found["deltas"]))
    chosen = np.sort(order[: task.settings["n_single"]])
    own = np.stack([*found["high_level"], *found["deltas"][chosen]])
    directions = np.stack([own, _scaled(own, float(np.linalg.norm(vector)))]).reshape(-1, vector.size)
    values = _steered(task, directions, layer)
    shape = (values.shape[0], 2, len(own), values.shape[2])
    return PartResult(
        {"n_high_level": len(found["high_level"]), "pairs": chosen.tolist()},
        {"propensities": values.reshape(shape)},
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


def _steered(task: Task, directions: Iterable[Float64Array], layer: int) -> Float64Array:
    """Return propensities with each direction, nats, (n_items, n_directions, n_coefficients)."""
    vectors = [(direction, layer) for direction in directions]
    return steer(task.model, task.data["items"], vectors, task.settings["coefficients"], None, task.progress)


def _difference(rows: tuple[Float32Array, Float32Array]) -> Float64Array:
    positive, negative = rows
    return np.asarray(positive, dtype=np.float64) - negative


def _scaled(rows: Float64Array, norm: float) -> Float64Array:
    """Return rows of a given length; a row of zeros has no direction, and stays one."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows * _over(norm, norms), dtype=np.float64)


def _over(top: npt.ArrayLike, bottom: Float64Array) -> Float64Array:
    """Return quotients; 0 over 0."""
    return np.divide(top, bottom, out=np.zeros_like(bottom), where=bottom > 0.0)
