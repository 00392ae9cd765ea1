"""Prompts that reverse a steered behaviour: the objective against the NumPy oracle, and the search inside a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import NOISE, add, exact_session, log_softmax, numpy_hook, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA

from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.prompt_search import ReversalObjective, SearchSettings, neighbours, plain_tokens, search, uniform
from pysteer.session import Session

PAIRS = Dataset(
    tuple(ContrastPair(f"Is {k} good? Say (A) or (B).", *("(A)", "(B)")[:: 1 - 2 * (k % 2)]) for k in range(3)), "ab"
)
CANDIDATES = np.int32([[40, 41, 42, 43], [50, 60, 70, 80], [40, 41, 42, 43]])


@pytest.fixture(scope="module")
def path(write_tiny: Callable[..., Path]) -> Path:
    return write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:"), "F32")


@pytest.fixture(scope="module")
def session(path: Path) -> Iterator[Session]:
    with exact_session(path, n_sequences=32, n_ctx=2048) as session:
        yield session


@pytest.mark.parametrize("window", ["all", "answer"])
def test_targets_and_cross_entropies_equal_naive_numpy_passes(path: Path, session: Session, window: str) -> None:
    model, oracle = Model.load(path), NumpyTransformer(path)
    steering = [add(random_vector(1, 2, norm=3.0), 1.0, window)]
    measured = ReversalObjective(model, PAIRS, steering, session=session).evaluate(CANDIDATES)
    np.testing.assert_array_equal(measured.tokens, CANDIDATES)
    for candidate, target, cross_entropy in zip(CANDIDATES, measured.target, measured.cross_entropy, strict=True):
        differences, surprises = [], []
        for number, pair in enumerate(PAIRS):
            wanted, other = answer_pair(model, pair)
            ids, text = wanted.tokens.ids, wanted.tokens.text
            behind = next(
                k
                for k, (begin, _) in enumerate(wanted.tokens.spans)
                if begin >= len(text.partition(pair.prompt)[0] + pair.prompt)
            )
            decides = wanted.letter_index()
            tokens = np.concatenate([ids[:behind], candidate, ids[behind:decides]])
            hook = numpy_hook(steering, wanted.n_prompt + len(candidate))
            last = log_softmax(oracle.forward(tokens, hook).logits[-1])
            differences.append(last[other.tokens.ids[decides]] - last[ids[decides]])
            if number == 0:
                plain = log_softmax(oracle.forward(tokens).logits)
                surprises = [-plain[behind - 1 + k, token] for k, token in enumerate(candidate)]
        assert target == pytest.approx(np.mean(differences), abs=10 * NOISE)
        assert cross_entropy == pytest.approx(np.mean(surprises), abs=10 * NOISE)


def test_no_candidate_is_the_negative_propensity(path: Path, session: Session) -> None:
    from pysteer.propensity import propensities

    model, steering = Model.load(path), [add(random_vector(1, 2, norm=3.0))]
    objective = ReversalObjective(model, PAIRS, steering, session=session)
    expected = -propensities(model, PAIRS, [steering], session=session)[:, 0]
    np.testing.assert_allclose(objective.reversals(None), expected, atol=NOISE)
    np.testing.assert_allclose(
        objective.reversals(CANDIDATES[1]).mean(), objective.evaluate(CANDIDATES[1:2]).target[0], atol=NOISE
    )


def test_proposals_are_what_the_model_expects_there(path: Path, session: Session) -> None:
    model, oracle = Model.load(path), NumpyTransformer(path)
    objective = ReversalObjective(model, PAIRS, [], session=session)
    vocabulary = plain_tokens(model)
    draw = objective.proposals(vocabulary, temperature=1e-3)  # next to greedy
    parents = CANDIDATES[:2]
    drawn = draw(parents, np.int32([2, 0]), np.random.default_rng(0))
    for parent, position, token in zip(parents, (2, 0), drawn, strict=True):
        logits = oracle.forward(np.concatenate([objective._context, parent[:position]])).logits[-1]
        assert token == vocabulary[logits[vocabulary].argmax()] or logits[vocabulary].max() < np.sort(logits)[-64]


def test_the_search_beats_random_prompts_of_equal_length(path: Path, session: Session) -> None:
    model, steering = Model.load(path), [add(random_vector(1, 2, norm=3.0))]
    objective = ReversalObjective(model, PAIRS, steering, session=session)
    vocabulary = plain_tokens(model)
    mutations = {
        "uniform": (uniform(vocabulary), 1.0),
        "neighbours": (neighbours(model.weight("token_embd.weight"), vocabulary, n_near=8), 1.0),
        "proposals": (objective.proposals(vocabulary), 1.0),
    }
    settings = SearchSettings(
        length=4, n_slots=2, n_children=12, n_rounds=16, low_penalty=1e-4, high_penalty=1e-3, seed=1
    )
    result = search(objective, mutations, vocabulary, settings)
    random = objective.evaluate(np.random.default_rng(5).choice(vocabulary, size=(result.n_measured, 4)))
    assert result.best.target[0] > random.target.max()
    assert result.best.target[0] > objective.reversals(None).mean()
    again = search(objective, mutations, vocabulary, settings)
    np.testing.assert_array_equal(result.best.tokens, again.best.tokens)


def test_the_fingerprint_tells_model_items_steering_and_setting_apart(path: Path, session: Session) -> None:
    model, vector = Model.load(path), random_vector(1, 2, norm=3.0)
    given = [
        ReversalObjective(model, pairs, steering, session=session).fingerprint
        for pairs in (PAIRS, Dataset(PAIRS.pairs[:2], "ab"))
        for steering in ([], [add(vector)], [add(vector, 2.0)], [add(vector, window="answer")])
    ]
    assert len(set(given)) == 8


def test_items_without_a_prompt_are_refused(path: Path, session: Session) -> None:
    with pytest.raises(DataError):
        ReversalObjective(
            Model.load(path), Dataset((ContrastPair("", "x (A)", "x (B)"),), "whole"), [], session=session
        )
