"""Choices of a question: what the model is shown, the NumPy oracle's log-probabilities, naive full passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import add, exact_session, log_softmax, numpy_hook, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2

from pysteer.choice_scoring import ending_log_probs, letter_log_probs
from pysteer.errors import DataError, MeasurementError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pair_text import answered
from pysteer.prompt_settings import PromptSetting
from pysteer.question_prompts import FORMS, PromptPlan, QuestionForm, form_named
from pysteer.questions import Question, QuestionSet
from pysteer.session import Session
from pysteer.tree_run import RunCount

VECTOR = random_vector(1, 2, norm=2.0)
STRENGTHS = (-1.5, 0.0, 1.0)
WINDOWS = ["answer", "all", "last", "generation"]
QUESTIONS = QuestionSet(
    (
        Question("Is it hot?", ("yes", "no", "it is"), 0, "weather", "The day was hot."),
        Question("Is it wet?", ("no", "so it is"), 1, "weather", "Then the rain was in."),
        Question("Who said it?", ("he", "she", "the thing", "you"), 2, "talk", "The thing said it."),
    ),
    "tiny",
    (
        Question("Is it dry?", ("yes", "no"), 1, "weather", "It was wet."),
        Question("Is it far?", ("yes", "no"), 0, "weather", "It was far."),
        Question("Who heard it?", ("he", "you"), 1, "talk", "You heard it."),
    ),
)
# Sums of float32 in another order: log-probabilities of size 10 and sums of up to 20 of them.
NOISE = 1e-5 * 10
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module")
def path(write_tiny: WriteTiny) -> Path:
    return write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:", n_ctx=512), "F32")


@pytest.fixture(scope="module")
def session(path: Path) -> Session:
    return exact_session(path, n_sequences=32, n_ctx=4096)


@pytest.fixture(scope="module")
def model(session: Session) -> Model:
    return session.model


def plan(form: str = "letter", **options: object) -> PromptPlan:
    return PromptPlan(form_named(form), **options)  # type: ignore[arg-type]


def naive(session: Session, ids: np.ndarray, n_prompt: int, c: float, window: str) -> np.ndarray:
    """Log-probabilities after every token, one full pass of this text alone."""
    begin = {"all": 0, "answer": n_prompt - 1, "last": n_prompt - 1, "generation": n_prompt}[window]
    end = n_prompt if window == "last" else 10_000
    if c == 0.0 or begin >= len(ids):
        return log_softmax(session.logits(ids))
    with session.steer(VECTOR, coefficient=c, window=f"{begin}:{end}"):
        return log_softmax(session.logits(ids))


def test_the_user_sees_passage_question_choices_and_instruction() -> None:
    text = FORMS["tags"].user_text(QUESTIONS[0], open_book=True)
    assert text == ("The day was hot.\nIs it hot?\nA. yes\nB. no\nC. it is\nGive only the letter inside <answer> tags.")
    assert FORMS["bracket"].user_text(QUESTIONS[1], open_book=False, raw=True) == (
        "Is it wet?\n(A) no\n(B) so it is\nAnswer:"
    )
    assert [form.answer_text(1) for form in FORMS.values()] == [
        "B", "(B)", "<answer>B</answer>", "<answer>B</answer>", "<answer>B</answer>",
    ]  # fmt: skip


def test_exemplars_are_earlier_turns(model: Model) -> None:
    shots = QUESTIONS.shots(QUESTIONS[0], 2)
    asked = [FORMS["letter"].user_text(q, open_book=False) for q in (*shots, QUESTIONS[0])]
    system = PromptSetting("s", "Be brief.")
    assert plan(setting=system).text(model, QUESTIONS[0], shots) == (
        f"<system>Be brief.\n<user>{asked[0]}\n<assistant>B\n<user>{asked[1]}\n<assistant>A\n"
        f"<user>{asked[2]}\n<assistant>Bot:"
    )
    raw = plan(raw=True).text(model, QUESTIONS[0], shots[:1])
    assert raw == "Is it dry?\nA. yes\nB. no\nAnswer: B\n\nIs it hot?\nA. yes\nB. no\nC. it is\nAnswer:"


def test_a_question_is_never_its_own_exemplar(model: Model) -> None:
    with pytest.raises(DataError, match="among its own exemplars"):
        plan().text(model, QUESTIONS[0], (QUESTIONS[0],))


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("form", ["letter", "tags"])
def test_letters_are_the_oracles_log_probabilities(model: Model, session: Session, path: Path, form: str,
                                                   window: str) -> None:  # fmt: skip
    prompts, oracle = plan(form), NumpyTransformer(path)
    ours = letter_log_probs(model, QUESTIONS, [[add(VECTOR, c, window)] for c in STRENGTHS], prompts=prompts,
                            session=session)  # fmt: skip
    assert ours.shape == (3, 3, 4)
    for item, question in enumerate(QUESTIONS):
        sides = prompts.letters(model, question)
        text = sides[0].tokens.text
        at = sides[0].tokens.index_at(text.rindex("A</") if form == "tags" else len(text) - 1)
        for place, c in enumerate(STRENGTHS):
            given: list[Intervention] = [add(VECTOR, c, window)]
            logits = oracle.forward(sides[0].tokens.ids[:at], numpy_hook(given, sides[0].n_prompt)).logits[-1]
            expected = log_softmax(logits)[[int(side.tokens.ids[at]) for side in sides]]
            np.testing.assert_allclose(ours[item, place, : len(sides)], expected, rtol=0, atol=1e-4)
            assert (ours[item, place, len(sides) :] == -np.inf).all()


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("options", [{}, {"open_book": True}, {"raw": True}])
def test_letters_in_one_batch_equal_full_passes(
    model: Model, session: Session, path: Path, window: str, options: dict[str, bool]
) -> None:
    prompts = plan("bracket", **options)
    ours = letter_log_probs(model, QUESTIONS, [[add(VECTOR, c, window)] for c in STRENGTHS], prompts=prompts,
                            n_shots=1, session=session)  # fmt: skip
    with exact_session(model) as alone:
        for item, question in enumerate(QUESTIONS):
            sides = prompts.letters(model, question, QUESTIONS.shots(question, 1))
            at = sides[0].letter_index()
            for place, c in enumerate(STRENGTHS):
                row = naive(alone, sides[0].tokens.ids[:at], sides[0].n_prompt, c, window)[-1]
                expected = row[[int(side.tokens.ids[at]) for side in sides]]
                np.testing.assert_allclose(ours[item, place, : len(sides)], expected, rtol=0, atol=NOISE)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("raw", [False, True])
def test_endings_in_one_batch_equal_one_full_pass_a_choice(
    model: Model, session: Session, window: str, raw: bool
) -> None:
    found = ending_log_probs(model, QUESTIONS, [[add(VECTOR, c, window)] for c in STRENGTHS], raw=raw,
                             session=session)  # fmt: skip
    with exact_session(model) as alone:
        for item, question in enumerate(QUESTIONS):
            prompt = question.prompt if raw else model.chat(question.prompt)
            for k, choice in enumerate(question.choices):
                side = answered(model, prompt, f" {choice}", joined=False)
                ids, n = side.tokens.ids, side.n_prompt
                assert model.detokenize(ids[n:]) == f" {choice}"
                for place, c in enumerate(STRENGTHS):
                    rows = naive(alone, ids[:-1], n, c, window)
                    expected = rows[np.arange(n - 1, len(ids) - 1), ids[n:]].sum()
                    assert found.log_prob[item, place, k] == pytest.approx(expected, abs=2 * NOISE)
    assert found.n_bytes.tolist() == [[3, 2, 5, 0], [2, 8, 0, 0], [2, 3, 9, 3]]
    assert (found.log_prob[1, :, 2:] == -np.inf).all()


def test_coefficient_zero_is_the_unsteered_model_exactly(model: Model, session: Session) -> None:
    steerings = [[], [add(VECTOR, 0.0)], [add(VECTOR, 0.0, "answer"), add(VECTOR, 0.0)]]
    for table in (
        letter_log_probs(model, QUESTIONS, steerings, prompts=plan(), session=session),
        ending_log_probs(model, QUESTIONS, steerings, session=session).log_prob,
    ):
        np.testing.assert_array_equal(table[:, 1], table[:, 0])
        np.testing.assert_array_equal(table[:, 2], table[:, 0])


def test_all_strengths_share_the_prompt(model: Model, session: Session) -> None:
    count = RunCount()
    one = QUESTIONS[:1]
    letter_log_probs(model, one, [[add(VECTOR, c, "answer")] for c in (-1.0, 1.0, 2.0)], prompts=plan(),
                     session=session, count=count)  # fmt: skip
    [side, *_] = plan().letters(model, one[0])
    own = side.letter_index() - (side.n_prompt - 1)
    assert count.tokens == side.n_prompt - 1 + 3 * own
    assert count.naive_tokens == 3 * side.letter_index()


def test_questions_beyond_the_models_context_are_nan_at_every_strength(model: Model, session: Session) -> None:
    long = QuestionSet((QUESTIONS[0], Question("Is it " + "far " * 200 + "?", ("yes", "no"), 0)), "long")
    table = letter_log_probs(model, long, [[], [add(VECTOR)]], prompts=plan(), session=session)
    assert np.isnan(table[1]).all()
    assert np.isfinite(table[0, :, :3]).all()
    endings = ending_log_probs(model, long, [[], [add(VECTOR)]], session=session)
    assert np.isnan(endings.log_prob[1]).all()
    only = letter_log_probs(model, QuestionSet(long.questions[1:], "only"), [[]], prompts=plan(), session=session)
    assert np.isnan(only).all()


def test_a_direction_toward_a_letter_makes_it_the_answer(model: Model, session: Session) -> None:
    """A planted answer: the unembedding's row of B, added at the last block, raises B's probability everywhere."""
    from pysteer.provenance import Provenance
    from pysteer.site import Site
    from pysteer.vector import SteeringVector

    [letter] = model.tokenize("B", add_special=False).ids
    row = model.unembedding()[letter] * model.weight("output_norm.weight")
    toward_b = SteeringVector({Site("resid_post", 3): row}, Provenance(method="planted"))
    table = letter_log_probs(model, QUESTIONS, [[add(toward_b, c, "answer")] for c in (-20.0, 0.0, 20.0)],
                             prompts=plan(), session=session)  # fmt: skip
    assert (table[:, 2].argmax(axis=1) == 1).all()
    assert (np.diff(table[:, :, 1], axis=1) > 0).all()
    assert (table[:, 0].argmax(axis=1) != 1).all()


def test_letters_that_merge_with_the_blank_are_found(write_tiny: WriteTiny) -> None:
    merges = tuple(("\u0120", letter) for letter in "ABCD")
    tiny = replace(TINY_QWEN2, chat_template=CHAT_TEMPLATE + "Bot:", merges=merges)
    with exact_session(write_tiny(tiny, "F32"), n_ctx=2048) as session:
        sides = plan("letter").letters(session.model, QUESTIONS[0])
        ours = letter_log_probs(session.model, QUESTIONS, [[]], prompts=plan("letter"), session=session)
        ids, n = sides[0].tokens.ids, sides[0].n_prompt
        assert [session.model.detokenize(side.tokens.ids[n:]) for side in sides] == [" A", " B", " C"]
        assert {len(side.tokens) for side in sides} == {n + 1}
        expected = log_softmax(session.logits(ids[:n])[-1])[[int(side.tokens.ids[n]) for side in sides]]
    np.testing.assert_allclose(ours[0, 0, :3], expected, rtol=0, atol=NOISE)


def test_answers_that_no_single_token_decides_are_refused(write_tiny: WriteTiny) -> None:
    merged = QuestionForm("merged", "", answer="x{letter}")
    tiny = replace(TINY_QWEN2, chat_template=CHAT_TEMPLATE + "Bot:", merges=(("x", "A"),))
    with (
        exact_session(write_tiny(tiny, "F32"), n_ctx=2048) as session,
        pytest.raises(DataError, match="question 0: no single token chooses between the answers ' xA', ' xB'"),
    ):
        letter_log_probs(session.model, QUESTIONS, [[]], prompts=PromptPlan(merged), session=session)


def test_a_form_shows_letters_and_texts_and_answers_by_letter() -> None:
    with pytest.raises(DataError, match="answer: expected"):
        QuestionForm("none", "", answer="the first")
    with pytest.raises(DataError, match="choice: expected"):
        QuestionForm("none", "", choice="{letter}")


def test_what_cannot_be_asked_is_refused(model: Model, session: Session) -> None:
    with pytest.raises(MeasurementError, match="no steering"):
        letter_log_probs(model, QUESTIONS, [], prompts=plan(), session=session)
    closed = QuestionSet((Question("Is it hot?", ("yes", "no"), 0),), "closed")
    with pytest.raises(DataError, match="open book, but the question 'Is it hot"):
        letter_log_probs(model, closed, [[]], prompts=plan(open_book=True), session=session)
    with pytest.raises(DataError, match="has 2 exemplars of subject 'weather', 3 are wanted"):
        letter_log_probs(model, QUESTIONS, [[]], prompts=plan(), n_shots=3, session=session)
    with pytest.raises(DataError, match="raw prompts are taken as they are"):
        plan(raw=True, setting=PromptSetting("s", "Be brief."))
    with pytest.raises(DataError, match="raw prompts are taken as they are"):
        ending_log_probs(model, QUESTIONS, [[]], raw=True, setting=PromptSetting("s"), session=session)
    with pytest.raises(DataError, match=r"template: expected \{prompt\}"):
        ending_log_probs(model, QUESTIONS, [[]], template="Q:", session=session)
    with pytest.raises(DataError, match="unknown form of questions 'quiz'"):
        form_named("quiz")


def test_steering_in_force_comes_first(model: Model, session: Session) -> None:
    with session.steer(VECTOR, coefficient=0.5, window="answer"):
        nested = letter_log_probs(model, QUESTIONS, [[add(VECTOR, 1.0, "answer")]], prompts=plan(), session=session)
    both = [[add(VECTOR, 0.5, "answer"), add(VECTOR, 1.0, "answer")]]
    together = letter_log_probs(model, QUESTIONS, both, prompts=plan(), session=session)
    np.testing.assert_allclose(nested, together, rtol=0, atol=NOISE)


def test_progress_ends_with_all_questions(model: Model, session: Session) -> None:
    seen: list[tuple[int, int]] = []
    letter_log_probs(model, QUESTIONS, [[], [add(VECTOR)]], prompts=plan(), session=session,
                     progress=lambda done, total: seen.append((done, total)))  # fmt: skip
    assert (seen[0], seen[-1]) == ((0, 3), (3, 3))
