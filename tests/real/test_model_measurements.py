"""Capability and text measurements on a trained model: it scores on stories, salad surprises it, it is no judge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from python_runs import add, log_softmax

from pysteer.batch_generation import WritingPlan, write_texts
from pysteer.choice_scoring import ending_log_probs, letter_log_probs
from pysteer.extraction import extract
from pysteer.formats.texts import Texts
from pysteer.judge import Judge
from pysteer.last_word import last_words
from pysteer.measurements import About, Subject, make_measurement
from pysteer.metrics import metrics
from pysteer.model import Model
from pysteer.pair_files import load_pairs
from pysteer.progress import silent
from pysteer.question_files import load_questions
from pysteer.question_prompts import FORMS, PromptPlan
from pysteer.questions import Question, QuestionSet
from pysteer.rubrics import coherence
from pysteer.score import Score
from pysteer.session import Session
from pysteer.statistics import bootstrap_difference
from pysteer.text_surprise import text_surprise
from pysteer.vector import SteeringVector

LIBRARY = Path(__file__).resolve().parents[2] / "vectors" / "joyful-sad"
ABOUT = About(seed=0)
# The engine's noise between a run alone and one in a batch, F32 keys and values, is 2e-3 on this model.
NOISE = 5e-3


@pytest.fixture(scope="module")
def model(tinytalk_f32: Path) -> Model:
    return Model.load(tinytalk_f32)


@pytest.fixture(scope="module")
def subject(model: Model) -> Iterator[Subject]:
    with Subject(model, n_threads=1, kv_type="f32", n_ctx=1024) as subject:
        yield subject


@pytest.fixture(scope="module")
def joyful(subject: Subject) -> SteeringVector:
    pairs = load_pairs(LIBRARY / "pairs.jsonl")[:20]
    return extract(subject.model, pairs, layers=5, session=subject.session_for_texts(200))


@pytest.fixture(scope="module")
def stories(data_dir: Path) -> list[list[str]]:
    """Words of TinyStories."""
    texts = json.loads((data_dir / "text/tinystories/tinystories_1000.json").read_text("utf-8"))
    return [text.split() for text in texts[:25]]


@pytest.fixture(scope="module")
def parts(stories: list[list[str]]) -> tuple[list[str], list[str]]:
    """Twenty words of each of 10 stories, in their order and shuffled."""
    rng = np.random.default_rng(0)
    sound = [" ".join(words[5:25]) for words in stories[:10]]
    return sound, [" ".join(rng.permutation(text.split())) for text in sound]


def test_letters_and_endings_equal_full_passes(subject: Subject, joyful: SteeringVector, data_dir: Path) -> None:
    questions = load_questions(data_dir / "mmlu/management_test.csv").draw(4, seed=0)
    plan, strengths = PromptPlan(FORMS["letter"]), (0.0, 1.5)
    steerings = [[add(joyful, c, "answer")] for c in strengths]
    session = subject.session_for_texts(200)
    table = letter_log_probs(subject.model, questions, steerings, prompts=plan, session=session)
    endings = ending_log_probs(subject.model, questions, steerings, session=session).log_prob
    for item, question in enumerate(questions):
        sides = plan.letters(subject.model, question)
        at = sides[0].letter_index()
        for place, c in enumerate(strengths):
            with session.steer(joyful, coefficient=c, window=f"{sides[0].n_prompt - 1}:"):
                row = log_softmax(session.logits(sides[0].tokens.ids[:at])[-1])
            expected = row[[int(side.tokens.ids[at]) for side in sides]]
            np.testing.assert_allclose(table[item, place, :4], expected, rtol=0, atol=NOISE)
            prompt = subject.model.chat(question.prompt)
            ids = subject.model.tokenize(f"{prompt} {question.choices[0]}").ids
            n = len(subject.model.tokenize(prompt).ids)
            with session.steer(joyful, coefficient=c, window=f"{n - 1}:"):
                rows = log_softmax(session.logits(ids[:-1]))
            whole = rows[np.arange(n - 1, len(ids) - 1), ids[n:]].sum()
            assert endings[item, place, 0] == pytest.approx(whole, abs=NOISE * (len(ids) - n))


def test_stories_go_on_as_they_do_and_not_as_shuffled_words(subject: Subject, stories: list[list[str]]) -> None:
    rng = np.random.default_rng(0)
    questions = QuestionSet(
        tuple(
            Question(" ".join(words[:30]), (" ".join(words[30:40]), " ".join(rng.permutation(words[30:40]))), 0)
            for words in stories[:20]
        ),
        "stories",
    )
    measurement = make_measurement("completion_choice")
    [measured] = measurement.measure(subject, questions, [()], silent)
    per_byte, by_sum = measurement.scores(measured, measured, ABOUT)
    assert isinstance(per_byte, Score)
    assert isinstance(by_sum, Score)
    assert per_byte.value >= 0.95
    assert by_sum.value >= 0.95


def test_steering_hard_costs_last_words(subject: Subject, joyful: SteeringVector, stories: list[list[str]]) -> None:
    passages = Texts("stories", tuple(" ".join(words[:41]).rstrip('.,!?"') for words in stories))
    found = last_words(subject.model, passages, [[], [add(joyful, 8.0)]], session=subject.session_for_texts(100))
    unsteered, steered = found.is_said.mean(axis=0)
    assert unsteered > 0.25  # greedy decoding says a word of a vocabulary of 14 019 tokens
    assert steered < unsteered
    assert bootstrap_difference(found.log_prob[:, 1], found.log_prob[:, 0], seed=0).high < 0.0


def test_shuffled_words_surprise_the_model_in_every_pair(subject: Subject, parts: tuple[list[str], list[str]]) -> None:
    sound, salad = (
        text_surprise(
            subject.model,
            ["One day"] * len(texts),
            [subject.model.tokenize(f" {text}", add_special=False).ids.tolist() for text in texts],
            session=subject.session_for_texts,
        )
        for texts in parts
    )
    assert (sound < salad).all()
    assert bootstrap_difference(salad, sound, seed=0).low > 3.0  # nats per token


def test_a_model_that_cannot_judge_is_found_out(subject: Subject, parts: tuple[list[str], list[str]]) -> None:
    """A chat model of 3 M parameters would never write a rating, takes salad for sound, and prefers the first place."""
    sound, salad = parts
    judge = Judge(subject.model, session=subject.session_for_texts)
    ratings = [judge.rate(texts, coherence()) for texts in parts]
    for rated in ratings:
        assert np.isfinite(rated.value).all()
        assert not rated.is_readable.any()
        assert rated.mass.max() < 0.01
    assert np.isnan(judge.rate(sound[:3], coherence(), min_mass=0.5).value).all()
    preferences, swapped, is_readable = judge.prefer(sound, salad, "is more coherent")
    given = {"preferences": preferences, "swapped_preferences": swapped}
    assert metrics.get("swap_consistency")(**given).value < 0.5
    assert metrics.get("first_position_bias")(**given, seed=0).low > 0.2
    assert not is_readable.any()


def test_written_texts_change_with_steering_and_not_without(
    subject: Subject, joyful: SteeringVector, data_dir: Path
) -> None:
    prompts = Texts("requests", ("Tell me a story.", "How are you?", "What did you do today?", "Do you like rain?"))
    measurement = make_measurement("text_quality", max_tokens=24)
    steerings = [(), (add(joyful, 0.0),), (add(joyful, 6.0),)]
    base, same, steered = measurement.measure(subject, prompts, steerings, silent)
    assert same.details == base.details
    assert steered.details["texts"] != base.details["texts"]
    change = {r.name: r for r in measurement.scores(steered, base, ABOUT)}["surprise_change"]
    assert isinstance(change, Score)
    assert change.low > 0.0
    for result in measurement.scores(same, base, ABOUT):
        if result.name in ("surprise_change", "refusal_drift"):
            assert isinstance(result, Score)
            assert (result.value, result.low, result.high) == (0.0, 0.0, 0.0)


def test_many_texts_are_those_of_one_by_one(model: Model, joyful: SteeringVector) -> None:
    plan, prompts = WritingPlan(16), ["Hi, how are you today?", "Tell me a story.", "Do you like rain?"]
    steerings = [[], [add(joyful, 2.0)], [add(joyful, -2.0, "answer")]]
    with Session(model, n_ctx=2048, n_sequences=16, n_threads=1, kv_type="f32") as session:
        together = write_texts(model, prompts, steerings, plan=plan, session=session)
        assert together[0][0].text.strip() == "I'm doing well, thank you. How are you?"
        for item, prompt in enumerate(prompts):
            for place, steering in enumerate(steerings):
                with session.steer(steering):
                    assert session.generate(prompt, max_tokens=16).text == together[item][place].text


def test_every_measurement_runs_on_its_data(subject: Subject, joyful: SteeringVector, data_dir: Path) -> None:
    harmful = json.loads((data_dir / "refusal_direction/harmful_test.json").read_text("utf-8"))
    data = {
        "multiple_choice": load_questions(data_dir / "commonsense/arc_easy.jsonl")[:4],
        "completion_choice": load_questions(data_dir / "commonsense/hellaswag.jsonl")[:3],
        "truthfulness": load_questions(data_dir / "truthfulqa/TruthfulQA.csv")[:3],
        "pair_choice": load_pairs(data_dir / "caa/test/truthfulqa.json")[:4],
        "generated_answers:form=tags,max_tokens=8": load_questions(data_dir / "commonsense/piqa.jsonl")[:3],
        "refusal:max_tokens=8": Texts("harmful", tuple(record["instruction"] for record in harmful[:3])),
        "judged_texts:max_tokens=8,min_mass=0.0": Texts("open", ("How are you?", "Tell me a story.")),
    }
    for text, items in data.items():
        measurement = make_measurement(text)
        measurement.check(subject, items)
        base, same, steered = measurement.measure(
            subject, items, [(), (add(joyful, 0.0, "answer"),), (add(joyful, 4.0, "answer"),)], silent
        )
        for name, values in base.values.items():
            np.testing.assert_array_equal(same.values[name], values)
        assert (
            any(
                not np.array_equal(steered.values[name], values, equal_nan=True) for name, values in base.values.items()
            )
            or steered.details != base.details
        ), text
        assert measurement.scores(steered, base, ABOUT)
