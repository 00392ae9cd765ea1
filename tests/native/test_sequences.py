"""Sequences: what `share`, `trim` and `set_program` keep, and that what they keep is right.

Steered keys and values stay in llama.cpp's memory (F9), so the truth is always a fresh session that computes everything
under the steering in force. A batch of another shape may round differently: 1e-4 of logits whose deviation is 2.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_runs import (
    FOREVER,
    add,
    all_sites,
    capture,
    decode,
    int32,
    logits_of,
    open_session,
    random_vector,
    steer,
    step,
)

from pysteer import _core
from pysteer.errors import ContextFullError, SessionError

TOKENS = [5, 9, 14, 200, 77, 31, 8, 8, 120]
VECTOR = random_vector(64, seed=1)
PUSH = add(VECTOR, 2.0)


def fresh_logits(path: Path, tokens: list[int], *steps: _core.Step) -> np.ndarray:
    session = open_session(path)
    steer(session, 0, *steps)
    return logits_of(session, tokens)


def assert_close(ours: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ([], [(1, 0, FOREVER)], 0),
        ([], [(1, 4, FOREVER)], 4),
        ([(1, 4, FOREVER)], [], 4),
        ([(1, 4, FOREVER)], [(1, 4, 7)], 7),
        ([(1, 4, FOREVER)], [(1, 4, 7), (1, 7, FOREVER)], 9),
        ([(1, 2, 5)], [(2, 2, 5)], 2),
        ([(1, 2, 5)], [(1, 3, 5)], 2),
        ([(1, 2, 5)], [(1, 2, 5), (2, 6, 6)], 9),
        ([(1, 20, 30)], [(2, 25, 30)], 9),
        ([(1, 0, 3), (2, 0, 3)], [(2, 0, 3), (1, 0, 3)], 9),
        ([(1, 0, 3), (1, 0, 3)], [(1, 0, 3)], 0),
        ([(1, 0, FOREVER)], [(1, 0, FOREVER)], 9),
    ],
)
def test_a_new_program_keeps_tokens_up_to_the_first_difference(
    tiny_llama: Path, before: list[tuple[int, int, int]], after: list[tuple[int, int, int]], kept: int
) -> None:
    """F9 and row 9. Programs are (layer, begin, end) of one edit."""
    former, new = ([step("resid_post", layer, PUSH, a, b) for layer, a, b in each] for each in (before, after))
    session = open_session(tiny_llama)
    steer(session, 0, *former)
    logits_of(session, TOKENS)
    assert steer(session, 0, *new) == kept
    assert session.length(0) == kept
    ours = logits_of(session, [*TOKENS[kept:], 66])
    assert_close(ours, fresh_logits(tiny_llama, [*TOKENS, 66], *new)[kept:])


def test_two_edits_at_one_site_are_another_program_in_another_order(tiny_llama: Path) -> None:
    turn = _core.Edit.norm_preserving(VECTOR)
    one, two = step("resid_post", 1, PUSH, 2, 9), step("resid_post", 1, turn, 2, 9)
    session = open_session(tiny_llama)
    steer(session, 0, one, two)
    logits_of(session, TOKENS)
    assert steer(session, 0, two, one) == 2


def test_steering_only_the_prompt_still_moves_the_tokens_after_it(tiny_llama: Path) -> None:
    """F9: through the keys and values, which is what a window over the prompt means."""
    session = open_session(tiny_llama)
    steer(session, 0, step("resid_post", 1, PUSH, 0, len(TOKENS)))
    logits_of(session, TOKENS)
    after = logits_of(session, [66])
    assert np.abs(after - fresh_logits(tiny_llama, [*TOKENS, 66])[-1:]).max() > 0.1


def test_another_sequence_is_not_touched_by_a_program(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS, sequence=1)
    steer(session, 0, step("resid_post", 1, PUSH))
    logits_of(session, TOKENS, sequence=0)
    assert session.length(1) == len(TOKENS)
    assert_close(logits_of(session, [66], sequence=1), fresh_logits(tiny_llama, [*TOKENS, 66])[-1:])


@pytest.mark.parametrize("n", [0, 1, 5, 9])
def test_a_shared_prefix_gives_the_logits_of_a_computed_one(tiny_llama: Path, n: int) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS)
    assert session.share(0, 2, n) == n
    assert session.length(2) == n
    rest = [*TOKENS[n:], 66, 7]
    assert_close(logits_of(session, rest, sequence=2), fresh_logits(tiny_llama, [*TOKENS[:n], *rest])[n:])
    assert_close(logits_of(session, [99]), fresh_logits(tiny_llama, [*TOKENS, 99])[-1:])


def test_a_prefix_is_shared_as_far_as_both_are_steered_alike(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    steer(session, 1, step("resid_post", 1, PUSH, 5, FOREVER))
    logits_of(session, TOKENS)
    assert session.share(0, 1, 9) == 5
    expected = fresh_logits(tiny_llama, TOKENS, step("resid_post", 1, PUSH, 5, FOREVER))
    assert_close(logits_of(session, TOKENS[5:], sequence=1), expected[5:])


def test_sharing_drops_what_the_target_held(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS)
    logits_of(session, [44, 45, 46], sequence=1)
    assert session.share(0, 1, 2) == 2
    assert_close(logits_of(session, [66], sequence=1), fresh_logits(tiny_llama, [*TOKENS[:2], 66])[-1:])


def test_the_source_can_be_dropped_after_sharing(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS)
    session.share(0, 1, 9)
    session.trim(0, 0)
    assert_close(logits_of(session, [66], sequence=1), fresh_logits(tiny_llama, [*TOKENS, 66])[-1:])


@pytest.mark.parametrize("n", [0, 3, 9, 50])
def test_trimming_keeps_the_first_n_tokens(tiny_llama: Path, n: int) -> None:
    session = open_session(tiny_llama)
    logits_of(session, TOKENS)
    kept = min(n, 9)
    assert session.trim(0, n) == kept
    assert_close(logits_of(session, [66]), fresh_logits(tiny_llama, [*TOKENS[:kept], 66])[-1:])


def test_clearing_drops_all_tokens_and_keeps_the_programs(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    steer(session, 0, step("resid_post", 1, PUSH))
    logits_of(session, TOKENS)
    logits_of(session, TOKENS, sequence=3)
    session.clear()
    assert [session.length(sequence) for sequence in range(4)] == [0, 0, 0, 0]
    assert_close(logits_of(session, TOKENS), fresh_logits(tiny_llama, TOKENS, step("resid_post", 1, PUSH)))


@pytest.mark.parametrize("layer", range(4))
def test_stopping_early_records_what_a_whole_run_records(tiny_llama: Path, layer: int) -> None:
    sites = [site for site in all_sites(4) if site[1] <= layer and (site[0] != "final_norm" or layer == 3)]
    # The same outputs, because the last block's products round differently for other numbers of rows.
    whole = capture(open_session(tiny_llama), TOKENS, sites)
    session = open_session(tiny_llama)
    stopped = capture(session, TOKENS, sites, stop_early=True)
    for site in sites:
        np.testing.assert_array_equal(stopped[site], whole[site])
    assert session.depth(0) == layer + 1


def test_a_stopped_sequence_goes_on_as_deep_as_it_was_computed(tiny_llama: Path) -> None:
    site = ("resid_post", 1)
    session = open_session(tiny_llama)
    first = capture(session, TOKENS[:5], [site], stop_early=True)[site]
    second = capture(session, TOKENS[5:], [site], stop_early=True)[site]
    whole = capture(open_session(tiny_llama), TOKENS, [site])[site]
    assert_close(np.concatenate([first, second]), whole)


def test_a_sequence_stopped_ever_earlier_has_the_smallest_depth(tiny_llama: Path) -> None:
    session, depths = open_session(tiny_llama), []
    for layer in (2, 1, 0):
        capture(session, [5, 6], [("resid_post", layer)], stop_early=True)
        depths.append(session.depth(0))
    assert depths == [3, 2, 1]


GOING_DEEPER: dict[str, Callable[[_core.Session], object]] = {
    "logits": lambda session: logits_of(session, [66]),
    "a deeper site": lambda session: capture(session, [66], [("resid_post", 2)], stop_early=True),
    "the same site without stopping": lambda session: capture(session, [66], [("resid_post", 1)]),
}


@pytest.mark.parametrize("name", GOING_DEEPER)
def test_going_deeper_than_a_stopped_sequence_is_refused(tiny_llama: Path, name: str) -> None:
    session = open_session(tiny_llama)
    capture(session, TOKENS, [("resid_post", 1)], stop_early=True)
    with pytest.raises(SessionError, match="only up to block 1"):
        GOING_DEEPER[name](session)


def test_a_stopped_sequence_that_is_dropped_can_be_computed_whole(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    capture(session, TOKENS, [("resid_post", 1)], stop_early=True)
    session.trim(0, 0)
    assert session.depth(0) == 4
    assert_close(logits_of(session, TOKENS), fresh_logits(tiny_llama, TOKENS))


def test_depth_is_shared_with_the_tokens(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    capture(session, TOKENS, [("resid_post", 1)], stop_early=True)
    session.share(0, 1, 4)
    assert session.depth(1) == 2
    with pytest.raises(SessionError, match="only up to block 1"):
        logits_of(session, [66], sequence=1)


def test_stopping_early_before_a_steered_layer_is_allowed(tiny_llama: Path) -> None:
    session, plain = open_session(tiny_llama), open_session(tiny_llama)
    steer(session, 0, step("resid_post", 3, PUSH), step("mlp_out", 3, _core.Edit.norm_preserving(VECTOR)))
    site = ("resid_post", 1)
    np.testing.assert_array_equal(
        capture(session, TOKENS, [site], stop_early=True)[site], capture(plain, TOKENS, [site])[site]
    )


@pytest.mark.parametrize("n_batch", [1, 2, 4, 8])
def test_a_batch_split_into_parts_gives_the_logits_of_one_part(tiny_llama: Path, n_batch: int) -> None:
    session = open_session(tiny_llama, n_batch=n_batch)
    decoded = decode(session, TOKENS, logits=True)
    assert decoded.n_parts == -(-len(TOKENS) // n_batch)
    np.testing.assert_array_equal(decoded.rows, np.arange(len(TOKENS)))
    assert_close(decoded.logits, fresh_logits(tiny_llama, TOKENS))


def test_more_outputs_than_fit_at_once_are_split(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_outputs=4)
    assert session.n_outputs == 4
    wanted = np.array([1, 0, 1, 1, 0, 1, 1, 1, 1], dtype=bool)
    decoded = decode(session, TOKENS, outputs=wanted, logits=True)
    assert decoded.n_parts == 2
    np.testing.assert_array_equal(decoded.rows, np.flatnonzero(wanted))
    assert_close(decoded.logits, fresh_logits(tiny_llama, TOKENS)[wanted])


def test_a_full_context_is_reported_and_can_be_emptied(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    decode(session, [5] * (session.n_ctx - 3), outputs=None)
    with pytest.raises(ContextFullError, match="no room for 4 more tokens"):
        decode(session, [6] * 4, sequence=1)
    assert session.length(1) == 0
    decode(session, [6] * 3, sequence=1)
    session.trim(0, 0)
    session.trim(1, 0)
    assert_close(logits_of(session, TOKENS), fresh_logits(tiny_llama, TOKENS))


def test_parts_before_a_full_context_are_kept_and_the_length_says_so(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_batch=64)
    with pytest.raises(ContextFullError):
        decode(session, [5] * (session.n_ctx + 10), outputs=None)
    assert session.length(0) == session.n_ctx
    session.trim(0, 2)
    assert_close(logits_of(session, [66]), fresh_logits(tiny_llama, [5, 5, 66])[-1:])


def test_positions_beyond_learned_ones_are_refused(tiny_gpt2: Path) -> None:
    """GPT-2's positions are rows of a matrix; llama.cpp aborts the process past its end."""
    session = open_session(tiny_gpt2, n_ctx=512, n_batch=512)
    decode(session, [5] * 250, outputs=None)
    with pytest.raises(ContextFullError, match="learned 256 positions"):
        decode(session, [5] * 7, outputs=None)
    assert session.length(0) == 250
    decode(session, [5] * 6, outputs=None)


def test_rotary_positions_may_go_beyond_the_training_context(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_ctx=512, n_batch=512)
    assert np.isfinite(decode(session, [5] * 300).log_normaliser).all()


def test_256_sequences_fit_one_batch(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_sequences=256, n_ctx=1024, n_batch=256)
    ids = np.arange(256, dtype=np.int32)
    for sequence in (0, 100, 255):
        steer(session, sequence, step("resid_post", 1, PUSH))
    tokens, flags = int32(ids + 5), np.ones(256, dtype=bool)
    session.decode(tokens, np.zeros(256, dtype=np.int32), ids, outputs=flags)
    logits = session.decode(tokens, np.ones(256, dtype=np.int32), ids, outputs=flags, logits=True).logits
    for sequence in (0, 1, 254, 255):
        steps = [step("resid_post", 1, PUSH)] if sequence in (0, 255) else []
        expected = fresh_logits(tiny_llama, [sequence + 5] * 2, *steps)[1]
        np.testing.assert_allclose(logits[sequence], expected, rtol=0, atol=1e-4)


def test_257_sequences_are_refused(tiny_llama: Path) -> None:
    with pytest.raises(SessionError, match="expected 1 to 256"):
        open_session(tiny_llama, n_sequences=257)
