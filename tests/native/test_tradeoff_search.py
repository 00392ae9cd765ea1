"""What the parts of the study of trade-offs compute in a model: capability, search, side effects, ratings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tradeoff_parts import (
    ABOUT,
    BLANKS,
    ITEMS,
    PAIRS,
    QUESTIONS,
    REPLIES,
    REQUESTS,
    SENTENCES,
    VALIDATION,
    WRITING,
    first_parts,
)

from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair
from pysteer.progress import silent
from pysteer.questions import Question
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff import capability, search, side_effects
from pysteer.studies.tradeoff.arms import Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.capability import kind_of, measure_capability
from pysteer.studies.tradeoff.judging import check_judge, judge_arms, shuffled_words
from pysteer.studies.tradeoff.letters import score_base
from pysteer.studies.tradeoff.search import search_settings
from pysteer.studies.tradeoff.side_effects import KINDS, measure_side_effect, values_of
from pysteer.studies.tradeoff.vectors import steering
from pysteer.studies.tradeoff.writing import (
    write,
    write_arms,
)


@pytest.fixture
def model(tiny_llama: Path) -> StudyModel:
    return StudyModel(tiny_llama, "tiny")


@pytest.fixture
def inputs(model: StudyModel) -> dict[str, PartResult]:
    return first_parts(model)


def test_capability_is_what_the_control_does_without_steering(model: StudyModel) -> None:
    settings = {**WRITING, "n_items": [3, 0]}
    found = measure_capability(Task(settings, {"questions": QUESTIONS}, {}, silent, model))
    expected = [float(likeliest_letter(model, question) == question.letter) for question in QUESTIONS]
    assert found.arrays["letters"].tolist() == expected
    base = score_base(Task({"place": "raw"}, {"questions": QUESTIONS}, {}, silent, model)).arrays["control"]
    assert base.tolist() == expected
    assert found.arrays["written"].tolist() == [0.0, 0.0, 0.0]  # random weights close no tag
    assert found.content["kind"] == ""  # three questions are too few for anything
    assert found.failures == 0


def test_written_answers_are_read_from_what_the_control_writes(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = "".join(question.letter for question in QUESTIONS)
    said = iter(f"<answer>{letter}</answer>" for letter in (right[0], "D" if right[1] != "D" else "A", right[2]))
    monkeypatch.setattr(capability, "said_of", lambda _: next(said))
    found = measure_capability(Task({**WRITING, "n_items": [3, 0]}, {"questions": QUESTIONS}, {}, silent, model))
    assert found.arrays["written"].tolist() == [1.0, 0.0, 1.0]


def test_capability_is_what_is_above_chance_writing_first() -> None:
    right, wrong = np.ones(20), np.zeros(20)
    assert [kind_of(*each) for each in ((right, right), (wrong, right), (right, wrong), (wrong, wrong))] == [
        "written",
        "letters",
        "written",
        "",
    ]


def likeliest_letter(model: StudyModel, question: Question) -> str:
    """The most probable letter behind "<answer>", from the logits."""
    loaded = model.loaded
    prompt = question_prompt(loaded, Prompting("raw"), question, at_once=True)
    ids = loaded.tokenize(f"{prompt}<answer>").ids
    logits = model.subject(raw=True).session_for_texts(len(ids) + 1).logits(ids)[-1]
    letters = "ABCD"[: len(question.choices)]
    whole = [loaded.tokenize(f"{prompt}<answer>{letter}").ids for letter in letters]
    assert all(len(each) == len(ids) + 1 for each in whole)
    return letters[int(np.argmax([logits[each[-1]] for each in whole]))]


SEARCH: dict[str, Any] = {
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


SEARCHED = {"pairs": PAIRS["b"], "validation": VALIDATION, "replies": REPLIES}


def judged_by(kind: str) -> dict[str, PartResult]:
    return {"capability": PartResult({"kind": kind})}


def test_the_search_measures_no_steering_as_no_gain_and_no_cost(
    model: StudyModel, inputs: dict[str, PartResult]
) -> None:
    settings = {**SEARCH, "strengths": [0.0, 0.1, 3.0]}
    task = Task(settings, SEARCHED, {**inputs, **judged_by("letters")}, silent, model)
    found = search_settings(task)
    assert found.arrays["gain"].shape == (13,)
    assert found.content["n"] == {"gain": 6, "cost": 2, "ratio": 6, "surprise": 8, "kept": 2}
    none = [place for place, each in enumerate(found.content["settings"], 1) if each["strength"] == 0.0]
    np.testing.assert_allclose(found.arrays["gain"][[0, *none]], 0.0, atol=2e-4)
    np.testing.assert_allclose(found.arrays["cost"][[0, *none]], 0.0, atol=2e-4)
    assert np.abs(np.delete(found.arrays["gain"], [0, *none])).min() > 1e-3
    assert np.isfinite(found.arrays["kept"]).sum() == 3
    assert found.arrays["kept"][0] == 1.0
    assert found.content["settings"][found.content["chosen"]]["strength"] == found.content["strength"]
    assert expected_gain(model, inputs) == pytest.approx(found.arrays["gain"][1 + STRONG], abs=5e-3)
    strongest = [place for place, each in enumerate(found.content["settings"]) if each["strength"] == 3.0]
    weakest = [place for place, each in enumerate(found.content["settings"]) if each["strength"] == 0.1]
    assert np.abs(found.arrays["gain"][1:][strongest]).mean() > np.abs(found.arrays["gain"][1:][weakest]).mean()
    again = search_settings(task)
    np.testing.assert_array_equal(again.arrays["gain"], found.arrays["gain"])
    arms = write_arms(
        Task({**WRITING, **ABOUT, "strength": 0.0}, ITEMS, {**inputs, "search": found}, silent, model)
    ).arrays
    assert "optimised" in arms


STRONG = 4
"""The setting at block 1 with strength 3 at all tokens, of strengths 0, 0.1 and 3 by two windows."""


def expected_gain(model: StudyModel, inputs: dict[str, PartResult]) -> float:
    """How much more that setting prefers the texts with the style, from the logits."""
    vectors, loaded = inputs["vectors"].arrays, model.loaded
    added = steering(vectors["directions"][1, 0], 1, 3.0 * float(vectors["norms"][0]))
    session = model.subject(raw=True).session_for_texts(64)

    def log_prob(pair: ContrastPair, text: str, steered: bool) -> float:
        prompt = request_prompt(loaded, Prompting("raw"), pair.prompt)
        ids = loaded.tokenize(prompt + text).ids
        n = len(loaded.tokenize(prompt).ids)
        with session.steer(added if steered else []):
            logits = session.logits(ids).astype(np.float64)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return float(np.mean([logits[at - 1, ids[at]] for at in range(n, len(ids))]))

    preference = {
        steered: np.mean([log_prob(p, p.positive, steered) - log_prob(p, p.negative, steered) for p in PAIRS["b"]])
        for steered in (False, True)
    }
    return float(preference[True] - preference[False])


def test_a_model_that_writes_no_answer_is_searched_all_the_same(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    content, nothing = inputs["base"].content, {"validation": ["", ""]}
    texts, tokens = {**content["texts"], **nothing}, {**content["tokens"], "validation": [[], []]}
    arrays = {**inputs["base"].arrays, "validation": np.full(2, np.nan)}
    base = PartResult({**content, "texts": texts, "tokens": tokens}, arrays)
    monkeypatch.setattr(search, "likeliest", lambda *_: np.ones((2, 3)))
    found = search_settings(Task(SEARCH, SEARCHED, {**inputs, "base": base, **judged_by("letters")}, silent, model))
    assert np.isnan(found.arrays["cost"]).all()
    assert np.isfinite(found.arrays["gain"]).all()
    assert np.isfinite(found.arrays["surprise"]).sum() == 3
    tried = 1 + np.argsort(-found.arrays["gain"][1:], kind="stable")[:2]
    assert np.flatnonzero(np.isfinite(found.arrays["kept"])).tolist() == sorted([0, *tried.tolist()])
    assert (found.content["n"]["cost"], found.content["n"]["surprise"]) == (0, 6)
    assert found.failures == 2


def test_a_setting_under_which_a_reply_is_empty_has_no_ratio_and_is_not_within_the_guard(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_ids = search.ids_of
    calls: list[int] = []

    def some_empty(text: Any) -> list[int]:
        calls.append(1)
        return [] if len(calls) == 8 else own_ids(text)  # the last reply of the first setting that writes

    monkeypatch.setattr(search, "ids_of", some_empty)
    monkeypatch.setattr(search, "likeliest", lambda *_: np.ones((2, 3)))
    found = search_settings(Task(SEARCH, SEARCHED, {**inputs, **judged_by("letters")}, silent, model))
    wrote = np.flatnonzero(np.isfinite(found.arrays["kept"]))
    assert np.isnan(found.arrays["ratio"][wrote]).sum() == np.isnan(found.arrays["surprise"][wrote]).sum() == 1
    assert np.isfinite(found.arrays["ratio"][1 + found.content["chosen"]])
    assert found.failures == 1


def test_the_search_writes_nothing_that_the_unsteered_model_has_written(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(task: Task, prompts: list[str], steerings: Any) -> Any:
        asked.append(sum(not steering for steering in steerings))
        return write(task, prompts, steerings)

    monkeypatch.setattr(search, "write", counted)
    found = search_settings(Task(SEARCH, SEARCHED, {**inputs, **judged_by("letters")}, silent, model))
    assert asked == [0]
    base = inputs["base"].arrays
    own = np.concatenate([base["validation"], base["replies"]])  # style b is searched on all six requests
    assert found.arrays["surprise"][0] == pytest.approx(own.mean())


def test_a_model_that_writes_no_letters_is_guarded_by_the_most_probable_ones(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts without a letter are no letters kept: the letters' probabilities decide."""
    texts = inputs["base"].content["texts"]["validation"]
    assert all("<answer>" not in text for text in texts)
    chosen = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 0.0]])
    monkeypatch.setattr(search, "likeliest", lambda *_: chosen)
    found = search_settings(Task(SEARCH, SEARCHED, {**inputs, **judged_by("letters")}, silent, model))
    kept = found.arrays["kept"][np.isfinite(found.arrays["kept"])]
    assert sorted(kept.tolist()) == [0.5, 1.0, 1.0]
    assert found.content["is_within"]
    chosen[:, 1:] = 3.0  # every setting that wrote gives other letters
    found = search_settings(Task(SEARCH, SEARCHED, {**inputs, **judged_by("")}, silent, model))
    assert not found.content["is_within"]
    assert np.nanmin(found.arrays["kept"]) == 0.0


def test_a_model_that_writes_letters_is_guarded_by_those(
    model: StudyModel, inputs: dict[str, PartResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = inputs["base"].content["texts"]["validation"]
    written = search_settings(Task(SEARCH, SEARCHED, {**inputs, **judged_by("written")}, silent, model))
    assert np.isnan(written.arrays["kept"]).all()  # nothing is kept where the control has no letter
    assert not written.content["is_within"]
    content = {**inputs["base"].content}
    content["texts"] = {**content["texts"], "validation": [f"{text}<answer>A</answer>" for text in own]}
    base = PartResult(content, inputs["base"].arrays)
    monkeypatch.setattr(search, "likeliest", None)  # is not asked
    lost = search_settings(Task(SEARCH, SEARCHED, {**inputs, "base": base, **judged_by("written")}, silent, model))
    assert np.nanmin(lost.arrays["kept"]) == 0.0  # steered texts have no tag
    assert not lost.content["is_within"]
    monkeypatch.setattr(search, "said_of", lambda text: f"{text.text}<answer>A</answer>")
    kept = search_settings(Task(SEARCH, SEARCHED, {**inputs, "base": base, **judged_by("written")}, silent, model))
    assert np.nanmin(kept.arrays["kept"]) == 1.0
    assert kept.content["is_within"]


@pytest.mark.parametrize(
    ("measurement", "items"),
    [
        ("refusal:max_tokens=4", REQUESTS),
        ("perplexity", Texts("text", ("abc def ghi jkl", "some other text"))),
        ("pair_choice", PAIRS["a"]),
        ("multiple_choice:form=tags", VALIDATION),
        ("completion_choice", VALIDATION),
        ("blank_choice", BLANKS),
        ("pair_choice:variant=full_response", SENTENCES),
    ],
)
def test_side_effects_of_nothing_are_nothing(
    model: StudyModel,
    inputs: dict[str, PartResult],
    monkeypatch: pytest.MonkeyPatch,
    measurement: str,
    items: Any,
) -> None:
    is_per_byte = measurement == "completion_choice"
    settings = {
        "measurement": measurement,
        "is_per_byte": is_per_byte,
        "styles": ["b"],
        "strength": 0.0,
        "seed": 0,
    }
    found = measure_side_effect(Task(settings, {"items": items}, inputs, silent, model))
    assert np.isfinite(found.arrays["unsteered"]).all()
    for kind in KINDS:
        np.testing.assert_allclose(found.arrays[kind][0], found.arrays["unsteered"], atol=1e-6)
    raw: list[dict[str, Any]] = []

    def seen(kind: Any, measured: Any, **rest: Any) -> Any:
        raw.append(dict(measured.values))
        return values_of(kind, measured, **rest)

    monkeypatch.setattr(side_effects, "values_of", seen)
    strong = measure_side_effect(Task({**settings, "strength": 3.0}, {"items": items}, inputs, silent, model))
    assert all(np.isfinite(strong.arrays[kind]).all() for kind in KINDS)
    assert found.failures == strong.failures == 0
    if not measurement.startswith("refusal"):  # random weights write no refusal, however they are steered
        base, *steered = raw
        assert len(steered) == len(KINDS)
        assert all(any(not np.array_equal(each[name], base[name]) for name in base) for each in steered)
    assert strong.arrays["vector"].shape == (1, *found.arrays["unsteered"].shape)
    assert ("accuracy by sum" in strong.content["values"]) == is_per_byte
    if measurement == "perplexity":
        assert strong.content["values"] == ["nll", "kl"]
        assert (strong.arrays["vector"][0, :, 1] > 0.0).all()


def test_the_judge_rates_every_arm_and_its_check_has_a_pair_for_each_text(model: StudyModel) -> None:
    found = check_judge(Task({"seed": 0}, {"pairs": PAIRS["a"]}, {}, silent, model))
    assert found.arrays["ratings"].shape == (6, 2)
    arms = PartResult({"texts": {"control": ["one two", "three"], "vector": ["four", ""]}})
    rated = judge_arms(Task({"task": "be a", "questions": [1, 0]}, {}, {"arms": arms}, silent, model)).arrays
    assert {name: table.shape for name, table in rated.items()} == {"control": (2, 2), "vector": (2, 2)}
    other = judge_arms(Task({"task": "be a", "questions": [0]}, {}, {"arms": arms}, silent, model)).arrays
    np.testing.assert_allclose(other["control"][0], rated["control"][1], atol=1e-3)


def test_shuffled_words_are_the_same_words() -> None:
    text = "one two three four five six"
    assert sorted(shuffled_words(text, 0, 0).split()) == sorted(text.split())
    assert shuffled_words(text, 0, 0) == shuffled_words(text, 0, 0) != text
