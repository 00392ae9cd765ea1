"""Sentences with a blank: what is scored is what follows it, given each choice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pysteer.measurements import About, Subject, make_measurement
from pysteer.model import Model
from pysteer.progress import silent
from pysteer.questions import Question, QuestionSet

ABOUT = About(seed=0)
SENTENCES = QuestionSet(
    (
        Question("the ring was his, so _ said that you are", ("he", "the king"), 1),
        Question("_ was in the hand", ("the ring", "she"), 0),
    ),
    "blanks",
)


@pytest.fixture
def subject(tiny_llama: Path) -> Iterator[Subject]:
    with Subject(Model.load(tiny_llama), n_threads=1, kv_type="f32") as subject:
        yield subject


def test_scores_are_the_log_probabilities_of_what_follows_the_blank(subject: Subject) -> None:
    [measured] = make_measurement("blank_choice").measure(subject, SENTENCES, [()], silent)
    session = subject.session_for_texts(64)
    for item, question in enumerate(SENTENCES):
        before, after = question.prompt.split("_")
        for place, choice in enumerate(question.choices):
            begin = subject.model.tokenize(before + choice).ids.tolist()
            whole = subject.model.tokenize(before + choice + after).ids.tolist()
            n = next(i for i, (a, b) in enumerate(zip([*begin, -1], whole, strict=False)) if a != b)
            logits = session.logits(np.array(whole)).astype(np.float64)
            logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
            expected = sum(logits[i - 1, whole[i]] for i in range(n, len(whole)))
            assert measured.values["log_probs"][item, place] == pytest.approx(expected, abs=1e-3)
    assert measured.values["answers"].tolist() == [1.0, 0.0]


def test_sentences_that_do_not_fit_are_left_out_and_counted(subject: Subject) -> None:
    long = Question("so " * subject.model.n_ctx_train + "_ was", ("he", "she"), 0)
    both = QuestionSet((SENTENCES[0], long), "both")
    measurement = make_measurement("blank_choice")
    measurement.check(subject, both)
    [measured] = measurement.measure(subject, both, [()], silent)
    assert np.isnan(measured.values["log_probs"]).all(axis=1).tolist() == [False, True]
    assert sum(measured.failures.values()) == 1
    [score] = measurement.scores(measured, measured, ABOUT)
    assert (score.n, score.failures) == (1, 1)


def test_sentences_longer_than_the_memory_that_was_asked_for_are_left_out_and_counted(tiny_llama: Path) -> None:
    long = Question("so " * 30 + "_ was", ("he", "she"), 0)
    both = QuestionSet((SENTENCES[0], long), "both")
    with Subject(Model.load(tiny_llama), n_threads=1, kv_type="f32", n_ctx=70) as small:
        assert small.longest_text == 70
        [measured] = make_measurement("blank_choice").measure(small, both, [()], silent)
        assert np.isnan(measured.values["log_probs"]).all(axis=1).tolist() == [False, True]
    with Subject(Model.load(tiny_llama), n_threads=1, kv_type="f32") as whole:
        assert whole.longest_text == whole.model.n_ctx_train


def test_only_questions_with_one_blank_are_taken() -> None:
    measurement = make_measurement("blank_choice")
    assert measurement.accepts(SENTENCES)
    for prompt in ("no blank", "_ and _"):
        assert not measurement.accepts(QuestionSet((Question(prompt, ("a", "b"), 0),), "x"))
    assert not measurement.accepts("text")
