"""What the parts of the study of trade-offs compute in a model: laws, and functions that have tests of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pysteer
from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.questions import Question, QuestionSet
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.arms import ARMS, BASE, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.judging import check_judge, judge_arms, shuffled_words
from pysteer.studies.tradeoff.letters import score_arms, score_base
from pysteer.studies.tradeoff.ratio_check import check_ratio
from pysteer.studies.tradeoff.search import search_settings
from pysteer.studies.tradeoff.side_effects import KINDS, measure_side_effect
from pysteer.studies.tradeoff.vectors import select_style_features, steering, train_vectors
from pysteer.studies.tradeoff.writing import (
    QUANTITIES,
    repeated_share,
    sweep_strengths,
    write_arms,
    write_base,
)
from pysteer.text_surprise import text_surprise

STYLES = ("a", "b")
PAIRS = {
    name: Dataset(tuple(ContrastPair(f"q{i}?", f"{name} {i} yes!", f"{i} no.") for i in range(6)), name)
    for name in STYLES
}
SHOTS = (Question("s?", ("w", "x", "y", "z"), 1, passage="s."),)
QUESTIONS = QuestionSet(
    tuple(Question(f"q {i}?", ("w", "x", "y", "z"), i % 4, passage=f"p {i}.") for i in range(3)), "questions", SHOTS
)
VALIDATION = QuestionSet(tuple(Question(f"v {i}?", ("w", "x", "y", "z"), i % 4) for i in range(2)), "validation")
REQUESTS = Texts("requests", ("hi?", "you?", "we?"))
WRITING: dict[str, Any] = {
    "place": "raw",
    "thoughts": {"s?": "it."},
    "n_items": [3, 3],
    "max_tokens": 5,
    "seed": 3,
}
ABOUT: dict[str, Any] = {
    "style": "b",
    "instruction": "Say b.",
    "proxy": {"words": ["b"], "against": [], "length": ""},
}
ITEMS = {"questions": QUESTIONS, "requests": REQUESTS}


@pytest.fixture
def model(tiny_llama: Path) -> StudyModel:
    return StudyModel(tiny_llama, "tiny")


@pytest.fixture
def inputs(model: StudyModel) -> dict[str, PartResult]:
    settings = {"styles": list(STYLES), "layers": [1, 2], "layer": 2, "seed": 3}
    vectors = train_vectors(Task(settings, PAIRS, {}, silent, model))
    base = write_base(Task(WRITING, {**ITEMS, "validation": VALIDATION}, {}, silent, model))
    features = PartResult({}, {"directions": vectors.arrays["directions"][:, 1]})
    return {"vectors": vectors, "base": base, "features": features}


def test_vectors_are_the_mean_difference_of_whole_answers_at_length_one(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    arrays = inputs["vectors"].arrays
    for place, name in enumerate(STYLES):
        expected = pysteer.extract(model.loaded, PAIRS[name], layers=2, raw=True, token="answer")
        direction = np.asarray(expected[pysteer.Site("resid_post", 2)], dtype=np.float64)
        np.testing.assert_allclose(
            arrays["directions"][place, 1], direction / np.linalg.norm(direction), rtol=1e-3, atol=1e-5
        )
        assert arrays["lengths"][place] == pytest.approx(np.linalg.norm(direction) / arrays["norms"][1], rel=1e-3)
    np.testing.assert_allclose(np.linalg.norm(arrays["shuffled"], axis=1), 1.0)
    assert (arrays["norms"] > 0.1).all()


def test_what_is_added_is_as_long_as_was_asked_and_nothing_is_no_steering() -> None:
    direction = np.array([0.6, 0.8])
    assert steering(direction, 1, 0.0) == []
    [item] = steering(direction, 1, 2.5, window="answer", operation="norm_preserving_add")
    assert item.coefficient * np.linalg.norm(item.vector[pysteer.Site("resid_post", 1)]) == pytest.approx(2.5)
    assert (item.operation, str(item.window)) == ("norm_preserving_add", "answer")


def test_arms_without_strength_write_what_the_unsteered_arms_write(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    found = write_arms(Task({**WRITING, **ABOUT, "strength": 0.0}, ITEMS, inputs, silent, model))
    texts = found.content["texts"]
    assert set(texts) == {arm.name for arm in ARMS} - {"optimised"}
    for name in ("vector", "features", "random direction", "shuffled labels"):
        assert texts[name] == texts["control"]
    assert texts["few-shot + vector"] == texts["few-shot"] == inputs["base"].content["texts"]["few-shot"]
    assert texts["open book + vector"] == texts["open book"]
    assert texts["vector + prompting"] == texts["prompting"]
    assert len(texts["control"]) == 6
    assert len(texts["few-shot"]) == 3


def test_steered_texts_differ_and_are_scored_by_the_unsteered_model(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    found = write_arms(Task({**WRITING, **ABOUT, "strength": 2.0}, ITEMS, inputs, silent, model))
    assert found.content["texts"]["vector"] != found.content["texts"]["control"]
    table, at = found.arrays["control"], QUANTITIES.index
    tokens = inputs["base"].content["tokens"]["control"]
    prompting = Prompting("raw")
    plain, asked = (
        [question_prompt(model.loaded, prompting, question, instruction=said) for question in QUESTIONS]
        + [request_prompt(model.loaded, prompting, request, said) for request in REQUESTS]
        for said in ("", "Say b.")
    )
    surprise = text_surprise(model.loaded, plain, tokens)
    np.testing.assert_allclose(table[:, at("surprise")], surprise, atol=2e-3)
    ratio = surprise - text_surprise(model.loaded, asked, tokens)
    np.testing.assert_allclose(table[:, at("ratio")], ratio, atol=4e-3)
    assert np.isnan(table[3:, at("hit")]).all()
    assert np.isnan(found.arrays["few-shot"][3:]).all()
    assert (table[:, at("n_tokens")] == [len(ids) for ids in tokens]).all()


def test_an_instruction_that_says_nothing_has_a_ratio_of_nothing(model: StudyModel) -> None:
    settings = {"place": "raw", "instructions": {"a": "", "b": "Say b."}}
    found = check_ratio(Task(settings, PAIRS, {}, silent, model)).arrays
    assert found["a"].shape == found["b"].shape == (6, 2)
    np.testing.assert_array_equal(found["a"], 0.0)
    assert np.abs(found["b"]).max() > 0.0


def test_the_sweep_begins_with_the_unsteered_texts(model: StudyModel, inputs: dict[str, PartResult]) -> None:
    settings = {**WRITING, **ABOUT, "n_items": [2, 1], "strengths": [0.5, 4.0]}
    found = sweep_strengths(Task(settings, ITEMS, inputs, silent, model))
    control = write_arms(Task({**WRITING, **ABOUT, "strength": 0.0}, ITEMS, inputs, silent, model)).arrays["control"]
    for kind in KINDS:
        assert found.arrays[kind].shape == (3, 3, len(QUANTITIES))
        np.testing.assert_allclose(found.arrays[kind][:, 0, 1], control[[0, 1, 3], 1], atol=2e-3)
    assert not np.allclose(found.arrays["vector"][:, 0, 1], found.arrays["vector"][:, 2, 1])
    without = {name: part for name, part in inputs.items() if name != "features"}
    assert np.isnan(sweep_strengths(Task(settings, ITEMS, without, silent, model)).arrays["features"]).all()


def test_letters_without_strength_are_those_of_the_unsteered_model(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    base = score_base(Task({"place": "raw"}, {"questions": QUESTIONS}, {}, silent, model)).arrays
    assert set(base) == set(BASE)
    settings = {**WRITING, **ABOUT, "strength": 0.0}
    found = score_arms(Task(settings, {"questions": QUESTIONS}, inputs, silent, model)).arrays
    for name, other in (("vector", "control"), ("few-shot + vector", "few-shot"), ("open book + vector", "open book")):
        np.testing.assert_array_equal(found[name], base[other])
    assert set(np.unique(base["control"])) <= {0.0, 1.0}


def test_the_search_measures_no_steering_as_no_gain_and_no_cost(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    settings = {
        **WRITING,
        "style": "b",
        "instruction": "Say b.",
        "layers": [1, 2],
        "strengths": [0.1, 3.0],
        "windows": ["all", "answer"],
        "operations": ["add"],
        "guard": 1e9,
        "most_surprise": 1e9,
        "n_written": 2,
    }
    task = Task(settings, {"pairs": PAIRS["b"], "validation": VALIDATION}, inputs, silent, model)
    found = search_settings(task)
    assert found.arrays["gain"].shape == (9,)
    assert (found.arrays["gain"][0], found.arrays["cost"][0]) == (0.0, 0.0)
    assert np.isfinite(found.arrays["kept"]).sum() == 3
    assert found.arrays["kept"][0] == 1.0
    assert found.content["settings"][found.content["chosen"]]["strength"] == found.content["strength"]
    strongest = [place for place, each in enumerate(found.content["settings"]) if each["strength"] == 3.0]
    weakest = [place for place, each in enumerate(found.content["settings"]) if each["strength"] == 0.1]
    assert np.abs(found.arrays["gain"][1:][strongest]).mean() > np.abs(found.arrays["gain"][1:][weakest]).mean()
    again = search_settings(task)
    np.testing.assert_array_equal(again.arrays["gain"], found.arrays["gain"])
    arms = write_arms(
        Task({**WRITING, **ABOUT, "strength": 0.0}, ITEMS, {**inputs, "search": found}, silent, model)
    ).arrays
    assert "optimised" in arms


def test_a_dictionary_is_trained_where_there_is_none_and_its_features_make_directions(model: StudyModel) -> None:
    settings = {
        "styles": list(STYLES),
        "layer": 2,
        "dictionary": "trained",
        "n_features": 3,
        "n_rows": 400,
        "seed": 0,
    }
    data = {**PAIRS, "~stories": Texts("stories", tuple(f"once {i} there was a {i + 1}" for i in range(20)))}
    found = select_style_features(Task(settings, data, {}, silent, model))
    known = np.isfinite(found.arrays["directions"]).all(axis=1)
    assert known.any()
    np.testing.assert_allclose(np.linalg.norm(found.arrays["directions"][known], axis=1), 1.0)
    assert found.failures == int((~known).sum())
    assert found.content["layer"] == 2
    again = select_style_features(Task(settings, data, {}, silent, model))
    np.testing.assert_array_equal(again.arrays["directions"], found.arrays["directions"])


@pytest.mark.parametrize(
    ("measurement", "items"),
    [
        ("refusal:max_tokens=4", REQUESTS),
        ("perplexity", Texts("text", ("abc def ghi jkl", "some other text"))),
        ("pair_choice", PAIRS["a"]),
        ("multiple_choice:form=tags", VALIDATION),
        ("completion_choice", VALIDATION),
    ],
)
def test_side_effects_of_nothing_are_nothing(
    model: StudyModel, inputs: dict[str, PartResult], measurement: str, items: Any
) -> None:
    settings = {"measurement": measurement, "styles": ["b"], "strength": 0.0, "seed": 0}
    found = measure_side_effect(Task(settings, {"items": items}, inputs, silent, model))
    for kind in KINDS:
        np.testing.assert_allclose(found.arrays[kind][0], found.arrays["unsteered"], atol=1e-6)
    strong = measure_side_effect(Task({**settings, "strength": 3.0}, {"items": items}, inputs, silent, model))
    assert strong.arrays["vector"].shape == (1, *found.arrays["unsteered"].shape)
    if measurement == "perplexity":
        assert strong.content["values"] == ["nll", "kl"]
        assert (strong.arrays["vector"][0, :, 1] > 0.0).all()


def test_the_judge_rates_every_arm_and_its_check_has_a_pair_for_each_text(model: StudyModel) -> None:
    found = check_judge(Task({"seed": 0}, {"pairs": PAIRS["a"]}, {}, silent, model))
    assert found.arrays["ratings"].shape == (6, 2)
    arms = PartResult({"texts": {"control": ["one two", "three"], "vector": ["four", ""]}})
    rated = judge_arms(Task({"task": "be a", "n_judged": 2}, {}, {"arms": arms}, silent, model)).arrays
    assert {name: table.shape for name, table in rated.items()} == {"control": (2, 2), "vector": (2, 2)}


def test_shuffled_words_are_the_same_words() -> None:
    text = "one two three four five six"
    assert sorted(shuffled_words(text, 0, 0).split()) == sorted(text.split())
    assert shuffled_words(text, 0, 0) == shuffled_words(text, 0, 0) != text


def test_repetition_counts_pairs_of_neighbours() -> None:
    assert repeated_share([5] * 9) == pytest.approx(1 - 1 / 8)
    assert np.isnan(repeated_share([1, 2]))
