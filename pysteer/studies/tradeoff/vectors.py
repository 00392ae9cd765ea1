"""What the arms add: a mean difference for each style, features of a dictionary, and controls of the same length.

All directions are kept at length 1 with the mean length of the residual stream beside them, so that a strength is a
share of that length: a strength of 0.4 adds something 0.4 times as long as what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.contrast_rows import read_contrast
from pysteer.demo import dictionary as embedded_dictionary
from pysteer.dictionaries import SparseDictionary, TrainingPlan, train_dictionary
from pysteer.errors import DataError, SteeringError
from pysteer.extractors import extractors
from pysteer.feature_contrast import contrast_texts
from pysteer.formats.texts import Texts
from pysteer.intervention import Intervention
from pysteer.measurements.measured import Data
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

MODULES = (
    "pysteer.contrast_rows",
    "pysteer.extractors",
    "pysteer.pair_text",
    "pysteer.chat_template",
    "pysteer.token_rules",
    "pysteer.recording",
)
FEATURE_MODULES = (
    "pysteer.feature_contrast",
    "pysteer.dictionaries",
    "pysteer.prompt_settings",
    "pysteer.site_rows",
    "pysteer.recording",
    "pysteer.vector",
)
_RULE = "answer"
_ROWS_PER_FEATURE = 8
"""Of a dictionary that is trained on the fly: fewer rows than this leave features without examples."""
_RUNNING = 4
"""One in so many rows of that dictionary is of running text, where there is some."""


def train_vectors(task: Task) -> PartResult:
    """Extract the mean difference of every style at every candidate block, over the tokens of the contrast texts.

    Arrays: ``directions`` (n_styles, n_layers, d_model) and ``shuffled`` (n_styles, d_model), at the steered block, of
    length 1; ``norms`` (n_layers,), mean length of the residual stream.
    """
    layers: list[int] = task.settings["layers"]
    at = layers.index(int(task.settings["layer"]))
    directions, shuffled = [], []
    names = [str(name) for name in task.settings["styles"]]
    norms = _residual_norms(task.model, task.data[names[0]], layers)
    for number, name in enumerate(names):
        rows = _rows(task.model, task.data[name], layers)
        found = [np.asarray(extractors.get("mean_difference")(*rows[layer]), dtype=np.float64) for layer in layers]
        directions.append([_unit(direction) for direction in found])
        seed = (int(task.settings["seed"]), number)
        shuffled.append(_unit(extractors.get("shuffled_labels")(*rows[layers[at]], seed=seed)))
        task.progress(number + 1, len(names))
    arrays = {"directions": np.array(directions), "shuffled": np.array(shuffled), "norms": np.array(norms)}
    return PartResult({"layers": layers, "layer": layers[at], "styles": names}, arrays)


def select_style_features(task: Task) -> PartResult:
    """Choose the features of a dictionary that set each style's texts apart, and add them up.

    The dictionary is the embedded model's own, or one that is trained here on running text and the contrast texts of
    all styles: see `rows_for_dictionary`. It is not kept: what is kept is what the arms add.

    Arrays: ``directions`` (n_styles, d_model), of length 1, NaN where no feature differs.
    """
    dictionary = _dictionary(task)
    names, n_features = [str(name) for name in task.settings["styles"]], int(task.settings["n_features"])
    directions = np.full((len(names), dictionary.width), np.nan)
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
        chosen[name] = list(selection.features)
        task.progress(number + 1, len(names))
    site = dictionary.site
    content = {"features": chosen, "layer": -1 if site is None else site.layer}
    n_failed = int(np.isnan(directions).any(axis=1).sum())
    return PartResult(content, {"directions": directions}, failures=n_failed)


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


def _dictionary(task: Task) -> SparseDictionary:
    if task.settings["dictionary"] == "embedded":
        return embedded_dictionary()
    site = Site("resid_post", int(task.settings["layer"]))
    session = _session(task.model)

    def rows_of(texts: list[str]) -> Float32Array:
        return record_rows(task.model.loaded, texts, site, session=session)

    contrast, running = texts_for_dictionary(task.data)
    rows = rows_for_dictionary(
        contrast, running, int(task.settings["n_rows"]), rows_of, seed=int(task.settings["seed"])
    )
    n_features = max(32, min(2 * rows.shape[1], len(rows) // _ROWS_PER_FEATURE))
    plan = TrainingPlan(
        n_features,
        min(16, n_features // 4),
        seed=int(task.settings["seed"]),
        n_epochs=6,
        batch_size=min(256, len(rows)),
    )
    return train_dictionary(rows, plan, site=site, provenance=Provenance("study")).dictionary


def texts_for_dictionary(data: Mapping[str, Data]) -> tuple[list[str], list[str]]:
    """Return the contrast texts of all styles, both sides, and the running text; each text once."""
    contrast = [
        text
        for pairs in data.values()
        if isinstance(pairs, Dataset)
        for pair in pairs
        for text in (pair.positive, pair.negative)
    ]
    running = [str(text) for texts in data.values() if isinstance(texts, Texts) for text in texts]
    return list(dict.fromkeys(contrast)), list(dict.fromkeys(running))


def rows_for_dictionary(
    contrast: list[str], running: list[str], n_rows: int, rows_of: Callable[[list[str]], Float32Array], *, seed: int
) -> Float32Array:
    """Return at most ``n_rows`` rows, (n_rows, width): a quarter of running text, the others of contrast texts.

    Where there are fewer rows of one kind, the other fills up. Texts come in an order drawn by the seed, so that what
    is cut off is of no style in particular.

    Parameters
    ----------
    rows_of : callable
        Returns the rows of some texts, in their order.
    """
    tables = []
    for number, texts in enumerate((contrast, running)):
        order = np.random.default_rng([seed, number]).permutation(len(texts)).tolist()
        tables.append(rows_of([texts[index] for index in order]) if texts else None)
    of_contrast, of_running = tables
    if of_contrast is None or of_running is None:
        only = of_running if of_contrast is None else of_contrast
        if only is None:
            raise DataError("no texts to train a dictionary on")
        return only[:n_rows]
    n_running = min(len(of_running), max(n_rows // _RUNNING, n_rows - len(of_contrast)))
    return np.concatenate([of_contrast[: n_rows - n_running], of_running[:n_running]])


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
