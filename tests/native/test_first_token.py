"""First tokens under several steerings, measured side by side, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from icl_tasks import correct
from python_runs import CountedDecodes, add, exact_session, log_softmax, random_vector

from pysteer.errors import ContextFullError, MeasurementError, SessionError
from pysteer.function_vectors import FirstTokenResult, first_token_results, tokenize_prompt
from pysteer.model import Model
from pysteer.steering_program import compile_interventions

STEERINGS = [(), [add(random_vector(1), 1.0, "last")], [add(random_vector(2), -2.0, "all")]]


@pytest.mark.parametrize("n_sequences", [3, 8, 64])
def test_every_group_size_gives_what_one_prompt_alone_gives(tiny_qwen2: Path, n_sequences: int) -> None:
    prompts = correct(7)
    with exact_session(tiny_qwen2, n_sequences=n_sequences, n_ctx=1024) as session:
        results = first_token_results(session.model, prompts, STEERINGS, session=session)
        for steering, result in zip(STEERINGS, results, strict=True):
            for index, prompt in enumerate(prompts):
                question = tokenize_prompt(session.model, prompt)
                with session.steer(list(steering)):
                    alone = log_softmax(session.logits(question.tokens)[-1])
                assert result.probability[index] == pytest.approx(np.exp(alone[question.target]), rel=2e-4)


def test_the_prompt_is_computed_once_for_steerings_of_the_last_token(tiny_qwen2: Path) -> None:
    prompts = correct(3)
    last = [[add(random_vector(1), strength, "last")] for strength in (1.0, 2.0)]
    with exact_session(tiny_qwen2, n_sequences=9, n_ctx=1024, n_batch=256) as session:
        n_tokens = sum(len(tokenize_prompt(session.model, prompt).tokens) for prompt in prompts)
        decodes = CountedDecodes(session)
        first_token_results(session.model, prompts, [(), *last], session=session)
    assert decodes.n_tokens == [n_tokens, 3, 3]


def test_compiled_steering_is_taken_as_it_is(tiny_qwen2: Path) -> None:
    given = STEERINGS[1]
    with exact_session(tiny_qwen2, n_sequences=8, n_ctx=1024) as session:
        one, other = first_token_results(
            session.model, correct(2), [given, compile_interventions(given)], session=session
        )
    np.testing.assert_allclose(one.probability, other.probability, rtol=1e-5)


def test_accuracy_has_the_wilson_interval() -> None:
    """15 of 50 at 95 %: 0.191 to 0.438 (Newcombe 1998's formula by hand); never without width."""
    rank = np.where(np.arange(50) < 15, 2, 9).astype(np.int32)
    result = FirstTokenResult(rank, np.zeros(50), 0)
    found = result.accuracy(3)
    assert (found.mean, found.n) == (0.3, 50)
    assert (found.low, found.high) == pytest.approx((0.1910, 0.4375), abs=1e-4)
    none, every = result.accuracy(1), result.accuracy(10)
    assert (none.low, every.high) == pytest.approx((0.0, 1.0))
    assert none.high == pytest.approx(1 - every.low)
    assert 0.05 < none.high < 0.08


def test_what_cannot_be_measured_is_refused(tiny_qwen2: Path) -> None:
    model = Model.load(tiny_qwen2)
    with pytest.raises(MeasurementError):
        first_token_results(model, [], [()])
    with pytest.raises(MeasurementError):
        first_token_results(model, correct(1), [])
    with exact_session(model, n_sequences=2) as session, pytest.raises(SessionError, match="3 steerings"):
        first_token_results(model, correct(1), STEERINGS, session=session)
    with exact_session(model, n_sequences=8, n_ctx=256) as session, pytest.raises(ContextFullError, match="n_ctx"):
        first_token_results(model, correct(1, n_shots=7), STEERINGS, session=session)
    (result,) = first_token_results(model, correct(2), [()])
    with pytest.raises(MeasurementError, match="k of at least 1"):
        result.accuracy(0)
