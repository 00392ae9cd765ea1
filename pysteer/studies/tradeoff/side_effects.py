"""What the same vectors do to tasks that nothing was tuned on, and to running text.

Every task is one of `pysteer.measurements`, with the unsteered model, each style's vector and features, and a random
direction of the same length side by side.
"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.intervention import Intervention
from pysteer.measurements.measured import Measured
from pysteer.measurements.measurement import Measurement, make_measurement
from pysteer.metrics.choices import IntArray, is_best
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.sentences import are_sentences, begun, told_apart_from_the_start
from pysteer.studies.tradeoff.vectors import random_direction, steering

MODULES = (
    "pysteer.measurements",
    "pysteer.metrics.choices",
    "pysteer.answer_jobs",
    "pysteer.batch_generation",
    "pysteer.choice_scoring",
    "pysteer.function_vectors",
    "pysteer.generation_queue",
    "pysteer.pair_text",
    "pysteer.propensity",
    "pysteer.text_perplexity",
    "pysteer.text_windows",
    "pysteer.chat_template",
    "pysteer.generation",
    "pysteer.metrics.refusal_phrases",
    "pysteer.metrics.answer_text",
    "pysteer.prompt_conditions",
    "pysteer.question_prompts",
    "pysteer.sampling",
    "pysteer.studies.tradeoff.sentences",
    "pysteer.studies.tradeoff.vectors",
)
KINDS = ("vector", "features", "random")


def measure_side_effect(task: Task) -> PartResult:
    """Measure one task.

    Arrays: ``unsteered`` (n_items, n_values), and for each kind of direction (n_styles, n_items, n_values), NaN where
    a style has none; values are those that ``content["values"]`` names, the first being that of capability (1 right, 0
    wrong) where the task has one. Pairs of sentences are scored from their first word on: see `sentences`.
    """
    measurement = make_measurement(str(task.settings["measurement"]))
    vectors = task.inputs["vectors"]
    layer, norms = int(vectors.content["layer"]), vectors.arrays["norms"]
    place = vectors.content["layers"].index(layer)
    length = float(task.settings["strength"]) * float(norms[place])
    names = [str(name) for name in task.settings["styles"]]
    found: dict[str, list[Float64Array | None]] = {kind: [] for kind in KINDS}
    for name in names:
        style = vectors.content["styles"].index(name)
        found["vector"].append(vectors.arrays["directions"][style, place])
        chosen = task.inputs["features"].arrays["directions"][style] if "features" in task.inputs else None
        found["features"].append(chosen if chosen is not None and np.isfinite(chosen).all() else None)
        found["random"].append(random_direction(int(task.settings["seed"]), style, vectors.arrays["shuffled"].shape[1]))
    steerings: list[list[Intervention]] = [[]]
    where: list[tuple[str, int]] = []
    for kind in KINDS:
        for style, direction in enumerate(found[kind]):
            if direction is not None:
                where.append((kind, style))
                steerings.append(steering(direction, layer, length))
    items = task.data["items"]
    is_whole = are_sentences(items)
    if is_whole:
        items = begun(task.model.loaded, items)
    subject = task.model.subject(raw=True) if is_whole else task.model.subject()
    measured = measurement.measure(subject, items, steerings, task.progress)
    is_per_byte = bool(task.settings["is_per_byte"])
    values, base = values_of(measurement, measured[0], is_per_byte=is_per_byte)
    arrays = {"unsteered": base}
    for kind in KINDS:
        arrays[kind] = np.full((len(names), *base.shape), np.nan)
    for (kind, style), each in zip(where, measured[1:], strict=True):
        arrays[kind][style] = values_of(measurement, each, is_per_byte=is_per_byte)[1]
    if is_whole:
        unknown = ~told_apart_from_the_start(task.model.loaded, items)
        for array in arrays.values():
            array[..., unknown, :] = np.nan
    return PartResult({"values": values}, arrays, failures=int(np.isnan(base).any(axis=1).sum()))


def values_of(measurement: Measurement, measured: Measured, *, is_per_byte: bool) -> tuple[list[str], Float64Array]:
    """Return the names of an item's numbers, and these, (n_items, n_values).

    With ``is_per_byte`` the choice with the largest log-probability per byte counts as the model's; that with the
    largest sum stands beside it.
    """
    values = measured.values
    if "log_probs" in values:
        table, answers = values["log_probs"], values["answers"].astype(np.int64)
        by_sum = _hits(table, answers)
        if not is_per_byte:
            return ["accuracy"], by_sum[:, None]
        # A choice that is not there has the log-probability -inf, and no bytes.
        by_byte = _hits(table / np.maximum(values["lengths"], 1.0), answers)
        return ["accuracy", "accuracy by sum"], np.stack([by_byte, by_sum], axis=1)
    if "propensity" in values:
        preference = values["propensity"]
        return ["accuracy"], np.where(np.isnan(preference), np.nan, (preference > 0.0).astype(np.float64))[:, None]
    if "window_nll" in values:
        return ["nll", "kl"], np.stack([values["window_nll"], values["window_kl"]], axis=1)
    if "rank" in values:  # of the answer's first token; 0 is the most probable one
        rank = values["rank"]
        return ["accuracy"], np.where(np.isnan(rank), np.nan, (rank == 0.0).astype(np.float64))[:, None]
    if "refuses" in values:
        return ["refusals"], values["refuses"][:, None]
    raise MeasurementError(f"{measurement}: no number of this study's panel is in it, only {', '.join(values)}")


def _hits(table: Float64Array, answers: IntArray) -> Float64Array:
    """Return 1 where the right choice is the most probable one, 0 where not, NaN where it was not measured."""
    known = ~np.isnan(table).any(axis=1)
    hits = np.full(len(table), np.nan)
    if known.any():
        hits[known] = is_best(table[known], answers[known])
    return hits
