"""One session has one user at a time; many sessions share a model."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from core_runs import add, decode, logits_of, open_session, random_vector, steer, step

from pysteer import _core
from pysteer.errors import BusyError

TOKENS = [5, 9, 14, 200, 77, 31, 8, 8, 120]
SAMPLING = {
    "temperature": 0.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "penalty_window": 0,
    "seed": 0,
}
USES: dict[str, Callable[[_core.Session, _core.Sampler], object]] = {
    "decode": lambda session, sampler: decode(session, [5], sequence=1),
    "set_program": lambda session, sampler: session.set_program(1, []),
    "share": lambda session, sampler: session.share(1, 2, 0),
    "trim": lambda session, sampler: session.trim(1, 0),
    "clear": lambda session, sampler: session.clear(),
    "sample": lambda session, sampler: session.sample(sampler, 0),
}


@pytest.mark.parametrize("use", USES)
def test_using_a_busy_session_is_a_busy_error(tinytalk_f32: Path, use: str) -> None:
    model = _core.Model.load(str(tinytalk_f32))
    session = open_session(model, n_batch=1)  # 250 parts, about 1 ms each
    sampler = _core.Sampler(model, **SAMPLING)
    worker = threading.Thread(target=decode, args=(session, [5] * 250))
    worker.start()
    caught: Exception | None = None
    while worker.is_alive() and caught is None:
        try:
            if session.length(0) > 0:  # the decode is under way
                USES[use](session, sampler)
        except BusyError as error:
            caught = error
    worker.join()
    assert isinstance(caught, BusyError)
    assert "session of its own" in str(caught)
    assert session.length(0) == 250


def test_a_busy_error_does_not_disturb_the_decode_that_runs(tinytalk_f32: Path) -> None:
    session = open_session(tinytalk_f32, n_batch=1)
    expected = logits_of(open_session(tinytalk_f32, n_batch=1), TOKENS * 10)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(logits_of, session, TOKENS * 10)
        n_errors = 0
        while not running.done():
            try:
                session.trim(3, 0)
            except BusyError:
                n_errors += 1
        assert n_errors > 0
        np.testing.assert_array_equal(running.result(), expected)


def test_sessions_of_one_model_in_many_threads_give_right_logits(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))

    def work(coefficient: float) -> np.ndarray:
        session = open_session(model)
        steer(session, 0, step("resid_post", 2, add(random_vector(64, seed=1), coefficient)))
        rows = [logits_of(session, TOKENS)]
        for _ in range(20):
            session.clear()
            rows.append(logits_of(session, TOKENS))
        return np.stack(rows)

    coefficients = [float(i) for i in range(8)]
    expected = [work(coefficient)[0] for coefficient in coefficients]
    with ThreadPoolExecutor(8) as pool:
        for rows, right in zip(pool.map(work, coefficients), expected, strict=True):
            np.testing.assert_array_equal(rows, np.broadcast_to(right, rows.shape))


def test_first_sessions_of_a_model_may_be_opened_at_once(tiny_llama: Path) -> None:
    """Each then finds out the names of the sites by itself."""
    expected = logits_of(open_session(tiny_llama), TOKENS)
    for _ in range(5):
        model = _core.Model.load(str(tiny_llama))
        with ThreadPoolExecutor(8) as pool:
            for session in pool.map(lambda _, model=model: open_session(model), range(8)):
                np.testing.assert_array_equal(logits_of(session, TOKENS), expected)


def test_models_may_be_loaded_at_once(tiny_llama: Path, tiny_gpt2: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda path: _core.Model.load(str(path)), [tiny_llama, tiny_gpt2] * 8))
    assert [model.n_heads_kv for model in models] == [2, 4] * 8


def test_python_runs_while_a_session_decodes(tinytalk_f32: Path) -> None:
    """The GIL is released: another thread counts meanwhile."""
    session = open_session(tinytalk_f32)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: [decode(session, [5] * 60, outputs=None) for _ in range(4)])
        count = 0
        while not running.done():
            count += 1
        running.result()
    assert count > 100


@pytest.mark.parametrize("n_threads", [1, 2, 4])
def test_the_number_of_threads_does_not_change_logits(tiny_llama: Path, n_threads: int) -> None:
    session = open_session(tiny_llama, n_threads=n_threads)
    assert session.n_threads == n_threads
    # Products are shared by rows, so each sum has one order; attention alone may be split otherwise.
    np.testing.assert_allclose(
        logits_of(session, TOKENS), logits_of(open_session(tiny_llama), TOKENS), rtol=0, atol=1e-5
    )
