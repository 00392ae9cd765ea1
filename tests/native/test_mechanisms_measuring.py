"""What the parts of the study of mechanisms compute in a model: against the functions that have tests of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pysteer
from pysteer.formats.texts import Texts
from pysteer.generation import Generation
from pysteer.intervention import Intervention
from pysteer.metrics.sample_efficiency import nested_means, sample_efficiency
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.propensity import propensities
from pysteer.site import Site
from pysteer.studies.mechanisms.measuring import (
    choose_layer,
    random_directions,
    steer_items,
    steer_single,
    steer_subsets,
    sweep_layers,
    train_vectors,
)
from pysteer.studies.mechanisms.text_measuring import (
    choose_corpus,
    read_corpora,
    read_layers,
    read_windows,
    write_texts,
)
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.text_perplexity import perplexities
from pysteer.window import Window

STRENGTHS = [-1.0, 0.0, 2.0]
LETTERS = Dataset(
    tuple(
        ContrastPair(f"Is {i} odd?\n(A) Yes\n(B) No\n", "(A)" if i % 2 else "(B)", "(B)" if i % 2 else "(A)")
        for i in range(10)
    ),
    "odd",
)
REPLIES = Dataset(tuple(ContrastPair(f"Say {i}.", " I laugh a lot.", " I cry.") for i in range(6)), "replies")
TEXTS = Texts("texts", tuple(f"On day {i} the cat sat on the mat, and the dog sat by the door." for i in range(5)))


@pytest.fixture
def model(tiny_llama: Path) -> StudyModel:
    return StudyModel(tiny_llama, "tiny")


def task(model: StudyModel, settings: dict[str, object], data: dict[str, object], **inputs: PartResult) -> Task:
    return Task(settings, data, inputs, silent, model)


def vectors_of(model: StudyModel, pairs: Dataset = LETTERS) -> PartResult:
    layer = PartResult({"layer": 2})
    return train_vectors(task(model, {"high_level": [["Love", "Hate"]]}, {"train": pairs}, layer=layer))


def intervention(direction: np.ndarray, strength: float, window: str) -> Intervention:
    vector = pysteer.SteeringVector(
        {Site("resid_post", 2): direction.astype(np.float32)}, pysteer.provenance.Provenance("test")
    )
    return Intervention(vector, coefficient=strength, window=Window.parse(window))


@pytest.mark.parametrize("pairs", [LETTERS, REPLIES])
def test_vectors_are_those_of_extract_and_their_mean_is_that_of_the_pairs(model: StudyModel, pairs: Dataset) -> None:
    found = vectors_of(model, pairs).arrays
    expected = pysteer.extract(model.loaded, pairs, layers=2, raw=True)[Site("resid_post", 2)]
    np.testing.assert_allclose(found["mean"], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["deltas"].mean(axis=0), found["mean"])
    assert found["deltas"].shape == (len(pairs), model.loaded.d_model)
    assert found["norms"].shape == (2 * len(pairs),)
    written = Dataset((ContrastPair("", "Love", "Hate"),), "written")
    high = pysteer.extract(model.loaded, written, layers=2, raw=True, token="last")[Site("resid_post", 2)]
    np.testing.assert_allclose(found["high_level"][0], high, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pairs", [LETTERS, REPLIES])
def test_steering_is_that_of_propensities_beside_random_directions_of_equal_norm(
    model: StudyModel, pairs: Dataset
) -> None:
    vectors = vectors_of(model, pairs)
    settings = {"coefficients": STRENGTHS, "random_coefficients": [-2.0, 0.0, 2.0, 3.0], "n_random": 2, "seed": 5}
    found = steer_items(task(model, settings, {"items": pairs}, vectors=vectors)).arrays
    values, random = found["propensities"], found["random"]
    assert (values.shape, random.shape) == ((len(pairs), 3), (len(pairs), 2, 4))
    mean = vectors.arrays["mean"]
    steerings = [[intervention(mean, strength, "answer")] for strength in (-1.0, 2.0)]
    alone = propensities(model.loaded, pairs, [[], *steerings], raw=True)
    np.testing.assert_allclose(values, alone[:, [1, 0, 2]], atol=1e-2)  # f16 keys and values, other batches
    assert np.array_equal(values[:, 1], random[:, 1, 1])  # strength 0 is the unsteered model, whatever the direction
    drawn = random_directions(mean, 2, 5, 2)
    pushed = propensities(model.loaded, pairs, [[intervention(each, 3.0, "answer")] for each in drawn], raw=True)
    np.testing.assert_allclose(random[:, :, 3], pushed, atol=1e-2)
    assert [np.linalg.norm(each) for each in drawn] == pytest.approx([np.linalg.norm(mean)] * 2)
    np.testing.assert_array_equal(drawn, random_directions(mean, 2, 5, 2))
    assert not np.allclose(drawn[0], random_directions(mean, 2, 6, 2)[0])


def test_the_sweep_steers_each_layer_with_its_own_vector_and_the_best_is_chosen(model: StudyModel) -> None:
    settings = {"layers": [1, 2], "coefficients": [-1.0, 0.0, 1.0]}
    swept = sweep_layers(task(model, settings, {"train": LETTERS, "validation": LETTERS}))
    np.testing.assert_allclose(swept.arrays["directions"][1], vectors_of(model).arrays["mean"], rtol=1e-4, atol=1e-6)
    slopes = swept.arrays["propensities"] @ np.array([-0.5, 0.0, 0.5])
    chosen = choose_layer(task(model, {"coefficients": [-1.0, 0.0, 1.0]}, {}, one=swept, two=swept))
    assert chosen.content["layer"] == [1, 2][int(slopes.mean(axis=0).argmax())]


def test_subsets_are_those_of_sample_efficiency(model: StudyModel) -> None:
    vectors = vectors_of(model)
    settings = {"coefficients": [-1.0, 0.0, 1.0], "seed": 4, "pair_counts": [1, 4], "n_repeats": 3}
    found = steer_subsets(task(model, settings, {"items": LETTERS}, vectors=vectors))
    assert found.arrays["propensities"].shape == (10, 2, 3, 2, 3)
    deltas = vectors.arrays["deltas"]
    whole = nested_means(deltas, [len(deltas)], 2, 0)
    np.testing.assert_allclose(whole[:, 0], np.stack([vectors.arrays["mean"]] * 2))
    shifted = deltas + 1.0  # a common direction, which random weights do not have
    means = nested_means(shifted, [1, 4], 3, 4)
    cosines = means @ shifted.mean(axis=0) / np.linalg.norm(means, axis=2) / np.linalg.norm(shifted.mean(axis=0))
    expected = sample_efficiency(shifted, sizes=[1, 4], n_repeats=3, seed=4)
    np.testing.assert_allclose(cosines, expected.cosines)
    # As many as there are pairs: the vector itself, which is measured with the behaviour and not here.
    settings["pair_counts"] = [4, len(LETTERS)]
    all_pairs = steer_subsets(task(model, settings, {"items": LETTERS}, vectors=vectors)).arrays["propensities"]
    settings = {**settings, "random_coefficients": [], "n_random": 0}
    steered = steer_items(task(model, settings, {"items": LETTERS}, vectors=vectors)).arrays["propensities"]
    np.testing.assert_allclose(all_pairs[:, 0, 0, 1], steered, atol=1e-2)
    assert set(found.arrays) == {"propensities", "cosines", "norms"}


def test_subsets_of_pairs_without_a_difference_have_no_direction_and_move_nothing(model: StudyModel) -> None:
    deltas = np.zeros((len(LETTERS), model.loaded.d_model))
    deltas[0, 3] = 1.0  # the other pairs' texts are read alike
    vectors = PartResult({"layer": 2}, {"deltas": deltas, "mean": deltas.mean(axis=0)})
    settings = {"coefficients": [-1.0, 0.0, 1.0], "seed": 4, "pair_counts": [1, 2], "n_repeats": 3}
    found = steer_subsets(task(model, settings, {"items": LETTERS}, vectors=vectors)).arrays
    is_zero = found["norms"] == 0.0
    assert is_zero.any()
    assert all(np.isfinite(table).all() for table in found.values())
    assert (found["cosines"][is_zero] == 0.0).all()
    moved = found["propensities"] - found["propensities"][..., 1:2]
    np.testing.assert_allclose(moved[:, :, is_zero], 0.0, atol=1e-2)


def test_single_pairs_are_the_differences_as_they_are_and_at_the_norm_of_their_mean(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pysteer.studies.mechanisms import measuring

    seen: list[np.ndarray] = []

    def spy(model: object, items: Dataset, vectors: list[tuple[np.ndarray, int]], *rest: object) -> np.ndarray:
        seen.extend(direction for direction, _ in vectors)
        return np.zeros((len(items), len(vectors), 3))

    monkeypatch.setattr(measuring, "steer", spy)
    vectors = vectors_of(model)
    settings = {"coefficients": [-1.0, 0.0, 1.0], "seed": 4, "n_single": 3}
    found = steer_single(task(model, settings, {"items": LETTERS}, vectors=vectors))
    assert found.arrays["propensities"].shape == (10, 2, 4, 3)
    norm = float(np.linalg.norm(vectors.arrays["mean"]))
    own, matched = np.stack(seen[:4]), np.stack(seen[4:])
    np.testing.assert_array_equal(own[0], vectors.arrays["high_level"][0])
    np.testing.assert_array_equal(own[1:], vectors.arrays["deltas"][found.content["pairs"]])
    assert np.linalg.norm(matched, axis=1) == pytest.approx([norm] * 4)


def test_windows_have_the_perplexity_of_the_text_and_strength_zero_changes_nothing(model: StudyModel) -> None:
    vectors = vectors_of(model)
    settings = {"coefficients": STRENGTHS, "random_coefficients": [0.0, 2.0], "n_random": 2, "seed": 5}
    settings |= {"n_windows": 4, "window_size": 32}
    corpus = PartResult({"chosen": "texts"})
    found = read_windows(task(model, settings, {"texts": TEXTS}, vectors=vectors, corpus=corpus)).arrays
    assert (found["nll"].shape, found["random_nll"].shape) == ((4, 3), (4, 2, 2))
    mean = vectors.arrays["mean"]
    documents = [model.loaded.tokenize(text) for text in list(TEXTS)[:4]]
    assert found["tokens"].tolist() == [min(32, len(tokens)) - 1 for tokens in documents]
    steerings = [[intervention(mean, strength, "all")] for strength in (-1.0, 2.0)]
    results = [perplexities(model.loaded, [text], steerings, window_size=32) for text in list(TEXTS)[:4]]
    first = np.array([[each.window_nll[0] for each in (result[1], result[0], result[2])] for result in results])
    np.testing.assert_allclose(found["nll"], first, atol=3e-3)
    drawn = [[intervention(each, 2.0, "all")] for each in random_directions(mean, 2, 5, 2)]
    results = [perplexities(model.loaded, [text], drawn, window_size=32) for text in list(TEXTS)[:4]]
    pushed = np.array([[each.window_nll[0] for each in result[1:]] for result in results])
    np.testing.assert_allclose(found["random_nll"][:, :, 1], pushed, atol=3e-3)
    assert (found["kl"][:, 1] == 0.0).all()
    assert (found["random_kl"][..., 0] == 0.0).all()
    assert found["kl"][:, 2].min() > 0.0
    alone = read_windows(task(model, {**settings, "n_random": 0}, {"texts": TEXTS}, vectors=vectors, corpus=corpus))
    assert set(alone.arrays) == {"nll", "kl", "entropy", "tokens"}
    assert alone.content["file_hash"] == model.hash


def test_all_models_are_measured_on_the_text_that_they_read_best_on_average(model: StudyModel) -> None:
    small, large = (PartResult({"nll": nll}) for nll in ({"a": 2.0, "b": 3.0}, {"a": 2.0, "b": 0.5}))
    chosen = [
        choose_corpus(Task({"own": own}, {}, {"000": small, "001": large}, silent, None)).content
        for own in ("000", "001")
    ]
    assert [each["chosen"] for each in chosen] == ["b", "b"]  # 1.75 against 2; the small one alone would choose a
    assert [each["nll"]["b"] for each in chosen] == [3.0, 0.5]
    assert choose_corpus(Task({"own": "000"}, {}, {"000": small}, silent, None)).content["chosen"] == "a"


def test_the_map_uses_the_vector_of_each_layer(model: StudyModel) -> None:
    swept = PartResult({"layers": [1, 2]}, {"directions": np.stack([np.zeros(model.loaded.d_model)] * 2)})
    swept.arrays["directions"][1][:] = 0.5
    settings = {"layers": [1, 2], "coefficients": [-2.0, 0.0, 2.0], "n_windows": 3, "window_size": 32}
    read = read_corpora(
        task(model, {"n_windows": 3, "window_size": 32}, {"texts": TEXTS, "same": Texts("same", tuple(TEXTS)[:3])})
    )
    assert read.content["nll"]["texts"] == pytest.approx(read.content["nll"]["same"], abs=1e-3)
    found = read_layers(task(model, settings, {"texts": TEXTS}, layers=swept, corpus=PartResult({"chosen": "texts"})))
    change = found.arrays["nll"] - found.arrays["nll"][:, :, 1:2]
    np.testing.assert_allclose(change[:, 0], 0.0, atol=3e-3)  # a vector of zeros
    assert np.abs(change[:, 1, [0, 2]]).min() > 1e-3


def test_texts_without_steering_are_those_of_generate_and_prompts_without_room_are_failures(model: StudyModel) -> None:
    vectors = vectors_of(model)
    settings = {"coefficients": [0.0, 2.0], "n_words": 6}
    asked = Texts("asked", ("On day one ", "a" * 2 * model.loaded.n_ctx_train))
    found = write_texts(task(model, settings, {"prompts": asked}, vectors=vectors))
    session = pysteer.Session(model.loaded, n_ctx=128)
    plain = session.generate("On day one ", max_tokens=6, raw=True)
    assert found.content["texts"][0][0] == plain.text
    assert found.content["stops"][0][0] == plain.stop_reason
    assert found.arrays["surprise"].shape == (2, 2)
    assert found.content["stops"][1] == ["too long"] * 2
    assert found.arrays["n_tokens"][1].tolist() == [0.0, 0.0]
    assert np.isnan(found.arrays["surprise"][1]).all()
    assert found.failures == 2
    session.close()


def test_a_model_that_says_nothing_is_no_failure(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what it does: a text of no words, which breaks it. Only texts that could not be written are failures."""
    from pysteer.studies.mechanisms import text_measuring

    said = [Generation(" Hm", (35,), "length", 9), Generation("", (), "end", 9)]
    monkeypatch.setattr(text_measuring, "written", lambda *rest: [said])
    settings = {"coefficients": [0.0, 2.0], "n_words": 6}
    vectors = vectors_of(model)
    found = write_texts(task(model, settings, {"prompts": Texts("asked", ("On day one ",))}, vectors=vectors))
    assert found.content["stops"] == [["length", "end"]]
    assert found.arrays["n_tokens"].tolist() == [[1.0, 0.0]]
    assert np.isfinite(found.arrays["surprise"][0, 0])
    assert np.isnan(found.arrays["surprise"][0, 1])
    assert found.failures == 0
