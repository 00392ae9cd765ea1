"""What the parts of the study of trade-offs compute in a model: vectors, arms, sweep, letters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tradeoff_parts import (
    ABOUT,
    ITEMS,
    PAIRS,
    QUESTIONS,
    REPLIES,
    REQUESTS,
    STYLES,
    VALIDATION,
    WRITING,
    first_parts,
)

import pysteer
from pysteer.formats.texts import Texts
from pysteer.progress import silent
from pysteer.questions import Question, QuestionSet
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import ModelOptions, StudyModel
from pysteer.studies.tradeoff import sweeping, writing
from pysteer.studies.tradeoff.arms import ARMS, BASE, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.letters import score_arms, score_base
from pysteer.studies.tradeoff.ratio_check import check_ratio
from pysteer.studies.tradeoff.side_effects import KINDS
from pysteer.studies.tradeoff.sweeping import sweep_strengths
from pysteer.studies.tradeoff.vectors import select_style_features, steering
from pysteer.studies.tradeoff.writing import (
    QUANTITIES,
    mean_surprise,
    repeated_share,
    write_arms,
)
from pysteer.text_surprise import text_surprise


@pytest.fixture
def model(tiny_llama: Path) -> StudyModel:
    return StudyModel(tiny_llama, "tiny")


@pytest.fixture
def inputs(model: StudyModel) -> dict[str, PartResult]:
    return first_parts(model)


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
    np.testing.assert_array_equal(table[:, at("surprise")], inputs["base"].arrays["control"])
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


def test_texts_that_styles_share_are_read_once(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    n_read: list[int] = []

    def counted(model: StudyModel, prompts: list[str], tokens: list[list[int]]) -> Any:
        n_read.append(len(set(zip(prompts, map(tuple, tokens), strict=True))))
        assert n_read[-1] == len(prompts)
        return mean_surprise(model, prompts, tokens)

    monkeypatch.setattr(writing, "mean_surprise", counted)
    settings = {"place": "raw", "instructions": {"a": "", "b": "Say b."}}
    check_ratio(Task(settings, PAIRS, {}, silent, model))
    assert n_read == [6 + 2 * 6 + 12]  # plain texts of both styles, their own, and those of b under its instruction


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


def test_the_sweep_takes_what_the_arms_have_written_and_finds_the_same(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**WRITING, **ABOUT, "n_items": [2, 1], "n_asked": 3, "strengths": [0.5, 4.0], "strength": 0.5}
    arms = write_arms(Task({**WRITING, **ABOUT, "strength": 0.5}, ITEMS, inputs, silent, model))
    alone = sweep_strengths(Task(settings, ITEMS, inputs, silent, model))
    asked: list[int] = []
    own_write = sweeping.write

    def counted(task: Task, prompts: list[str], steerings: Any, *rest: Any) -> Any:
        asked.append(len(prompts) * len(steerings))
        return own_write(task, prompts, steerings, *rest)

    monkeypatch.setattr(sweeping, "write", counted)
    found = sweep_strengths(Task(settings, ITEMS, {**inputs, "arms": arms}, silent, model))
    assert asked == [3 * 3]  # three items at the largest strength of three kinds
    for kind in KINDS:
        np.testing.assert_array_equal(found.arrays[kind][:, 0], arms.arrays["control"][[0, 1, 3]])
        np.testing.assert_allclose(found.arrays[kind], alone.arrays[kind], atol=4e-3)
    np.testing.assert_array_equal(found.arrays["vector"][:, 1], arms.arrays["vector"][[0, 1, 3]])


def test_a_text_that_a_strength_has_in_common_with_the_control_has_its_numbers_to_the_last_digit(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    settings = {**WRITING, **ABOUT, "n_items": [2, 1], "n_asked": 3, "strengths": [1e-6], "strength": 0.5}
    arms = write_arms(Task({**WRITING, **ABOUT, "strength": 0.5}, ITEMS, inputs, silent, model))
    found = sweep_strengths(Task(settings, ITEMS, {**inputs, "arms": arms}, silent, model))
    np.testing.assert_array_equal(found.arrays["vector"][:, 1], found.arrays["vector"][:, 0])


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


def test_letters_of_questions_longer_than_the_memory_that_was_asked_for_are_left_out(tiny_llama: Path) -> None:
    small = StudyModel(tiny_llama, "tiny", options=ModelOptions(n_ctx=140))
    asked = QuestionSet((QUESTIONS[0], Question("q " * 40, ("w", "x", "y", "z"), 0)), "two")
    found = score_base(Task({"place": "raw"}, {"questions": asked}, {}, silent, small))
    assert np.isnan(found.arrays["control"]).tolist() == [False, True]
    assert found.failures == sum(int(np.isnan(hits).sum()) for hits in found.arrays.values())
    whole = score_base(Task({"place": "raw"}, {"questions": asked}, {}, silent, StudyModel(tiny_llama, "tiny")))
    assert np.isfinite(whole.arrays["control"]).all()


def test_texts_without_a_number_are_failures_of_their_part(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def first_is_empty(model: StudyModel, prompts: list[str], tokens: list[list[int]]) -> Any:
        return mean_surprise(model, prompts, [[], *tokens[1:]])

    monkeypatch.setattr(writing, "mean_surprise", first_is_empty)
    about = {**WRITING, **ABOUT, "strength": 2.0}
    base = writing.write_base(Task(WRITING, {**ITEMS, "validation": VALIDATION, "replies": REPLIES}, {}, silent, model))
    assert base.failures == sum(int(np.isnan(each).sum()) for each in base.arrays.values()) >= 1
    at = QUANTITIES.index("surprise")
    arms = write_arms(Task(about, ITEMS, inputs, silent, model))
    n_written = {name: len(texts) for name, texts in arms.content["texts"].items()}
    assert arms.failures == sum(int(np.isnan(arms.arrays[name][:n, at]).sum()) for name, n in n_written.items()) >= 1
    settings = {**WRITING, **ABOUT, "n_items": [2, 1], "strengths": [0.5, 4.0]}
    assert sweep_strengths(Task(settings, ITEMS, inputs, silent, model)).failures >= 1
    checked = check_ratio(Task({"place": "raw", "instructions": {"a": "Say a."}}, PAIRS, {}, silent, model))
    assert checked.failures == 1


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


def test_repetition_counts_pairs_of_neighbours() -> None:
    assert repeated_share([5] * 9) == pytest.approx(1 - 1 / 8)
    assert np.isnan(repeated_share([1, 2]))
