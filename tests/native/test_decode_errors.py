"""A wrong request is a typed error, changes nothing, and leaves a session that still gives right numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_runs import add, capture, decode, int32, logits_of, open_session, random_vector, steer, step

from pysteer import _core, errors
from pysteer.errors import MeasurementError, SessionError, ShapeError, SiteError, TokenizeError

TOKENS = [5, 9, 14, 200]
N = len(TOKENS)
ALL, NONE = np.ones(N, dtype=bool), np.zeros(N, dtype=bool)
GOOD: dict[str, Any] = {"tokens": int32(TOKENS), "positions": int32(range(N)), "sequences": int32([0] * N)}
SITE = [("resid_post", 1)]

BAD_REQUESTS: dict[str, tuple[type[Exception], dict[str, Any]]] = {
    "no token": (ShapeError, {key: int32([]) for key in GOOD}),
    "tokens as int64": (ShapeError, {"tokens": np.array(TOKENS, dtype=np.int64)}),
    "tokens as float": (ShapeError, {"tokens": np.array(TOKENS, dtype=np.float32)}),
    "tokens with two axes": (ShapeError, {"tokens": int32(TOKENS)[None]}),
    "tokens not contiguous": (ShapeError, {"tokens": int32([*TOKENS, *TOKENS])[::2]}),
    "tokens in the other byte order": (ShapeError, {"tokens": np.array(TOKENS, dtype=">i4")}),
    "tokens in a list": (TypeError, {"tokens": TOKENS}),
    "token below the vocabulary": (TokenizeError, {"tokens": int32([5, -1, 14, 200])}),
    "token above the vocabulary": (TokenizeError, {"tokens": int32([5, 354, 14, 200])}),
    "too few positions": (ShapeError, {"positions": int32(range(N - 1))}),
    "too many sequences": (ShapeError, {"sequences": int32([0] * (N + 1))}),
    "positions with a gap": (SessionError, {"positions": int32([0, 1, 3, 4])}),
    "positions repeated": (SessionError, {"positions": int32([0, 1, 1, 2])}),
    "positions from 1": (SessionError, {"positions": int32(range(1, N + 1))}),
    "negative position": (SessionError, {"positions": int32(range(-1, N - 1))}),
    "negative sequence": (SessionError, {"sequences": int32([0, -1, 0, 0])}),
    "sequence that does not exist": (SessionError, {"sequences": int32([4] * N)}),
    "outputs too short": (ShapeError, {"outputs": ALL[1:]}),
    "outputs as floats": (ShapeError, {"outputs": ALL.astype(np.float32)}),
    "recorded too long": (ShapeError, {"recorded": np.ones(N + 1, dtype=bool), "sites": SITE}),
    "sites without recorded tokens": (ShapeError, {"sites": SITE}),
    "no such component": (SiteError, {"recorded": ALL, "sites": [("resid", 1)]}),
    "no such layer": (SiteError, {"recorded": ALL, "sites": [("resid_post", 4)]}),
    "negative layer": (SiteError, {"recorded": ALL, "sites": [("resid_post", -1)]}),
    "huge layer": (SiteError, {"recorded": ALL, "sites": [("resid_post", 2**31 - 1)]}),
    "a site twice": (SiteError, {"recorded": ALL, "sites": SITE * 2}),
    "stop early without sites": (SessionError, {"stop_early": True}),
    "stop early with outputs": (
        SessionError,
        {"stop_early": True, "outputs": ALL, "recorded": ALL, "sites": SITE},
    ),
    "too few targets": (ShapeError, {"outputs": ALL, "targets": int32([1, 2])}),
    "target outside the vocabulary": (TokenizeError, {"outputs": ALL, "targets": int32([1, 2, 354, 3])}),
    "target -2": (TokenizeError, {"outputs": ALL, "targets": int32([1, 2, -2, 3])}),
    "targets without outputs": (ShapeError, {"targets": int32([1, 2, 3, 4])}),
    "too many references": (ShapeError, {"outputs": ALL, "references": int32([0] * 5)}),
    "reference that is no output": (ShapeError, {"outputs": ALL, "references": int32([0, 0, 4, 0])}),
    "candidate outside the vocabulary": (TokenizeError, {"outputs": ALL, "candidates": int32([1, 354])}),
    "candidate -1": (TokenizeError, {"outputs": ALL, "candidates": int32([-1])}),
    "n_top above the vocabulary": (ShapeError, {"outputs": ALL, "n_top": 355}),
    "negative n_top": (ShapeError, {"outputs": ALL, "n_top": -1}),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused_and_leaves_the_session_as_it_was(tiny_llama: Path, name: str) -> None:
    error, changes = BAD_REQUESTS[name]
    session = open_session(tiny_llama)
    with pytest.raises(error):
        session.decode(**(GOOD | changes))
    assert session.length(0) == 0
    np.testing.assert_array_equal(logits_of(session, TOKENS), logits_of(open_session(tiny_llama), TOKENS))


BAD_CALLS: dict[str, Callable[[_core.Session], object]] = {
    "length": lambda session: session.length(4),
    "depth": lambda session: session.depth(-1),
    "trim": lambda session: session.trim(4, 0),
    "trim to a negative length": lambda session: session.trim(0, -1),
    "program": lambda session: session.set_program(4, []),
    "share from": lambda session: session.share(4, 0, 0),
    "share to": lambda session: session.share(0, -1, 0),
    "share with itself": lambda session: session.share(0, 0, 1),
    "share more than there is": lambda session: session.share(0, 1, 5),
    "share a negative length": lambda session: session.share(0, 1, -1),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_is_a_session_error_and_changes_nothing(tiny_llama: Path, name: str) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS)
    with pytest.raises(SessionError):
        BAD_CALLS[name](session)
    assert [session.length(sequence) for sequence in range(4)] == [N, 0, 0, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"n_ctx": 0},
        {"n_ctx": -1},
        {"n_batch": 0},
        {"n_batch": -5},
        {"n_sequences": 0},
        {"n_sequences": -1},
        {"n_outputs": -1},
        {"n_threads": -1},
        {"n_threads": 513},
    ],
    ids=str,
)
def test_session_options_out_of_range_are_refused(tiny_llama: Path, options: dict[str, int]) -> None:
    with pytest.raises(SessionError):
        open_session(tiny_llama, **options)


def test_none_is_no_model() -> None:
    for make in (lambda: open_session(None), lambda: _core.Sampler(None)):  # type: ignore[arg-type, call-arg]
        with pytest.raises(TypeError):
            make()


def test_a_failure_inside_the_graph_is_raised_instead_of_the_former_logits(tiny_llama: Path) -> None:
    """F5: for a graph that its callback stopped, llama_decode reports success and leaves the old logits in place."""
    session = open_session(tiny_llama)
    before = logits_of(session, TOKENS)
    blow_up = _core.Edit.rank_one(np.ones(64, dtype=np.float32), np.ones(64, dtype=np.float32), 3e38, 1.0)
    steer(session, 1, step("resid_post", 1, blow_up))
    with pytest.raises(MeasurementError, match="overflows"):
        logits_of(session, TOKENS, sequence=1)
    assert session.length(1) == 0
    session.trim(0, 0)
    np.testing.assert_array_equal(logits_of(session, TOKENS), before)


def test_after_a_failure_inside_the_graph_there_is_nothing_to_sample(tiny_llama: Path) -> None:
    """F5."""
    session = open_session(tiny_llama)
    sampler = _core.Sampler(
        _core.Model.load(str(tiny_llama)),
        temperature=0.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0, penalty_window=0, seed=0,
    )  # fmt: skip
    logits_of(session, TOKENS)
    steer(session, 1, step("resid_post", 1, add(random_vector(64, seed=1), 1e38)))
    with pytest.raises(MeasurementError):
        logits_of(session, TOKENS, sequence=1)
    with pytest.raises(SessionError, match="no logits to sample"):
        session.sample(sampler, N - 1)


def test_a_failed_decode_of_one_sequence_keeps_the_others(tiny_llama: Path) -> None:
    session, expected = open_session(tiny_llama), open_session(tiny_llama)
    for each in (session, expected):
        logits_of(each, TOKENS)
    steer(session, 1, step("resid_post", 1, add(random_vector(64, seed=1), 1e38)))
    with pytest.raises(MeasurementError):
        session.decode(
            int32([7, 7]), int32([N, 0]), int32([0, 1]), outputs=np.ones(2, dtype=bool)
        )  # the good row fails with the bad one
    assert session.length(0) == N
    np.testing.assert_array_equal(logits_of(session, [66]), logits_of(expected, [66]))


def test_a_recording_that_failed_leaves_nothing_behind_for_the_next(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    with pytest.raises(SiteError):
        capture(session, TOKENS, [("resid_post", 1), ("resid_post", 9)])
    assert decode(session, TOKENS).recordings == []


@pytest.mark.parametrize(
    "name",
    ["ModelError", "TokenizeError", "SessionError", "BusyError", "ContextFullError", "SiteError", "ShapeError",
     "SteeringError", "MeasurementError", "PysteerError"],
)  # fmt: skip
def test_every_native_error_is_the_python_class_of_its_name(name: str) -> None:
    with pytest.raises(errors.PysteerError) as caught:
        _core._testing.raise_error(name)
    assert type(caught.value) is getattr(errors, name)
    assert str(caught.value) == "provoked"
