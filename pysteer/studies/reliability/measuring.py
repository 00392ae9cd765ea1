"""What the parts of the study compute: vectors, layers, and the propensities of items under steering.

Definitions of "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404: mean difference at
the answer's letter, not normalised; added at one layer from the last prompt token on; vectors of other prompt settings
scaled to the norm of the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.contrast_rows import auto_token_rule, read_contrast
from pysteer.errors import ShapeError
from pysteer.extractors import extractors
from pysteer.intervention import Intervention
from pysteer.metrics.delta_cosine import delta_cosine
from pysteer.pair_text import answer_pair
from pysteer.pairs import Dataset
from pysteer.progress import Progress
from pysteer.prompt_settings import PromptSetting
from pysteer.propensity import propensity_jobs, run_propensities
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.steering_program import compile_interventions
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.vector import SteeringVector
from pysteer.window import Window

METHODS = ("pca", "logistic")
"""Aggregators beside the mean, as the paper compares them."""
MODULES = (
    "pysteer.contrast_rows",
    "pysteer.extractors",
    "pysteer.metrics.delta_cosine",
    "pysteer.pair_text",
    "pysteer.prompt_settings",
    "pysteer.propensity",
    "pysteer.token_rules",
)
"""Whose code decides the numbers, besides this file's."""
_WINDOW = Window.parse("answer")


def sweep_layers(task: Task) -> PartResult:
    """Steer validation items with the vector of every layer at that layer.

    Arrays: ``propensities`` (n_items, n_layers, n_coefficients), nats; ``norms`` (n_layers,).
    """
    layers: list[int] = task.settings["layers"]
    setting = setting_of(task.settings["setting"])
    rows = rows_of(
        task.model, task.data["train"], layers, setting, means_only=True, progress=pass_of(task.progress, 0, 2)
    )
    directions = {layer: extractors.get("mean_difference")(*rows[layer]) for layer in layers}
    steerings = [(directions[layer], layer) for layer in layers]
    values = steer(
        task.model,
        task.data["validation"],
        steerings,
        task.settings["coefficients"],
        setting,
        pass_of(task.progress, 1, 2),
    )
    norms = [float(np.linalg.norm(directions[layer])) for layer in layers]
    return PartResult({"layers": layers}, {"propensities": values, "norms": np.array(norms)})


def choose_layer(task: Task) -> PartResult:
    """Choose the layer with the highest mean steerability over the sweep's questionnaires; the lowest among equals.

    Arrays: ``steerability`` (n_questionnaires, n_layers).
    """
    at = np.array(task.settings["coefficients"], dtype=np.float64)
    layers = next(iter(task.inputs.values())).content["layers"]
    table = np.array(
        [_slopes(at, found.arrays["propensities"]).mean(axis=0) for _, found in sorted(task.inputs.items())]
    )
    return PartResult({"layer": layers[int(table.mean(axis=0).argmax())], "layers": layers}, {"steerability": table})


def train_vectors(task: Task) -> PartResult:
    """Extract the vector of each prompt setting at the chosen layer, and for the first setting those of other methods.

    Arrays: ``mean`` (n_settings, d_model), as extracted; ``methods`` (n_methods, d_model) and ``shuffled`` (d_model,),
    NaN where a method finds no direction; ``delta_cosine`` (3,): mean cosine of the pairs' differences, its interval.
    """
    layer = int(task.inputs["layer"].content["layer"])
    settings: Mapping[str, list[str | None]] = task.settings["settings"]
    means, others, shuffled, spread = [], np.array([]), np.array([]), np.full(3, np.nan)
    for number, (name, parts) in enumerate(settings.items()):
        progress = pass_of(task.progress, number, len(settings))
        pair = rows_of(
            task.model, task.data["train"], [layer], setting_of([name, *parts]), means_only=False, progress=progress
        )
        positive, negative = pair[layer]
        means.append(extractors.get("mean_difference")(positive, negative))
        if number == 0:
            others = np.stack([_direction(method, positive, negative) for method in METHODS])
            shuffled = _direction("shuffled_labels", positive, negative, seed=int(task.settings["seed"]))
            score = delta_cosine(positive.astype(np.float64) - negative)
            spread = np.array([score.value, score.low, score.high])
    arrays = {"mean": np.stack(means), "methods": others, "shuffled": shuffled, "delta_cosine": spread}
    return PartResult({"layer": layer, "settings": list(settings)}, arrays)


def steer_setting(task: Task) -> PartResult:
    """Steer the test items under one prompt setting with the vectors of all settings.

    Arrays: ``propensities`` (n_items, n_settings, n_coefficients).
    """
    layer, vectors = _vectors(task)
    values = steer(
        task.model,
        task.data["items"],
        [(vector, layer) for vector in vectors],
        task.settings["coefficients"],
        setting_of(task.settings["setting"]),
        task.progress,
    )
    return PartResult({"layer": layer}, {"propensities": values})


def steer_controls(task: Task) -> PartResult:
    """Steer the test items with vectors of other methods, of shuffled labels, and with random directions, norm-matched.

    Arrays: ``propensities`` (n_items, n_methods + 1 + n_random, n_coefficients); NaN where there is no direction.
    """
    layer, vectors = _vectors(task)
    found, norm = task.inputs["vectors"].arrays, float(np.linalg.norm(vectors[0]))
    draws = np.random.default_rng([task.settings["seed"], layer]).standard_normal(
        (int(task.settings["n_random"]), vectors[0].size)
    )
    directions = [*found["methods"], found["shuffled"], *draws]
    known = [index for index, direction in enumerate(directions) if np.isfinite(direction).all()]
    values = steer(
        task.model,
        task.data["items"],
        [(scaled(directions[index], norm), layer) for index in known],
        task.settings["coefficients"],
        setting_of(task.settings["setting"]),
        task.progress,
    )
    whole = np.full((values.shape[0], len(directions), values.shape[2]), np.nan)
    whole[:, known] = values
    return PartResult({"layer": layer}, {"propensities": whole}, failures=len(directions) - len(known))


def steer_quantised(task: Task) -> PartResult:
    """Extract a vector from the quantised model, and steer its test items with that and with the original's.

    Arrays: ``propensities`` (n_items, 2, n_coefficients), own and original vector; ``direction`` (d_model,).
    """
    layer, vectors = _vectors(task)
    setting = setting_of(task.settings["setting"])
    rows = rows_of(
        task.model, task.data["train"], [layer], setting, means_only=True, progress=pass_of(task.progress, 0, 2)
    )
    own = extractors.get("mean_difference")(*rows[layer])
    values = steer(
        task.model,
        task.data["items"],
        [(own, layer), (vectors[0], layer)],
        task.settings["coefficients"],
        setting,
        pass_of(task.progress, 1, 2),
    )
    content = {"layer": layer, "file_hash": task.model.hash, "file_bytes": task.model.size}
    return PartResult(content, {"propensities": values, "direction": np.asarray(own, dtype=np.float64)})


def steer(
    model: StudyModel,
    items: Dataset,
    vectors: Sequence[tuple[Float32Array | Float64Array, int]],
    coefficients: Sequence[float],
    setting: PromptSetting | None,
    progress: Progress,
) -> Float64Array:
    """Return propensities, nats, (n_items, n_vectors, n_coefficients); the unsteered model is computed once.

    Parameters
    ----------
    vectors : sequence of (direction (d_model,), layer)
    """
    compiled, columns = [compile_interventions(())], []
    for direction, layer in vectors:
        vector = SteeringVector(
            {Site("resid_post", layer): np.asarray(direction, dtype=np.float32)}, Provenance("study")
        )
        column = []
        for coefficient in coefficients:
            column.append(0 if coefficient == 0.0 else len(compiled))
            if coefficient != 0.0:
                compiled.append(
                    compile_interventions([Intervention(vector, coefficient=float(coefficient), window=_WINDOW)])
                )
        columns.append(column)
    subject = model.subject(setting=setting)
    plan = propensity_jobs(subject.model, items, compiled, raw=subject.raw, setting=setting)
    values = run_propensities(subject.session_for_texts(plan.longest), plan, progress=progress)
    return values[:, np.array(columns)]


def rows_of(
    model: StudyModel,
    pairs: Dataset,
    layers: Sequence[int],
    setting: PromptSetting | None,
    *,
    means_only: bool,
    progress: Progress,
) -> dict[int, tuple[Float32Array, Float32Array]]:
    """Return positive and negative activations by layer."""
    subject, rule = model.subject(setting=setting), auto_token_rule(pairs)
    texts = [answer_pair(subject.model, pair, raw=subject.raw, setting=setting) for pair in pairs]
    contrast = read_contrast(
        subject.model,
        pairs,
        rules=(rule,),
        sites=tuple(Site("resid_post", layer) for layer in layers),
        means_only=means_only,
        raw=subject.raw,
        setting=setting,
        session=subject.session_for_texts(max(len(side.tokens) for both in texts for side in both)),
        progress=progress,
    )
    return {layer: contrast.rows[rule, Site("resid_post", layer)] for layer in layers}


def _vectors(task: Task) -> tuple[int, list[Float64Array]]:
    """Return layer and mean-difference vectors, all with the norm of the first, the plain setting's."""
    found = task.inputs["vectors"]
    means = found.arrays["mean"]
    norm = float(np.linalg.norm(means[0]))
    return int(found.content["layer"]), [scaled(mean, norm) for mean in means]


def _direction(
    method: str, positive: Float32Array, negative: Float32Array, seed: int | None = None
) -> Float32Array | Float64Array:
    """Return a method's direction, NaN where it finds none."""
    extra = {} if seed is None else {"seed": (seed,)}
    try:
        return extractors.get(method)(positive, negative, **extra)
    except ShapeError:
        return np.full(positive.shape[1], np.nan)


def scaled(direction: Float64Array, norm: float) -> Float64Array:
    return np.asarray(direction * (norm / np.linalg.norm(direction)), dtype=np.float64)


def _slopes(at: Float64Array, values: Float64Array) -> Float64Array:
    """Return least-squares slopes over the last axis."""
    centred = at - at.mean()
    return np.asarray(values @ centred / float(centred @ centred), dtype=np.float64)


def setting_of(given: Sequence[str | None] | None) -> PromptSetting | None:
    """Return a prompt setting from [name, system, prefix]; None for models that are given prompts as they are."""
    if given is None or len(given) < 3:
        return None
    name, system, prefix = given
    return PromptSetting(str(name), system, prefix or "")


def pass_of(progress: Progress, number: int, n: int) -> Progress:
    """Return a progress for the ``number``-th of ``n`` passes of equal weight."""
    return lambda done, total: progress(number * total + done, n * total)
