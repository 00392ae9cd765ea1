"""Steering a session from Python: laws of coefficients, windows against the NumPy oracle, states of a session."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import NOISE, add, exact_session, log_softmax, numpy_hook, random_tokens, random_vector

import pysteer
from pysteer.errors import ContextFullError, ShapeError, SiteError, SteeringError, UnknownNameError
from pysteer.generation import Request
from pysteer.model import Model
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import compile_interventions
from pysteer.tree_run import Job, run_jobs

VECTOR = random_vector(0, 1, 3)
TOKENS = random_tokens(9, seed=5)
PROMPT = "Hello there, you"


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Session:
    return exact_session(model)


@pytest.fixture(scope="module")
def unsteered(session: Session) -> np.ndarray:
    return session.logits(TOKENS)


@pytest.mark.parametrize("operation", ["add", "norm_preserving_add", "in_context"])
def test_coefficient_zero_and_the_zero_vector_leave_logits_unchanged(
    session: Session, unsteered: np.ndarray, operation: str
) -> None:
    with session.steer(VECTOR, coefficient=0.0, operation=operation):
        np.testing.assert_array_equal(session.logits(TOKENS), unsteered)


def test_a_vector_minus_itself_leaves_logits_and_text_unchanged(session: Session, unsteered: np.ndarray) -> None:
    plain = session.generate(PROMPT, raw=True, max_tokens=12)
    with session.steer(VECTOR - VECTOR, coefficient=1.0):
        np.testing.assert_array_equal(session.logits(TOKENS), unsteered)
        assert session.generate(PROMPT, raw=True, max_tokens=12) == plain
    with session.steer(VECTOR, coefficient=0.0):
        assert session.generate(PROMPT, raw=True, max_tokens=12) == plain
    with session.steer(VECTOR, coefficient=1.0):
        assert session.generate(PROMPT, raw=True, max_tokens=12) != plain


def test_leaving_the_block_leaves_no_steering_behind(session: Session, unsteered: np.ndarray) -> None:
    with session.steer(VECTOR, coefficient=1.0):
        assert np.abs(session.logits(TOKENS) - unsteered).max() > 0.1
    assert session.steering == ()
    np.testing.assert_array_equal(session.logits(TOKENS), unsteered)


def test_an_exception_in_the_block_ends_the_steering(session: Session) -> None:
    with pytest.raises(RuntimeError, match="mine"), session.steer(VECTOR, coefficient=1.0):
        raise RuntimeError("mine")
    assert session.steering == ()


def test_plus_and_then_minus_the_coefficient_is_unsteered_to_rounding(session: Session, unsteered: np.ndarray) -> None:
    with session.steer(VECTOR, coefficient=1.5), session.steer(VECTOR, coefficient=-1.5):
        # (x + c v) - c v is x but for one rounding of float32 in each entry and layer.
        np.testing.assert_allclose(session.logits(TOKENS), unsteered, rtol=0, atol=NOISE * np.abs(unsteered).max())


def test_a_scaled_vector_is_the_vector_with_that_coefficient(session: Session) -> None:
    with session.steer(20 * VECTOR, coefficient=1.0):
        scaled = session.logits(TOKENS)
    with session.steer(VECTOR, coefficient=20.0):
        np.testing.assert_array_equal(session.logits(TOKENS), scaled)


def test_layers_pick_from_the_vector(session: Session) -> None:
    with session.steer(VECTOR, coefficient=1.0, layers=(1, 3)):
        picked = session.logits(TOKENS)
    with session.steer(VECTOR.select([1, 3]), coefficient=1.0):
        np.testing.assert_array_equal(session.logits(TOKENS), picked)


def test_nested_blocks_are_applied_from_the_outermost_inwards(session: Session, tiny_llama: Path) -> None:
    outer, inner = add(VECTOR, 1.0), add(VECTOR, 0.0, operation="ablate")
    oracle = NumpyTransformer(tiny_llama)
    for first, second in ((outer, inner), (inner, outer)):
        expected = oracle.forward(TOKENS, numpy_hook([first, second], len(TOKENS))).logits
        with session.steer(first), session.steer(second):
            nested = session.logits(TOKENS)
        with session.steer([first, second]):
            np.testing.assert_array_equal(session.logits(TOKENS), nested)
        np.testing.assert_allclose(nested, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("window", ["all", "prompt", "generation", "last", "answer", "from:3", "2:6", "0:1,-2:end+1"])
@pytest.mark.parametrize("operation", ["add", "norm_preserving_add"])
def test_windows_steer_prompt_and_answer_tokens_as_in_numpy(
    session: Session, tiny_llama: Path, window: str, operation: str
) -> None:
    n_prompt = 5
    given = add(VECTOR, 1.0, window, operation)
    expected = log_softmax(NumpyTransformer(tiny_llama).forward(TOKENS, numpy_hook([given], n_prompt)).logits)
    job = Job(TOKENS, score=tuple(range(9)), steering=compile_interventions([given]), n_prompt=n_prompt)
    [[(_, result)]] = list(run_jobs(session, [job], candidates=range(session.model.n_vocab)))
    np.testing.assert_allclose(result.candidates, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("window", ["all", "prompt", "generation", "last", "answer", "from:3", "2:6", "1:end+2"])
def test_generated_text_under_a_window_is_the_greedy_text_of_the_numpy_oracle(
    session: Session, tiny_llama: Path, window: str
) -> None:
    given, oracle = add(VECTOR, 2.0, window), NumpyTransformer(tiny_llama)
    with session.steer(given):
        ours = session.generate(PROMPT, raw=True, max_tokens=8)
    tokens = session.model.tokenize(PROMPT).ids.tolist()
    hook, n_prompt = numpy_hook([given], len(tokens)), len(tokens)
    while len(tokens) < n_prompt + len(ours.tokens):
        tokens.append(int(oracle.forward(tokens, hook).logits[-1].argmax()))
    assert ours.tokens == tuple(tokens[n_prompt:])
    assert ours.n_prompt == n_prompt
    assert ours.stop_reason == "length"


def test_steering_of_the_session_and_of_a_request_add_up(session: Session) -> None:
    both = session.generate_many([Request(PROMPT, [add(VECTOR, 1.0), add(VECTOR, 2.0)], max_tokens=8, raw=True)])
    with session.steer(VECTOR, coefficient=1.0):
        nested = session.generate_many([Request(PROMPT, [add(VECTOR, 2.0)], max_tokens=8, raw=True)])
    assert nested == both


def test_steering_that_has_no_meaning_is_refused(session: Session) -> None:
    with pytest.raises(SteeringError, match="needs a coefficient"), session.steer(VECTOR):
        pass
    with pytest.raises(UnknownNameError, match="ablate"), session.steer(VECTOR, coefficient=1.0, operation="abalte"):
        pass
    with pytest.raises(SteeringError, match="window"), session.steer(VECTOR, coefficient=1.0, window="promt"):
        pass
    with pytest.raises(SteeringError, match="gain"), session.steer(VECTOR, coefficient=1.0, gain=2.0):
        pass
    with pytest.raises(SiteError), session.steer(VECTOR, coefficient=1.0, layers=(2,)):
        pass
    assert session.steering == ()


@pytest.mark.parametrize(
    ("vector", "error"),
    [
        pytest.param(random_vector(1, width=32), ShapeError, id="another width"),
        pytest.param(random_vector(4), SiteError, id="a layer too many"),
        pytest.param(random_vector(1, component="final_norm"), SiteError, id="a norm that is not final"),
    ],
)
def test_a_vector_that_does_not_fit_the_model_is_refused_and_does_no_harm(
    session: Session, unsteered: np.ndarray, vector: pysteer.SteeringVector, error: type[Exception]
) -> None:
    with session.steer(vector, coefficient=1.0), pytest.raises(error):
        session.logits(TOKENS)
    with session.steer(vector, coefficient=1.0), pytest.raises(error):
        session.generate(PROMPT, raw=True, max_tokens=3)
    np.testing.assert_array_equal(session.logits(TOKENS), unsteered)


def test_logits_of_more_tokens_than_fit_are_refused(session: Session) -> None:
    with pytest.raises(ContextFullError, match="600 tokens do not fit a context of 512"):
        session.logits(random_tokens(600, seed=1))


def test_logits_of_a_text_longer_than_a_batch_are_those_of_one_batch(model: Model, session: Session) -> None:
    tokens = random_tokens(40, seed=6)
    with exact_session(model, n_batch=7) as small, small.steer(VECTOR, coefficient=1.0, window="3:20"):
        in_parts = small.logits(tokens)
    with session.steer(VECTOR, coefficient=1.0, window="3:20"):
        np.testing.assert_allclose(in_parts, session.logits(tokens), rtol=0, atol=10 * NOISE)


def test_a_closed_session_says_so(model: Model) -> None:
    with exact_session(model) as closed:
        pass
    closed.close()  # twice is no harm
    for use in (
        lambda: closed.logits(TOKENS),
        lambda: closed.generate(PROMPT, raw=True),
        lambda: list(run_jobs(closed, [Job(TOKENS)])),
        closed.forget,
    ):
        with pytest.raises(pysteer.errors.SessionError, match="closed"):
            use()


def test_a_session_outlives_the_name_of_its_model(tiny_llama: Path, unsteered: np.ndarray) -> None:
    model = Model.load(tiny_llama)
    session = exact_session(model)
    gone = weakref.ref(model.native)
    del model
    gc.collect()
    np.testing.assert_array_equal(session.logits(TOKENS), unsteered)
    del session
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("options", [{"kv_type": "q8_0"}, {"n_sequences": 0}, {"n_sequences": 257}, {"n_ctx": 0}])
def test_options_without_meaning_are_refused(model: Model, options: dict[str, object]) -> None:
    with pytest.raises(pysteer.errors.SessionError):
        exact_session(model, **options)


def test_the_default_context_is_that_of_the_training(model: Model) -> None:
    with model.session() as session:
        assert session.native.n_ctx == model.n_ctx_train == 256


def test_steering_at_every_component_reaches_the_model(session: Session, unsteered: np.ndarray) -> None:
    for component, layer in (("resid_mid", 1), ("attn_out", 1), ("mlp_out", 1), ("head_out", 1), ("final_norm", 3)):
        vector = random_vector(layer, component=component)
        with session.steer(vector, coefficient=1.0):
            assert np.abs(session.logits(TOKENS) - unsteered).max() > 1e-2, Site(component, layer)
