"""Registered measurements that run a model: what they hand on and count, and that doing nothing changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from python_runs import add, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA

from pysteer.choice_scoring import ending_log_probs, letter_log_probs
from pysteer.errors import DataError, MeasurementError
from pysteer.formats.texts import Texts
from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.generation import Generation
from pysteer.measurements import About, Measured, Measurement, Subject, Undefined, make_measurement
from pysteer.measurements import written_texts as written_module
from pysteer.metrics.choices import is_best
from pysteer.model import Model
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.question_prompts import FORMS, PromptPlan
from pysteer.questions import Question, QuestionSet
from pysteer.score import Score
from pysteer.tree_run import RunCount

VECTOR = random_vector(1, 2, norm=3.0)
STEERINGS = [(), (add(VECTOR, 2.0, "answer"),), (add(VECTOR, 0.0),), (add(VECTOR, -2.0),)]
QUESTIONS = QuestionSet(
    tuple(
        Question(
            f"Is {n} more than {n % 5}?", ("yes", "no", "it is", "so so")[: 2 + n % 3], n % 2, "number", f"It is {n}."
        )
        for n in range(6)
    ),
    "numbers",
    (Question("Is it so?", ("yes", "no"), 1, "number", "It is not."),),
)
TRUTHS = QuestionSet(
    tuple(Question(f"Who said {n}?", ("he", "the king", "she", "nobody"), 0, also_right=(1,)) for n in range(4)), "true"
)
TEXTS = Texts("open", ("Tell me more.", "Who are you?", "What was in the ring?"))
PASSAGES = Texts("passages", ("the thing in the hand was a ring", "he said that you are", "it was the king"))
WORDS = WordPairs("words", tuple(map(WordPair, ("hot", "big", "far", "in"), ("cold", "little", "the near", "out"))))
PAIRS = Dataset(tuple(ContrastPair(f"Is {n} good?", f" Gladly {n}.", f" No, not {n}.") for n in range(4)), "pairs")
CASES: dict[str, tuple[str, Any]] = {
    "multiple_choice": ("multiple_choice:form=tags,n_shots=1,open_book=true", QUESTIONS),
    "completion_choice": ("completion_choice:template=Q: {prompt}\\nA:", QUESTIONS),
    "truthfulness": ("truthfulness", TRUTHS),
    "last_word": ("last_word", PASSAGES),
    "pair_choice": ("pair_choice", PAIRS),
    "generated_answers": ("generated_answers:max_tokens=12,form=tags,temperature=1.5", QUESTIONS),
    "word_answers": ("word_answers:max_tokens=4,n_shots=2", WORDS),
    "refusal": ("refusal:max_tokens=8", TEXTS),
    "text_quality": ("text_quality:max_tokens=16,temperature=1.5", PAIRS),
    "judged_texts": ("judged_texts:max_tokens=8,behaviour=be kind,min_mass=0.0", TEXTS),
}
ABOUT = About(seed=0, model_hash="m", data_hash="d")
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module")
def model(write_tiny: WriteTiny) -> Model:
    return Model.load(write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:", n_ctx=2048), "F32"))


@pytest.fixture(scope="module")
def subject(model: Model) -> Iterator[Subject]:
    with Subject(model, n_threads=1, kv_type="f32", n_ctx=4096) as subject:
        yield subject


@pytest.fixture(scope="module")
def run(subject: Subject) -> Callable[[str], tuple[Measurement, list[Measured]]]:
    done: dict[str, tuple[Measurement, list[Measured]]] = {}

    def measured(name: str) -> tuple[Measurement, list[Measured]]:
        if name not in done:
            text, data = CASES[name]
            measurement = make_measurement(text)
            done[name] = measurement, measurement.measure(subject, data, STEERINGS, silent)
        return done[name]

    return measured


Run = Callable[[str], tuple[Measurement, list[Measured]]]


@pytest.mark.parametrize("name", CASES)
def test_coefficient_zero_is_the_unsteered_model_exactly(run: Run, name: str) -> None:
    _, measured = run(name)
    assert len(measured) == len(STEERINGS)
    for key, values in measured[0].values.items():
        np.testing.assert_array_equal(measured[2].values[key], values)
    assert measured[2].details == measured[0].details
    assert measured[2].failures == measured[0].failures
    changed = [key for key, values in measured[0].values.items()
               if not np.array_equal(measured[1].values[key], values, equal_nan=True)]  # fmt: skip
    assert changed or measured[1].details != measured[0].details


@pytest.mark.parametrize("name", CASES)
def test_items_are_those_of_the_data_and_scores_always_have_the_same_names(run: Run, name: str) -> None:
    measurement, measured = run(name)
    data = CASES[name][1]
    assert measurement.accepts(data)
    assert not measurement.accepts("text")
    names = None
    for each in measured:
        assert {len(values) for values in each.values.values()} == {len(data)}
        results = measurement.scores(each, measured[0], ABOUT)
        assert names in (None, [result.name for result in results])
        names = [result.name for result in results]
        for result in results:
            assert result.n + result.failures == len(data), result.name
            assert isinstance(result, Undefined) or result.data_hash == "d"


@pytest.mark.parametrize("name", CASES)
def test_nothing_that_failed_is_lost_where_everything_failed(run: Run, name: str) -> None:
    measurement, measured = run(name)
    kept = ("answers", "is_true", "lengths")  # known without the model
    values = {key: table if key in kept else np.full_like(table, np.nan) for key, table in measured[1].values.items()}
    failed = replace(measured[1], values=values)
    results = measurement.scores(failed, failed, ABOUT)
    assert [r.name for r in results] == [r.name for r in measurement.scores(measured[1], measured[0], ABOUT)]
    for result in results:
        assert result.n + result.failures == len(CASES[name][1]), result.name
        if isinstance(result, Undefined):
            assert result.reason


@pytest.mark.parametrize("name", ["multiple_choice", "completion_choice", "truthfulness", "last_word"])
def test_the_work_is_estimated_as_it_is_done(model: Model, subject: Subject, name: str) -> None:
    measurement, data = make_measurement(CASES[name][0]), CASES[name][1]
    work = measurement.work(subject, data, STEERINGS)
    assert work is not None
    count = RunCount()
    session = subject.session_for_texts(100)
    if name == "multiple_choice":
        plan = PromptPlan(FORMS["tags"], open_book=True)
        letter_log_probs(model, data, STEERINGS, prompts=plan, n_shots=1, session=session, count=count)
    elif name == "last_word":
        from pysteer.last_word import last_words

        last_words(model, data, STEERINGS, session=session, count=count)
    else:
        options = {"raw": True, "template": "Q: {prompt}\nA:"} if name == "completion_choice" else {}
        ending_log_probs(model, data, STEERINGS, session=session, count=count, **options)  # type: ignore[arg-type]
    # Where the tree does not fit the session, groups compute again what they share.
    assert work.n_tokens <= count.tokens <= 1.15 * work.n_tokens
    assert work.n_ctx == session.native.n_ctx


@pytest.mark.parametrize("name", ["generated_answers", "word_answers", "refusal", "text_quality", "judged_texts"])
def test_the_work_of_writing_is_an_upper_limit(subject: Subject, run: Run, name: str) -> None:
    measurement, _ = run(name)
    work = measurement.work(subject, CASES[name][1], STEERINGS)
    assert work is not None
    n_texts = 3 * len(CASES[name][1])  # two of the four steerings are the unsteered model
    assert work.n_generated == n_texts * measurement.settings()["max_tokens"]
    assert measurement.generates


def test_letters_and_their_shares_add_up(run: Run) -> None:
    measurement, measured = run("multiple_choice")
    results = {r.name: r for r in measurement.scores(measured[1], measured[0], ABOUT)}
    shares = [results[f"chose_{letter}"].value for letter in "ABCD"]  # type: ignore[union-attr]
    assert sum(shares) == pytest.approx(1.0)
    table, answers = measured[1].values["log_probs"], measured[1].values["answers"].astype(int)
    assert answers.tolist() == [0, 1, 0, 1, 0, 1]
    hits, before = (is_best(m.values["log_probs"], answers).mean() for m in (measured[1], measured[0]))
    assert results["choice_accuracy"].value == pytest.approx(hits)  # type: ignore[union-attr]
    assert results["choice_accuracy_change"].value == pytest.approx(hits - before)  # type: ignore[union-attr]
    assert (table == -np.inf).sum() == 2 + 1 + 0 + 2 + 1 + 0


def test_truthfulness_is_the_arithmetic_of_the_paper(run: Run) -> None:
    measurement, measured = run("truthfulness")
    mc1, mc2 = measurement.scores(measured[1], measured[0], ABOUT)
    table = measured[1].values["log_probs"]
    p = np.exp(table)
    assert isinstance(mc1, Score)
    assert isinstance(mc2, Score)
    np.testing.assert_array_equal(mc1.per_example, (table[:, :1] > table[:, 2:]).all(axis=1))
    np.testing.assert_allclose(mc2.per_example, p[:, :2].sum(axis=1) / p.sum(axis=1), rtol=1e-12)


def test_answers_are_read_where_they_are_written(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [("<answer>a", "stop"), ("<answer> b) ", "stop"), ("It is A.", "end"), ("<thinking>so", "length"),
            ("<answer>B</answer> <answer>A", "stop"), ("", "too long")]  # fmt: skip
    rows = [[Generation(text, (1, 2), reason, 9)] for text, reason in said]
    monkeypatch.setattr(written_module, "write_texts", lambda *_, **__: rows)
    measurement = make_measurement("generated_answers:form=tags")
    [measured] = measurement.measure(subject, QUESTIONS, [()], silent)
    np.testing.assert_array_equal(measured.values["is_right"], [1.0, 1.0, np.nan, np.nan, 0.0, np.nan])
    assert measured.failures == {
        "no readable answer": 3, "stopped at max_tokens": 1, "prompt longer than the model's context": 1,
    }  # fmt: skip
    results = {r.name: r for r in measurement.scores(measured, measured, ABOUT)}
    assert results["answer_accuracy"].value == pytest.approx(2 / 6)  # type: ignore[union-attr]
    assert results["answer_miss_rate"].value == pytest.approx(3 / 6)  # type: ignore[union-attr]
    assert results["parsed_answer_accuracy"].value == pytest.approx(2 / 3)  # type: ignore[union-attr]
    assert results["parsed_answer_accuracy"].failures == 3


def test_any_output_of_an_input_is_right_and_its_own_pair_is_no_example(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = WordPairs("task", tuple(map(WordPair, ("hot", "big", "hot", "far"), ("cold", "little", "icy", "near"))))
    seen: list[str] = []

    def write(model: Model, prompts: list[str], steerings: object, **_: object) -> list[list[Generation]]:
        seen.extend(prompts)
        return [[Generation(text, (1,), "stop", 3)] for text in (" Icy, I think", " the little", " away")]

    monkeypatch.setattr(written_module, "write_texts", write)
    measurement = make_measurement("word_answers:n_shots=2")
    [measured] = measurement.measure(subject, task, [()], silent)
    assert [prompt.rsplit("Q: ", 1)[1] for prompt in seen] == ["hot\nA:", "big\nA:", "far\nA:"]
    assert all(prompt.count(f"Q: {word}\n") == 1 for prompt, word in zip(seen, ("hot", "big", "far"), strict=True))
    results = {r.name: r for r in measurement.scores(measured, measured, ABOUT)}
    assert results["first_word_match"].value == pytest.approx(2 / 3)  # type: ignore[union-attr]
    assert results["exact_match"].value == pytest.approx(2 / 3)  # type: ignore[union-attr]
    ranks = measured.values["rank"]
    assert results["top_3_accuracy"].value == pytest.approx((ranks < 3).mean())  # type: ignore[union-attr]


def test_an_interrupted_run_gives_no_number(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[Generation("No.", (1,), "end", 3)], [Generation("", (), "interrupted", 0)]]
    monkeypatch.setattr(written_module, "write_texts", lambda *_, **__: rows)
    with pytest.raises(KeyboardInterrupt):
        make_measurement("refusal").measure(subject, TEXTS, [()], silent)


def test_the_seed_changes_sampled_texts_only(model: Model) -> None:
    by_seed = []
    for seed in (0, 1):
        with Subject(model, n_threads=1, seed=seed) as subject:
            by_seed.append(
                [
                    make_measurement("text_quality", max_tokens=12, temperature=t).measure(subject, TEXTS, [()], silent)
                    for t in (0.0, 2.0)
                ]
            )
    greedy, sampled = ([runs[k][0].details["texts"] for runs in by_seed] for k in (0, 1))
    assert greedy[0] == greedy[1]
    assert sampled[0] != sampled[1]


def test_a_judge_is_known_by_its_file(tmp_path: Path, model: Model) -> None:
    copy = tmp_path / "elsewhere.gguf"
    copy.write_bytes(model.path.read_bytes())
    here, there = (make_measurement("judged_texts", judge=str(path)) for path in (model.path, copy))
    assert here.settings() == there.settings()
    assert here.settings()["judge"] == model.hash
    assert make_measurement("judged_texts").settings()["judge"] is None


@pytest.mark.parametrize("name", ["multiple_choice", "generated_answers:form=tags,max_tokens=8"])
def test_exemplars_come_from_a_file_and_are_known_by_what_it_holds(tmp_path: Path, subject: Subject, name: str) -> None:
    record = {"question": "Is it so?", "choices": ["yes", "no"], "answer": "B", "subject": "number"}
    paths = [tmp_path / "dev.jsonl", tmp_path / "copy.jsonl", tmp_path / "leak.jsonl"]
    for path, question in zip(paths, ("Is it so?", "Is it so?", QUESTIONS[0].prompt), strict=True):
        path.write_text(json.dumps({**record, "question": question}), "utf-8")
    here, copied, leaking = (make_measurement(name, n_shots=1, exemplars=str(path)) for path in paths)
    assert here.settings() == copied.settings() != leaking.settings()
    bare = QuestionSet(QUESTIONS.questions, "bare")
    [from_file] = here.measure(subject, bare, [()], silent)
    [from_data] = make_measurement(name, n_shots=1).measure(subject, QUESTIONS, [()], silent)
    for key, values in from_data.values.items():
        np.testing.assert_array_equal(from_file.values[key], values)
    assert from_file.details == from_data.details
    with pytest.raises(DataError, match="1 exemplars ask what is measured"):
        leaking.check(subject, bare)


def test_another_judge_rates_as_the_same_model_would(subject: Subject, model: Model) -> None:
    own, other = (
        make_measurement("judged_texts", max_tokens=6, min_mass=0.0, judge=path).measure(subject, TEXTS, [()], silent)
        for path in (None, str(model.path))
    )
    # The other judge's session keeps keys and values as float16.
    np.testing.assert_allclose(other[0].values["coherence"], own[0].values["coherence"], atol=2e-2)


def test_questions_beyond_the_context_are_failures_of_their_score(subject: Subject) -> None:
    long = QuestionSet((*QUESTIONS.questions, Question("Is it " + "far " * 900 + "?", ("yes", "no"), 0)), "long")
    measurement = make_measurement("multiple_choice")
    [measured] = measurement.measure(subject, long, [()], silent)
    assert measured.failures == {"longer than the model's context": 1}
    for result in measurement.scores(measured, measured, ABOUT):
        assert (result.n, result.failures) == (6, 1), result.name


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("multiple_choice:form=quiz", DataError, "unknown form of questions 'quiz'"),
        ("generated_answers:form=letter", MeasurementError, "no answer in <answer> tags"),
        ("judged_texts:scale=1-7", MeasurementError, "unknown scale '1-7'"),
        ("multiple_choice:shots=3", MeasurementError, "did you mean 'n_shots'"),
    ],
)
def test_settings_that_mean_nothing_are_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_measurement(text)


def test_what_cannot_be_measured_is_found_before_the_run(subject: Subject) -> None:
    with pytest.raises(DataError, match="has no passage"):
        make_measurement("multiple_choice:open_book=true").check(subject, TRUTHS)
    with pytest.raises(DataError, match="1 exemplars of subject 'number', 2 are wanted"):
        make_measurement("multiple_choice:n_shots=2").check(subject, QUESTIONS)
    long = QuestionSet((Question("Is it " + "far " * 900 + "?", ("yes", "no"), 0),), "long")
    with pytest.raises(DataError, match="leaves room for an answer"):
        make_measurement("generated_answers").check(subject, long)
