"""What the study of mechanisms works on: no leaks between sides, queries that are no pairs, what fits a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from planted_mechanisms import behaviour, planted_model

from pysteer.demo import model_path
from pysteer.demo.material import read_rows
from pysteer.errors import MeasurementError
from pysteer.library import load_behaviour
from pysteer.pair_text import is_letter
from pysteer.pairs import Dataset
from pysteer.statistics import bootstrap_mean
from pysteer.studies.mechanisms import behaviours as module
from pysteer.studies.mechanisms.adversarial_measuring import is_above_zero
from pysteer.studies.mechanisms.adversarial_plan import unfit
from pysteer.studies.mechanisms.behaviours import CHOSEN, Behaviour, Material, alike_in_length, load_material
from pysteer.studies.mechanisms.contrasts import (
    CONCISE,
    FORMAL,
    JOYFUL,
    LENGTH,
    PAST,
    POLITE,
    REGISTER,
    SCENES,
    THINKING,
    contrasts,
    length_pairs,
    register_pairs,
    written_pairs,
)
from pysteer.studies.mechanisms.corpora import KINDS, MATERIAL, prompts, queries
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.judging import FEW, judged_mean
from pysteer.studies.mechanisms.price import analyse_price
from pysteer.studies.mechanisms.sizes import JUDGED_STRENGTHS, PRESETS
from pysteer.studies.study import StudyContext

WRITTEN = (JOYFUL, FORMAL, CONCISE, POLITE, PAST)


class MadeUpModel:
    """A model that reads a word as a token."""

    label, hash, raw, path = "made-up", "0" * 64, True, Path("made-up.gguf")

    def __init__(self, n_ctx: int, opened: list[int] | None = None) -> None:
        self.open = SimpleNamespace(n_ctx_train=n_ctx, tokenize=str.split, n_layers=2)
        self.opened = [] if opened is None else opened

    @property
    def loaded(self) -> Any:
        self.opened.append(id(self))
        return self.open


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of data sets with three questionnaires, one of very long statements, and happy and sad scenes."""
    persona = tmp_path / "mwe" / "persona"
    persona.mkdir(parents=True)
    for name, length in (("openness", 5), ("neuroticism", 5), ("narcissism", 2000)):
        rows = [
            {
                "question": f'Is this so?\n"{"very " * length}true {k}"\n\nChoices:\n(A):  Yes\n(B):  No',
                "answer_matching_behavior": f" ({'AB'[k % 2]})",
                "answer_not_matching_behavior": f" ({'BA'[k % 2]})",
            }
            for k in range(60)
        ]
        (persona / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    emotions = tmp_path / "repe" / "data" / "emotions"
    emotions.mkdir(parents=True)
    for name, word in (("happiness", "laughs"), ("sadness", "cries")):
        texts = [f"Somebody {word} on day {k}." for k in range(60)]
        (emotions / f"{name}.json").write_text(json.dumps(texts), "utf-8")
    return tmp_path


def context_of(folder: Path | None, n_ctx: int = 400, *, preset: str = "standard") -> StudyContext:
    model: Any = MadeUpModel(n_ctx)
    return StudyContext((model,), preset, PRESETS[preset], 0, folder)


def material_of(folder: Path, n_ctx: int = 400) -> Material:
    return load_material(context_of(folder, n_ctx))


def sides_of(name: str) -> tuple[Dataset, Dataset]:
    makers: dict[str, Callable[[int], tuple[Dataset, Dataset]]] = {REGISTER: register_pairs, LENGTH: length_pairs}
    if name in makers:
        return makers[name](0)
    return written_pairs(name, 0) if name in (POLITE, PAST) else load_behaviour(name)


def answers(data: Sequence[Any]) -> set[str]:
    return {text.strip() for pair in data for text in (pair.positive, pair.negative)}


# Leaks


@pytest.mark.parametrize("name", [*WRITTEN, REGISTER, LENGTH])
def test_no_reply_and_no_message_of_a_contrast_stands_on_both_sides(name: str) -> None:
    train, test = sides_of(name)
    assert not answers(train) & answers(test)
    assert not {pair.prompt for pair in train} & {pair.prompt for pair in test}


@pytest.mark.parametrize("make", [register_pairs, length_pairs])
@pytest.mark.parametrize("seed", [0, 1])
def test_replies_of_the_embedded_model_are_dealt_whatever_they_are_about(make: Any, seed: int) -> None:
    """A held-out reply about the garden must not be one of training about the lake."""
    topics = sorted(
        {row["meta"]["topic"].removeprefix("my ") for row in read_rows(model_path().parent / "pairs.jsonl")}
    )

    def without_topic(text: str) -> str:
        named = [topic for topic in topics if topic.removeprefix("the ") in text]
        assert named, text
        longest = max(named, key=len)
        return text.replace("your " + longest, "#").replace(longest, "#")

    train, test = make(seed)
    assert (len(train), len(test)) == (60, 40)
    known = {without_topic(reply) for reply in answers(train)}
    assert not known & {without_topic(reply) for reply in answers(test)}
    assert make(seed)[0].content_hash == train.content_hash
    assert make(seed + 1)[0].content_hash != train.content_hash


def test_held_out_items_about_past_and_future_have_time_phrases_of_their_own() -> None:
    train, test = written_pairs(PAST, 0)

    def phrases(data: Dataset) -> set[str]:
        """Return what a reply begins with, up to its subject."""
        subjects = ("we", "I", "they", "Mom", "my friend", "Grandpa")
        found = set()
        for reply in answers(data.pairs):
            found.add(min((reply.split(f" {subject} ")[0] for subject in subjects), key=len))
        return found

    assert phrases(test) == {
        "Earlier today", "Later today", "Two days ago", "In two days", "Last summer", "Next summer", "Not long ago",
        "Before long",
    }  # fmt: skip
    assert not phrases(train) & phrases(test)
    for pair in (*train, *test):  # only the time differs
        assert pair.positive.split()[-1] == pair.negative.split()[-1]
        assert " will " in pair.negative
        assert " will " not in pair.positive


# Queries


def query_texts() -> dict[str, set[str]]:
    written = json.loads((MATERIAL / "queries.json").read_text("utf-8"))
    found = {
        name: {text for kind in KINDS for row in rows[kind] for text in row.values()}
        for name, rows in written.items()
        if name != "source"
    }
    return {**found, "prompts": set(prompts(is_embedded=False, n=100))}


@pytest.mark.parametrize("name", sorted(query_texts()))
def test_no_query_and_no_reply_to_it_stands_in_a_pair(name: str) -> None:
    known = [
        text.lower()
        for contrast in WRITTEN
        for side in sides_of(contrast)
        for pair in side
        for text in (pair.prompt, pair.positive, pair.negative)
    ]
    for text in query_texts()[name]:
        assert not any(text.lower() in each for each in known), text


def test_prompts_of_the_embedded_model_are_not_those_of_its_pairs() -> None:
    known = {row["prompt"] for row in read_rows(model_path().parent / "pairs.jsonl")}
    assert not known & set(prompts(is_embedded=True, n=100))


def test_material_is_spelled_one_way() -> None:
    texts = "".join(path.read_text("utf-8").lower() for path in MATERIAL.glob("*.json"))
    for british in ("colour", "neighbour", "grey", "favour", "honour", "humour"):
        assert british not in texts


def test_queries_have_a_blank_before_letters_and_replies() -> None:
    """Models without a chat template read prompt and answer as one text; the others drop it."""
    for name, is_embedded in ((JOYFUL, False), (CHOSEN[0], False), ("mood", True)):
        asked = behaviour(name, kind="texts" if is_embedded else "questionnaire")
        found = queries(asked, is_embedded=is_embedded, n=8)
        for pair in (*found["choice"], *found["open"]):
            assert pair.positive.startswith(" ")
            assert pair.negative.startswith(" ")
            assert pair.positive[1] != " "
        assert all(is_letter(pair.positive) for pair in found["choice"])


def test_a_behaviour_has_queries_of_its_own_or_none() -> None:
    assert queries(behaviour(SCENES, kind="texts"), is_embedded=False, n=100) == {}


# Lengths


def test_rates_are_formed_where_both_sides_are_alike_in_length() -> None:
    model: Any = MadeUpModel(400)
    alike = {name for name in (*WRITTEN, REGISTER, LENGTH) if alike_in_length(model, sides_of(name)[0])}
    assert alike == {JOYFUL, FORMAL, POLITE, PAST, REGISTER}


def test_replies_to_queries_are_alike_in_length_where_rates_are_formed() -> None:
    """A longer reply is less probable, whatever it says."""
    model: Any = MadeUpModel(400)
    for name in (JOYFUL, FORMAL, POLITE, PAST, REGISTER, *CHOSEN):
        kind = "questionnaire" if name in CHOSEN else "texts"
        found = queries(behaviour(name, kind=kind), is_embedded=name == REGISTER, n=100)
        if found:
            assert alike_in_length(model, found["open"]), name


def test_no_strings_are_searched_for_a_contrast_without_rates_or_messages() -> None:
    talk = behaviour("talk", kind="texts")
    assert unfit(talk) is None
    assert "differ in length" in str(unfit(replace(talk, has_rate=False)))


# What fits, what is there


def test_material_is_read_with_what_fits_and_names_what_does_not(folder: Path) -> None:
    material = material_of(folder)
    names = [each.name for each in material.behaviours]
    assert names == [JOYFUL, FORMAL, SCENES, CONCISE, POLITE, PAST, "openness", "neuroticism"]
    assert [each.name for each in material.behaviours if not each.has_rate] == [CONCISE]
    assert material.left_out == ("narcissism is left out: hardly any of its items fits the models' contexts",)
    for each in material.behaviours:
        for one, other in ((each.train, each.validation), (each.train, each.test), (each.validation, each.test)):
            assert not {pair.positive_text for pair in one} & {pair.positive_text for pair in other}
    letters = [pair.positive for pair in material.behaviours[-1].test]
    assert set(letters) == {" (A)", " (B)"}


def test_contrasts_that_hardly_fit_are_left_out_and_named_and_the_others_stay(folder: Path) -> None:
    """None that fits was an error of the whole study, and one that fits an error after everything was computed."""
    narrow = material_of(folder, n_ctx=40)  # 16 of these are kept free
    told = " ".join(narrow.left_out)
    assert f"{CONCISE} is left out: hardly any of its pairs fits the models' contexts" in told
    assert {PAST, POLITE} <= {each.name for each in narrow.behaviours}
    assert CONCISE not in {each.name for each in narrow.behaviours}
    formal = next(each for each in narrow.behaviours if each.name == FORMAL)
    assert formal.n_left_out > 0
    assert min(len(formal.train), len(formal.validation), len(formal.test)) >= 2


def test_a_contrast_needs_pairs_for_the_vector_for_choosing_and_for_testing() -> None:
    train, rest = written_pairs(POLITE, 0)
    validation, test = rest.split(0.3, seed=0)
    sizes = PRESETS["standard"]

    def fitting(*prompts: str) -> Behaviour | str:
        return module._of_texts(POLITE, (train, validation, test), sizes, lambda pair: pair.prompt in prompts)

    assert isinstance(fitting(), str)
    one_each = [side.pairs[0].prompt for side in (train, validation, test)]
    assert isinstance(fitting(*one_each), str)
    enough = [pair.prompt for side, n in ((train, 4), (validation, 2), (test, 4)) for pair in side.pairs[:n]]
    found = fitting(*enough)
    assert isinstance(found, Behaviour)
    assert [len(side) for side in (found.train, found.validation, found.test)] == [4, 2, 4]
    assert found.n_left_out == 60
    assert isinstance(fitting(*enough[:-1]), str)


def test_scenes_of_which_one_file_is_missing_are_named(folder: Path) -> None:
    (folder / "repe" / "data" / "emotions" / "sadness.json").unlink()
    found = contrasts(context_of(folder), is_embedded=False, n_most=9)
    assert SCENES not in [name for name, *_ in found.splits]
    assert found.missing == [f"{SCENES} is left out: the folder of data sets has no repe/data/emotions/sadness.json"]
    assert contrasts(context_of(folder), is_embedded=False, n_most=2).missing == []  # not wanted


def test_models_are_opened_one_after_the_other_whatever_the_number_of_contrasts(folder: Path) -> None:
    """Few models are kept open at a time, so that asking them in turn reads their files again and again."""
    opened: list[int] = []
    models: Any = (MadeUpModel(400, opened), MadeUpModel(500, opened))
    load_material(StudyContext(models, "standard", PRESETS["standard"], 0, folder))
    assert sum(one != other for one, other in pairwise(opened)) <= 3


@pytest.mark.parametrize("name", [REGISTER, LENGTH, THINKING])
def test_the_embedded_models_contrasts_are_split(name: str) -> None:
    found = {
        each: (train, test) for each, train, test in contrasts(context_of(None), is_embedded=True, n_most=4).splits
    }
    train, test = found[name]
    assert min(len(train), len(test)) >= 30
    assert not {pair.prompt for pair in train} & {pair.prompt for pair in test}


# What counts as steered


def test_of_few_items_the_interval_is_students() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = np.random.default_rng(0)
    for n in range(2, FEW):
        values = draw.normal(0.3, 1.0, n)
        found = judged_mean(values, seed=0)
        low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
        assert (found.low, found.high, found.n) == (pytest.approx(low, abs=2e-3), pytest.approx(high, abs=2e-3), n)
    with pytest.raises(MeasurementError, match="two items"):
        judged_mean(np.array([1.0]), seed=0)


def test_behaviours_that_are_not_steered_rarely_count_as_steered() -> None:
    draw = np.random.default_rng(0)
    for n in (4, 8, FEW):
        lucky = [judged_mean(draw.normal(size=n), seed=0).low > 0.0 for _ in range(600)]
        assert np.mean(lucky) < 0.045  # 0.025 is due


def test_a_few_lucky_items_make_no_behaviour_count_as_steered() -> None:
    """Of these four items the bootstrap's interval lies above 0, Student's does not."""
    items = np.array([0.2, 0.1, 2.0, 1.5])
    assert bootstrap_mean(items, seed=0).low > 0.0
    assert not is_above_zero(items)
    found = planted_model([behaviour("joyful-sad", kind="texts")])
    arrays: Any = found.part(found.behaviours[0], "judged").arrays
    assert found.steered == found.behaviours
    again = Found(found.model, found.context, found.material, found.results)
    arrays["propensities"] = items[:, None] * np.array(JUDGED_STRENGTHS)
    assert again.steered == ()


def test_what_is_left_out_as_a_whole_is_told_with_the_numbers_of_items() -> None:
    found = planted_model([behaviour("joyful-sad", kind="texts"), behaviour("openness")])
    material = replace(found.material, left_out=("narcissism is left out: too long",))
    piece = analyse_price([Found(found.model, found.context, material, found.results)])
    assert any("narcissism is left out: too long." in told for told in piece.notes["E20"])
