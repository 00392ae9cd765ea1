"""Does sampling follow the logits? Greedy exactly, temperature to the accuracy of 3000 draws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_runs import decode, logits_of, open_session

from pysteer import _core
from pysteer.errors import SessionError, SteeringError, TokenizeError

TOKENS = [5, 9, 14, 200]
OFF: dict[str, Any] = {
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "penalty_window": 64,
    "seed": 0,
}


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> _core.Model:
    return _core.Model.load(str(tiny_llama))


def make(model: _core.Model, **options: Any) -> _core.Sampler:
    return _core.Sampler(model, **(OFF | options))


def generate(model: _core.Model, n: int, **options: Any) -> list[int]:
    session, sampler = open_session(model), make(model, **options)
    decode(session, TOKENS)
    tokens = [session.sample(sampler, len(TOKENS) - 1)]
    while len(tokens) < n:
        decode(session, tokens[-1:])
        tokens.append(session.sample(sampler, 0))
    return tokens


def draws(model: _core.Model, n: int, **options: Any) -> np.ndarray:
    """(n_vocab,) shares of n draws after TOKENS."""
    session, sampler = open_session(model), make(model, **options)
    decode(session, TOKENS)
    return np.bincount([session.sample(sampler, 3) for _ in range(n)], minlength=model.n_vocab) / n


def softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits.astype(np.float64) - logits.max())
    return shares / shares.sum()


def test_temperature_zero_takes_the_most_probable_token(model: _core.Model) -> None:
    session, tokens = open_session(model), list(TOKENS)
    for _ in range(10):
        tokens.append(int(logits_of(session, tokens[session.length(0) :])[-1].argmax()))
    assert generate(model, 10, temperature=0.0) == tokens[len(TOKENS) :]


def test_every_output_row_can_be_sampled(model: _core.Model) -> None:
    session, sampler = open_session(model), make(model, temperature=0.0)
    decoded = decode(session, TOKENS)
    assert [session.sample(sampler, row) for row in range(4)] == list(decoded.top_id)


def test_one_seed_gives_one_text(model: _core.Model) -> None:
    assert generate(model, 20, seed=7) == generate(model, 20, seed=7)


def test_another_seed_gives_another_text(model: _core.Model) -> None:
    assert generate(model, 20, seed=7) != generate(model, 20, seed=8)


def test_a_reset_sampler_draws_as_a_new_one(model: _core.Model) -> None:
    session, sampler = open_session(model), make(model, seed=3)
    decode(session, TOKENS)
    first = [session.sample(sampler, 3) for _ in range(20)]
    sampler.reset()
    assert [session.sample(sampler, 3) for _ in range(20)] == first


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_softmax_at_the_temperature(model: _core.Model, temperature: float) -> None:
    expected = softmax(logits_of(open_session(model), TOKENS)[-1] / temperature)
    # Total variation of 3000 draws from 354 tokens: 0.13 is the mean even for the flattest of these distributions.
    assert np.abs(draws(model, 3000, temperature=temperature) - expected).sum() / 2 < 0.15


def test_top_k_draws_only_the_k_most_probable(model: _core.Model) -> None:
    logits = logits_of(open_session(model), TOKENS)[-1]
    assert set(np.flatnonzero(draws(model, 300, top_k=3, temperature=3.0))) == set(np.argsort(-logits)[:3])


def test_top_p_draws_only_the_smallest_set_of_that_mass(model: _core.Model) -> None:
    shares = softmax(logits_of(open_session(model), TOKENS)[-1])
    order = np.argsort(-shares)
    n_inside = int(np.searchsorted(np.cumsum(shares[order]), 0.5)) + 1
    assert set(np.flatnonzero(draws(model, 1000, top_p=0.5))) <= set(order[:n_inside])


def test_min_p_draws_only_tokens_of_that_share_of_the_best(model: _core.Model) -> None:
    shares = softmax(logits_of(open_session(model), TOKENS)[-1])
    assert set(np.flatnonzero(draws(model, 1000, min_p=0.5))) == set(np.flatnonzero(shares >= 0.5 * shares.max()))


def test_a_repetition_penalty_avoids_a_token_that_was_accepted(model: _core.Model) -> None:
    session = open_session(model)
    best = int(decode(session, TOKENS).top_id[-1])
    sampler = make(model, temperature=0.0, repetition_penalty=100.0)
    assert session.sample(sampler, 3) == best
    assert session.sample(sampler, 3) != best  # sampling told the penalty
    told = make(model, temperature=0.0, repetition_penalty=100.0)
    told.accept(best)
    assert session.sample(told, 3) != best


def test_the_penalty_window_forgets(model: _core.Model) -> None:
    session = open_session(model)
    best = int(decode(session, TOKENS).top_id[-1])
    sampler = make(model, temperature=0.0, repetition_penalty=100.0, penalty_window=2)
    for token in (best, 1, 2):
        sampler.accept(token)
    assert session.sample(sampler, 3) == best


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -0.1},
        {"temperature": np.nan},
        {"temperature": np.inf},
        {"top_k": -1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": np.nan},
        {"min_p": -0.1},
        {"min_p": 1.0},
        {"min_p": np.nan},
        {"repetition_penalty": 0.0},
        {"repetition_penalty": -1.0},
        {"repetition_penalty": np.inf},
        {"penalty_window": -2},
        {"penalty_window": 2**31 - 1},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused_by_name(model: _core.Model, options: dict[str, float]) -> None:
    with pytest.raises(SteeringError, match=next(iter(options))):
        make(model, **options)


@pytest.mark.parametrize("token", [-1, 354, 2**31 - 1])
def test_a_token_outside_the_vocabulary_cannot_be_accepted(model: _core.Model, token: int) -> None:
    with pytest.raises(TokenizeError, match="outside the vocabulary"):
        make(model).accept(token)


def test_nothing_can_be_sampled_before_a_decode(model: _core.Model) -> None:
    with pytest.raises(SessionError, match="no logits to sample"):
        open_session(model).sample(make(model), 0)


@pytest.mark.parametrize("row", [-1, 0, 2, 4])
def test_a_row_that_is_no_output_cannot_be_sampled(model: _core.Model, row: int) -> None:
    session = open_session(model)
    decode(session, TOKENS, outputs=np.array([0, 1, 0, 1], dtype=bool))
    with pytest.raises(SessionError, match="no logits to sample"):
        session.sample(make(model), row)


def test_nothing_can_be_sampled_after_stopping_early(model: _core.Model) -> None:
    session = open_session(model)
    decode(session, TOKENS)
    decode(
        session, TOKENS, 1, outputs=None, recorded=np.ones(4, dtype=bool), sites=[("resid_post", 3)], stop_early=True
    )
    with pytest.raises(SessionError, match="no logits to sample"):
        session.sample(make(model), 3)


def test_rows_of_an_earlier_part_of_a_long_batch_cannot_be_sampled(model: _core.Model) -> None:
    session = open_session(model, n_batch=2)
    best = decode(session, TOKENS).top_id
    sampler = make(model, temperature=0.0)
    assert session.sample(sampler, 3) == best[3]
    with pytest.raises(SessionError, match="no logits to sample"):
        session.sample(sampler, 1)


def test_a_sampler_outlives_the_model_it_was_made_from(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    session, sampler = open_session(model), make(model, temperature=0.0, repetition_penalty=1.5)
    del model
    best = decode(session, TOKENS).top_id[-1]
    assert session.sample(sampler, 3) == best
