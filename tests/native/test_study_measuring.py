"""What the parts of the study of reliability compute in a model: against the functions that have tests of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pysteer
from pysteer.errors import ModelError
from pysteer.intervention import Intervention
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.propensity import propensities
from pysteer.quantisation import quantise
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.quantised_model import QuantisedModel
from pysteer.studies.reliability.caa_measuring import steer_behaviour, train_behaviour
from pysteer.studies.reliability.measuring import METHODS, steer, steer_controls, steer_setting, train_vectors
from pysteer.studies.study_model import StudyModel
from pysteer.window import Window

COEFFICIENTS = [-1.0, 0.0, 2.0]
PAIRS = Dataset(
    tuple(
        ContrastPair(f"Is {i} odd?\n(A) Yes\n(B) No\n", "(A)" if i % 2 else "(B)", "(B)" if i % 2 else "(A)")
        for i in range(8)
    ),
    "odd",
)


@pytest.fixture
def model(tiny_llama: Path) -> StudyModel:
    return StudyModel(tiny_llama, "tiny")


def vectors_of(model: StudyModel) -> PartResult:
    inputs = {"layer": PartResult({"layer": 2})}
    return train_vectors(Task({"settings": {"BASE": []}, "seed": 3}, {"train": PAIRS}, inputs, silent, model))


def test_vectors_are_those_of_extract(model: StudyModel) -> None:
    found = vectors_of(model)
    for name, direction in (("mean_difference", found.arrays["mean"][0]), ("pca", found.arrays["methods"][0])):
        expected = pysteer.extract(model.loaded, PAIRS, method=name, layers=2, raw=True)
        np.testing.assert_allclose(direction, expected[pysteer.Site("resid_post", 2)], rtol=1e-4, atol=1e-6)
    shuffled = found.arrays["shuffled"]
    assert np.linalg.norm(shuffled) == pytest.approx(np.linalg.norm(found.arrays["mean"][0]), rel=1e-5)


def test_steering_is_that_of_propensities_and_coefficient_zero_is_the_unsteered_model(model: StudyModel) -> None:
    vector = pysteer.extract(model.loaded, PAIRS, layers=2, raw=True)
    direction = vector[pysteer.Site("resid_post", 2)]
    values = steer(model, PAIRS, [(direction, 2), (2.0 * direction, 2)], COEFFICIENTS, None, silent)
    window = Window.parse("answer")
    steerings = [[Intervention(vector, coefficient=c, window=window)] for c in (-1.0, 2.0, 4.0)]
    alone = propensities(model.loaded, PAIRS, [[], *steerings], raw=True)
    np.testing.assert_allclose(values[:, 0], alone[:, [1, 0, 2]], atol=2e-3)  # f16 keys and values, other batches
    np.testing.assert_allclose(values[:, 1, 2], alone[:, 3], atol=2e-3)
    assert np.array_equal(values[:, 0, 1], values[:, 1, 1])


def test_settings_are_norm_matched_and_controls_have_that_norm_too(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pysteer.studies.reliability import measuring

    seen: list[float] = []

    def spy(model: object, items: Dataset, vectors: list[tuple[np.ndarray, int]], *rest: object) -> np.ndarray:
        seen.extend(float(np.linalg.norm(direction)) for direction, _ in vectors)
        return np.zeros((len(items), len(vectors), 3))

    monkeypatch.setattr(measuring, "steer", spy)
    found = vectors_of(model)
    longer = {**found.arrays, "mean": np.stack([found.arrays["mean"][0], 5.0 * found.arrays["mean"][0] + 1.0])}
    settings = {"setting": ["BASE"], "coefficients": COEFFICIENTS, "seed": 3, "n_random": 4}
    task = Task(settings, {"items": PAIRS}, {"vectors": PartResult({"layer": 2}, longer)}, silent, model)
    assert steer_setting(task).arrays["propensities"].shape == (8, 2, 3)
    assert steer_controls(task).arrays["propensities"].shape == (8, len(METHODS) + 1 + 4, 3)
    assert seen == pytest.approx([np.linalg.norm(longer["mean"][0])] * len(seen), rel=1e-5)
    assert len(seen) == 2 + len(METHODS) + 1 + 4


def test_a_method_without_a_direction_leaves_nan_and_is_counted(model: StudyModel) -> None:
    found = vectors_of(model)
    arrays = {**found.arrays, "shuffled": np.full(found.arrays["shuffled"].shape, np.nan)}
    settings = {"setting": ["BASE"], "coefficients": COEFFICIENTS, "seed": 3, "n_random": 2}
    task = Task(settings, {"items": PAIRS}, {"vectors": PartResult({"layer": 2}, arrays)}, silent, model)
    result = steer_controls(task)
    assert result.failures == 1
    assert np.isnan(result.arrays["propensities"][:, len(METHODS)]).all()
    assert np.isfinite(np.delete(result.arrays["propensities"], len(METHODS), axis=1)).all()


def test_a_quantised_model_is_made_once_and_is_what_quantise_writes(
    model: StudyModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path))
    coarser = QuantisedModel(model, "Q4_0")
    key = coarser.identity
    assert not coarser.path.exists()
    assert coarser.loaded.quantisation == "Q4_0"
    assert coarser.identity == key != model.identity
    assert coarser.root is model
    quantise(model.path, tmp_path / "again.gguf", "Q4_0")
    assert (tmp_path / "again.gguf").read_bytes() == coarser.path.read_bytes()
    with pytest.raises(ModelError, match="Q8_0"):
        quantise(model.path, tmp_path / "x.gguf", "Q9_9")
    with pytest.raises(ModelError, match="no such model file"):
        quantise(tmp_path / "none.gguf", tmp_path / "x.gguf", "Q4_0")
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ModelError, match="cannot write it"):
        quantise(tmp_path / "text.gguf", tmp_path / "x.gguf", "Q4_0")
    assert not (tmp_path / "x.gguf").exists()


def test_only_one_model_of_a_study_is_in_memory(tiny_llama: Path, tiny_gpt2: Path) -> None:
    from pysteer.studies.study_model import study_models

    one, two = study_models([tiny_llama, tiny_gpt2])
    first = one.subject()
    assert two.subject().model.architecture == "gpt2"
    assert one.subject() is not first


def test_behaviours_are_steered_with_vectors_of_one_norm_in_every_setting(model: StudyModel) -> None:
    layer = {"layer": PartResult({"layer": 2})}
    vector = train_behaviour(Task({"setting": ["BASE"]}, {"train": PAIRS}, layer, silent, model))
    longer = PartResult({"layer": 2}, {"mean": 3.0 * vector.arrays["mean"]})
    settings = {"settings": {"BASE": [], "OTHER": []}, "coefficients": COEFFICIENTS, "seed": 3, "n_random": 4}
    inputs = {"own": vector, "a": vector, "b": longer}
    result = steer_behaviour(Task(settings, {"items": PAIRS}, inputs, silent, model))
    direction = 2.0 * vector.arrays["mean"]  # the mean norm of the two
    assert result.content["norm"] == pytest.approx(np.linalg.norm(direction), rel=1e-6)
    alone = steer(model, PAIRS, [(direction, 2)], COEFFICIENTS, None, silent)[:, 0]
    np.testing.assert_allclose(result.arrays["propensities"], np.stack([alone, alone], axis=1), atol=2e-3)
    assert result.arrays["random"].shape == (len(PAIRS), 4, 2)
    assert np.ptp(result.arrays["random"][:, :, 1], axis=1).min() > 0.0
