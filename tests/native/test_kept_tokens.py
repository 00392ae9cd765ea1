"""Keys and values are kept where they are right, and only there: between turns, strengths and requests.

F9 of llama.cpp: keys and values that were computed under steering stay in the memory. What is kept must therefore have
been computed under the very same steering.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from python_runs import CountedDecodes, add, exact_session, random_tokens, random_vector

from pysteer.generation import Generation, Request
from pysteer.model import Model
from pysteer.session import Session
from pysteer.steering_program import compile_interventions
from pysteer.tree_run import Job, run_jobs

VECTOR = random_vector(0, 2)
PROMPT = "Hello there, you"


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


def fresh(model: Model, prompt: str, coefficient: float, window: str = "all") -> Generation:
    with exact_session(model) as session, session.steer(VECTOR, coefficient=coefficient, window=window):
        return session.generate(prompt, raw=True, max_tokens=12)


def n_decoded(session: Session, prompt: str, **options: object) -> tuple[Generation, int]:
    counted = CountedDecodes(session)
    result = session.generate(prompt, raw=True, max_tokens=12, **options)  # type: ignore[arg-type]
    session._native = counted.real
    return result, sum(counted.n_tokens)


@pytest.mark.parametrize("window", ["all", "prompt", "generation", "answer", "0:3"])
def test_a_changed_strength_equals_a_fresh_session(model: Model, window: str) -> None:
    """F9: a chat whose strength is changed from turn to turn."""
    with exact_session(model) as session:
        for coefficient in (1.0, 0.0, -2.0, -2.0, 1.0):
            with session.steer(VECTOR, coefficient=coefficient, window=window):
                result = session.generate(PROMPT, raw=True, max_tokens=12)
            assert result == fresh(model, PROMPT, coefficient, window), coefficient


def test_a_longer_conversation_under_changing_strength_equals_fresh_sessions(model: Model) -> None:
    with exact_session(model) as session:
        text = PROMPT
        for turn, coefficient in enumerate((0.0, 2.0, 2.0, -1.0, 0.0)):
            with session.steer(VECTOR, coefficient=coefficient):
                result = session.generate(text, raw=True, max_tokens=12)
            assert result == fresh(model, text, coefficient), turn
            text += f" and then {turn}"


@pytest.mark.parametrize("window", ["prompt", "generation", "answer", "last", "-3:end"])
def test_a_window_that_moves_with_the_prompts_end_is_right_in_every_turn(model: Model, window: str) -> None:
    with exact_session(model) as session, session.steer(VECTOR, coefficient=2.0, window=window):
        for text in (PROMPT, PROMPT + " or", PROMPT + " or not", PROMPT):
            assert session.generate(text, raw=True, max_tokens=12) == fresh(model, text, 2.0, window), text


def test_another_operation_in_the_same_window_is_never_served_from_the_old_memory(model: Model) -> None:
    with exact_session(model) as session:
        for operation in ("add", "norm_preserving_add", "ablate", "add"):
            with session.steer(VECTOR, coefficient=1.0, operation=operation):
                result = session.generate(PROMPT, raw=True, max_tokens=12)
            with exact_session(model) as other, other.steer(VECTOR, coefficient=1.0, operation=operation):
                assert other.generate(PROMPT, raw=True, max_tokens=12) == result, operation


def test_a_turn_computes_only_what_is_new(model: Model) -> None:
    n_prompt = len(model.tokenize(PROMPT))
    with exact_session(model) as session, session.steer(VECTOR, coefficient=1.0):
        first, n_first = n_decoded(session, PROMPT)
        again, n_again = n_decoded(session, PROMPT)
        _, n_longer = n_decoded(session, PROMPT + " or not")
    assert first == again
    assert n_first == n_prompt + 11  # the twelfth token is sampled and not computed
    assert n_again == 1 + 11  # the last token of the prompt, whose logits are wanted, once more
    assert n_longer == len(" or not") + 11


def test_the_answer_of_the_last_turn_is_kept_too(model: Model) -> None:
    prompt = model.tokenize(PROMPT).ids.tolist()
    with exact_session(model) as session, session.steer(VECTOR, coefficient=1.0):
        answer = list(session.generate(PROMPT, raw=True, max_tokens=12).tokens)
        kept = session.prepare(0, [*prompt, *answer, 70, 71], session.steering)
    assert kept == len(prompt) + 11


def test_steering_of_generated_tokens_costs_the_prompt_nothing_when_it_changes(model: Model) -> None:
    with exact_session(model) as session:
        session.generate(PROMPT, raw=True, max_tokens=12)
        with session.steer(VECTOR, coefficient=2.0, window="generation"):
            result, n_tokens = n_decoded(session, PROMPT)
    assert n_tokens == 1 + 11
    assert result == fresh(model, PROMPT, 2.0, "generation")


def test_prompts_of_one_batch_share_what_they_begin_with(model: Model) -> None:
    prompts = [PROMPT, PROMPT + " or not", PROMPT + " or so", "q"]
    n_distinct = len({tuple(model.tokenize(prompt).ids[: n + 1]) for prompt in prompts for n in range(40)})
    with exact_session(model) as session:
        counted = CountedDecodes(session)
        session.generate_many([Request(prompt, raw=True, max_tokens=1) for prompt in prompts])
    assert sum(counted.n_tokens) == n_distinct + 1  # the first prompt's last token is computed twice


def test_prompts_under_different_steering_share_only_what_lies_before_it(model: Model) -> None:
    n = len(model.tokenize(PROMPT))
    with exact_session(model) as session:
        counted = CountedDecodes(session)
        late = [Request(PROMPT, [add(VECTOR, c, "answer")], raw=True, max_tokens=1) for c in (0.0, 1.0, 2.0)]
        session.generate_many(late)
        assert sum(counted.n_tokens) == (n - 1) + 3
        counted.n_tokens.clear()
        session.forget()
        whole = [Request(PROMPT, [add(VECTOR, c)], raw=True, max_tokens=1) for c in (0.0, 1.0, 2.0)]
        session.generate_many(whole)
        assert sum(counted.n_tokens) == 3 * n


def test_a_measurement_in_between_does_not_disturb_a_conversation(model: Model) -> None:
    tokens = random_tokens(20, seed=1)
    with exact_session(model) as session, session.steer(VECTOR, coefficient=1.0):
        session.generate(PROMPT, raw=True, max_tokens=12)
        list(run_jobs(session, [Job(tokens, score=(19,), steering=compile_interventions([add(VECTOR, -1.0)]))]))
        assert session.generate(PROMPT, raw=True, max_tokens=12) == fresh(model, PROMPT, 1.0)
        session.logits(tokens)
        assert session.generate(PROMPT, raw=True, max_tokens=12) == fresh(model, PROMPT, 1.0)


def test_logits_are_computed_anew_whatever_was_there(model: Model) -> None:
    tokens = random_tokens(12, seed=2)
    with exact_session(model) as session:
        plain = session.logits(tokens)
        with session.steer(VECTOR, coefficient=1.0):
            session.generate(PROMPT, raw=True, max_tokens=12)
        np.testing.assert_array_equal(session.logits(tokens), plain)


def test_what_is_left_after_ctrl_c_is_right(model: Model) -> None:
    def interrupt(piece: str) -> None:
        raise KeyboardInterrupt

    with exact_session(model) as session:
        for coefficient in (1.0, -1.0):
            with session.steer(VECTOR, coefficient=coefficient):
                session.generate(PROMPT, raw=True, max_tokens=12, on_text=_once(interrupt))
                assert session.generate(PROMPT, raw=True, max_tokens=12) == fresh(model, PROMPT, coefficient)


def _once(function: object) -> object:
    calls: list[str] = []

    def call(piece: str) -> None:
        calls.append(piece)
        if len(calls) == 1:
            function(piece)  # type: ignore[operator]

    return call
