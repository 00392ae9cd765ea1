"""What the arms add: a mean difference for each style, features of a dictionary, and controls of the same length.

All directions are kept at length 1 with the mean length of the residual stream beside them, so that a strength is a
share of that length: a strength of 0.4 adds something 0.4 times as long as what is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.contrast_rows import read_contrast
from pysteer.demo import dictionary as embedded_dictionary
from pysteer.dictionaries import SparseDictionary, TrainingPlan, train_dictionary
from pysteer.errors import DataError, SteeringError
from pysteer.extractors import extractors
from pysteer.feature_contrast import contrast_texts
from pysteer.intervention import Intervention
from pysteer.pairs import Dataset
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.site_rows import record_rows
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.vector import SteeringVector
from pysteer.window import Window

MODULES = ("pysteer.contrast_rows", "pysteer.extractors", "pysteer.token_rules", "pysteer.recording")
FEATURE_MODULES = ("pysteer.feature_contrast", "pysteer.dictionaries", "pysteer.site_rows", "pysteer.recording")
_RULE = "answer"
_ROWS_PER_FEATURE = 8
"""Of a dictionary that is trained on the fly: fewer rows than this leave features without examples."""


def train_vectors(task: Task) -> PartResult:
    """Extract the mean difference of every style at every candidate block, over the tokens of the contrast texts.

    Arrays: ``directions`` (n_styles, n_layers, d_model) and ``shuffled`` (n_styles, d_model), at the steered block, of
    length 1; ``norms`` (n_layers,), mean length of the residual stream; ``lengths`` (n_styles,), of the mean difference
    at the steered block over that.
    """
    layers: list[int] = task.settings["layers"]
    at = layers.index(int(task.settings["layer"]))
    directions, shuffled, lengths = [], [], []
    names = [str(name) for name in task.settings["styles"]]
    norms = _residual_norms(task.model, task.data[names[0]], layers)
    for number, name in enumerate(names):
        rows = _rows(task.model, task.data[name], layers)
        found = [np.asarray(extractors.get("mean_difference")(*rows[layer]), dtype=np.float64) for layer in layers]
        lengths.append(float(np.linalg.norm(found[at])) / norms[at])
        directions.append([_unit(direction) for direction in found])
        seed = (int(task.settings["seed"]), number)
        shuffled.append(_unit(extractors.get("shuffled_labels")(*rows[layers[at]], seed=seed)))
        task.progress(number + 1, len(names))
    arrays = {
        "directions": np.array(directions),
        "shuffled": np.array(shuffled),
        "norms": np.array(norms),
        "lengths": np.array(lengths),
    }
    return PartResult({"layers": layers, "layer": layers[at], "styles": names}, arrays)


def select_style_features(task: Task) -> PartResult:
    """Choose the features of a dictionary that set each style's texts apart, and add them up.

    The dictionary is the embedded model's own, or one that is trained here on running text and the contrast texts,
    whatever their style. It is not kept: what is kept is what the arms add.

    Arrays: ``directions`` (n_styles, d_model), of length 1, NaN where no feature differs; ``effects``
    (n_styles, n_features), Cohen's d, NaN where fewer were found; ``fit`` (2,): share of variance that the dictionary
    leaves unexplained on rows kept apart (NaN: not measured), and its number of features.
    """
    dictionary, fit = _dictionary(task)
    names, n_features = [str(name) for name in task.settings["styles"]], int(task.settings["n_features"])
    directions = np.full((len(names), dictionary.width), np.nan)
    effects = np.full((len(names), n_features), np.nan)
    chosen: dict[str, list[int]] = {}
    session = _session(task.model)
    for number, name in enumerate(names):
        pairs: Dataset = task.data[name]
        try:
            selection = contrast_texts(
                task.model.loaded,
                dictionary,
                [pair.positive for pair in pairs],
                [pair.negative for pair in pairs],
                description=name,
                n_features=n_features,
                strength=1.0,
                session=session,
            )
        except (DataError, SteeringError):  # no feature differs, or they cancel out: the arm has no number then
            continue
        [direction] = selection.vector(dictionary).directions.values()
        directions[number] = _unit(direction)
        effects[number, : len(selection.effect_sizes)] = selection.effect_sizes
        chosen[name] = list(selection.features)
        task.progress(number + 1, len(names))
    site = dictionary.site
    content = {"features": chosen, "layer": -1 if site is None else site.layer}
    n_failed = int(np.isnan(directions).any(axis=1).sum())
    return PartResult(content, {"directions": directions, "effects": effects, "fit": fit}, failures=n_failed)


def steering(
    direction: Float64Array, layer: int, length: float, *, window: str = "all", operation: str = "add"
) -> list[Intervention]:
    """Return the steering that adds ``length`` times a direction behind a block; none where the length is 0."""
    if length == 0.0:
        return []
    vector = SteeringVector({Site("resid_post", layer): np.asarray(direction, dtype=np.float32)}, Provenance("study"))
    return [Intervention(vector, operation, coefficient=float(length), window=Window.parse(window))]


def random_direction(seed: int, style: int, width: int) -> Float64Array:
    """Return a direction drawn at random, of length 1; another one for each style."""
    return _unit(np.random.default_rng([seed, 77, style]).standard_normal(width))


def _dictionary(task: Task) -> tuple[SparseDictionary, Float64Array]:
    if task.settings["dictionary"] == "embedded":
        found = embedded_dictionary()
        return found, np.array([np.nan, found.n_features])
    site = Site("resid_post", int(task.settings["layer"]))
    texts = [text for name in sorted(task.data) for text in _texts_of(task.data[name])]
    n_rows = int(task.settings["n_rows"])
    rows = record_rows(task.model.loaded, texts, site, session=_session(task.model))[:n_rows]
    order = np.random.default_rng(int(task.settings["seed"])).permutation(len(rows))
    n_apart = len(rows) // 10
    apart, kept = rows[order[:n_apart]], rows[order[n_apart:]]
    n_features = max(32, min(2 * rows.shape[1], len(kept) // _ROWS_PER_FEATURE))
    batch = min(256, len(kept))
    plan = TrainingPlan(
        n_features, min(16, n_features // 4), seed=int(task.settings["seed"]), n_epochs=6, batch_size=batch
    )
    trained = train_dictionary(kept, plan, site=site, provenance=Provenance("study"))
    return trained.dictionary, np.array([trained.dictionary.fvu(apart), n_features], dtype=np.float64)


def _texts_of(data: Any) -> list[str]:
    """Return the texts of a data set: of pairs both sides."""
    if isinstance(data, Dataset):
        return [text for pair in data for text in (pair.positive, pair.negative)]
    return [str(text) for text in data]


def _rows(model: StudyModel, pairs: Dataset, layers: list[int]) -> dict[int, tuple[Float32Array, Float32Array]]:
    subject = model.subject()
    contrast = read_contrast(
        subject.model,
        pairs,
        rules=(_RULE,),
        sites=tuple(Site("resid_post", layer) for layer in layers),
        means_only=False,
        raw=subject.raw,
        session=_session(model),
    )
    return {layer: contrast.rows[_RULE, Site("resid_post", layer)] for layer in layers}


def _residual_norms(model: StudyModel, pairs: Dataset, layers: list[int]) -> list[float]:
    """Return the mean length of the residual stream behind each block, over the plain texts but their first token."""
    sites = [Site("resid_post", layer) for layer in layers]
    rows = record(model.loaded, [pair.negative for pair in pairs], sites, session=_session(model))
    return [
        float(np.mean([np.linalg.norm(text[site][1:].astype(np.float64), axis=1).mean() for text in rows]))
        for site in sites
    ]


def _session(model: StudyModel) -> Session:
    return model.subject().session_for_texts(min(1024, model.loaded.n_ctx_train))


def _unit(direction: Float32Array | Float64Array) -> Float64Array:
    values = np.asarray(direction, dtype=np.float64)
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0.0 else np.full(values.shape, np.nan), dtype=np.float64)
