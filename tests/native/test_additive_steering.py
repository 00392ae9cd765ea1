"""Does adding a vector do what llama.cpp's own control vector does? The same float32 additions: equal bit for bit.

Two ways lead there: the vector's rows take the place of a control vector inside the graph (A), or the graph is stopped
and the tensor edited (B). Traps are those of llama.cpp's control vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_runs import (
    add,
    capture,
    decode,
    int32,
    logits_of,
    logits_one_by_one,
    nothing,
    open_session,
    random_vector,
    steer,
    step,
)
from plain_llama import control_vector_logits
from tiny_gguf import TINY_LLAMA, TinyModel

from pysteer import _core

N_LAYERS, D_MODEL = 4, 64
TOKENS = [5, 9, 14, 200, 77, 31, 8, 8, 120]
DIRECTIONS = np.random.default_rng(3).normal(size=(N_LAYERS - 1, D_MODEL)).astype(np.float32)
LAYER_CHOICES = {"first": [1], "last": [3], "all": [1, 2, 3]}


def additions(coefficient: float, layers: list[int]) -> list[_core.Step]:
    return [step("resid_post", layer, add(DIRECTIONS[layer - 1], coefficient)) for layer in layers]


def control_vector(coefficient: float, layers: list[int]) -> np.ndarray:
    """The same as float32 rows for llama.cpp, zero where nothing is added."""
    is_steered = np.isin(np.arange(1, N_LAYERS), layers)[:, None]
    return np.where(is_steered, np.float32(coefficient) * DIRECTIONS, np.float32(0.0))


@pytest.mark.parametrize("layers", LAYER_CHOICES.values(), ids=LAYER_CHOICES)
@pytest.mark.parametrize("coefficient", [1.0, 0.37, -2.5])
@pytest.mark.parametrize("prefill", [True, False], ids=["prefill", "one-by-one"])
def test_add_equals_llama_cpps_control_vector_bit_for_bit(
    write_tiny: Callable[[TinyModel, str], Path],
    tiny_model: TinyModel,
    weight_type: str,
    layers: list[int],
    coefficient: float,
    prefill: bool,
) -> None:
    """F4: all logits, and the quick way was taken."""
    path = write_tiny(tiny_model, weight_type)
    parts = [TOKENS] if prefill else [[token] for token in TOKENS]
    theirs = control_vector_logits(path, parts, control_vector(coefficient, layers))
    session = open_session(path)
    steer(session, 0, *additions(coefficient, layers))
    ours = (logits_of if prefill else logits_one_by_one)(session, TOKENS)
    np.testing.assert_array_equal(ours, theirs)
    assert _core._testing.n_prepared(session) >= len(parts) * (N_LAYERS - 1)


@pytest.mark.parametrize("layers", LAYER_CHOICES.values(), ids=LAYER_CHOICES)
@pytest.mark.parametrize("prefill", [True, False], ids=["prefill", "one-by-one"])
def test_editing_the_tensor_in_place_equals_the_control_vector_bit_for_bit(
    write_tiny: Callable[[TinyModel, str], Path], weight_type: str, layers: list[int], prefill: bool
) -> None:
    """F4: writing the tensor inside the callback."""
    path = write_tiny(TINY_LLAMA, weight_type)
    parts = [TOKENS] if prefill else [[token] for token in TOKENS]
    theirs = control_vector_logits(path, parts, control_vector(0.37, layers))
    session = open_session(path)
    steer(session, 0, *additions(0.37, layers), *(step("resid_post", layer, nothing(D_MODEL)) for layer in layers))
    np.testing.assert_array_equal((logits_of if prefill else logits_one_by_one)(session, TOKENS), theirs)


@pytest.mark.parametrize("path_fixture", ["tinytalk", "stories260k"])
def test_add_equals_the_control_vector_on_trained_models(path_fixture: str, request: pytest.FixtureRequest) -> None:
    """F4."""
    path = request.getfixturevalue(path_fixture)
    model = _core.Model.load(str(path))
    vector = random_vector(model.d_model, seed=1)
    directions = np.zeros((model.n_layers - 1, model.d_model), dtype=np.float32)
    directions[1] = vector
    session = open_session(model)
    steer(session, 0, step("resid_post", 2, add(vector)))
    np.testing.assert_array_equal(logits_of(session, TOKENS), control_vector_logits(path, [TOKENS], directions))


def test_two_vectors_at_one_layer_equal_their_sum_bit_for_bit(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    steer(session, 0, step("resid_post", 2, add(DIRECTIONS[0], 0.5)), step("resid_post", 2, add(DIRECTIONS[1], -3.0)))
    summed = np.zeros_like(DIRECTIONS)
    summed[1] = np.float32(0.5) * DIRECTIONS[0] + np.float32(-3.0) * DIRECTIONS[1]
    np.testing.assert_array_equal(logits_of(session, TOKENS), control_vector_logits(tiny_llama, [TOKENS], summed))


def test_coefficient_zero_leaves_logits_unchanged_bit_for_bit(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    steer(session, 0, *additions(0.0, [1, 2, 3]))
    np.testing.assert_array_equal(logits_of(session, TOKENS), control_vector_logits(tiny_llama, [TOKENS], None))


def test_strength_of_one_row_does_not_touch_another_row(tiny_llama: Path) -> None:
    """Batches of one shape, three sequences: (a, b, c) against (a, a, a), (b, b, b), (c, c, c), bit for bit."""
    strengths = (1.0, -0.5, 0.0)

    def logits_by_sequence(coefficients: tuple[float, ...]) -> list[np.ndarray]:
        session = open_session(tiny_llama)
        for sequence, coefficient in enumerate(coefficients):
            steer(session, sequence, *additions(coefficient, [1, 3]))
        n = len(TOKENS)
        tokens, positions = int32(TOKENS * 3), int32([*range(n)] * 3)
        sequences = int32(np.repeat(range(3), n))
        logits = session.decode(tokens, positions, sequences, outputs=np.ones(3 * n, dtype=bool), logits=True).logits
        return np.split(logits, 3)

    mixed = logits_by_sequence(strengths)
    for sequence, coefficient in enumerate(strengths):
        np.testing.assert_array_equal(mixed[sequence], logits_by_sequence((coefficient,) * 3)[sequence])


def test_sequences_of_one_batch_equal_single_runs_to_the_noise_floor(tiny_llama: Path) -> None:
    """The floor is what batching alone changes, measured without steering."""

    def batched(coefficients: tuple[float, ...]) -> list[np.ndarray]:
        session = open_session(tiny_llama)
        rows: list[list[np.ndarray]] = [[], [], []]
        for sequence, coefficient in enumerate(coefficients):
            steer(session, sequence, *additions(coefficient, [2]))
        for position, token in enumerate(TOKENS):
            decoded = session.decode(
                int32([token] * 3), int32([position] * 3), int32(range(3)), outputs=np.ones(3, dtype=bool), logits=True
            )
            for sequence in range(3):
                rows[sequence].append(decoded.logits[sequence])
        return [np.stack(each) for each in rows]

    def single(coefficient: float) -> np.ndarray:
        session = open_session(tiny_llama)
        steer(session, 0, *additions(coefficient, [2]))
        return logits_one_by_one(session, TOKENS)

    floor = max(np.abs(rows - single(0.0)).max() for rows in batched((0.0, 0.0, 0.0)))
    assert floor < 1e-4
    strengths = (1.0, -0.5, 0.0)
    for rows, coefficient in zip(batched(strengths), strengths, strict=True):
        # Steering by 1 moves logits by more than 1; the factor 10 is for the other activations that it leads to.
        assert np.abs(rows - single(coefficient)).max() <= 10 * floor + 1e-6


def test_a_vector_of_one_layer_leaves_nothing_in_the_layers_of_the_one_before(tiny_llama: Path) -> None:
    """F6 and F10: one context swept over layers and coefficients equals fresh contexts."""
    session = open_session(tiny_llama)
    for layers, coefficient in [([1, 2, 3], 2.0), ([1], 1.0), ([3], 1.0), ([3], -1.0), ([2], 0.5)]:
        session.clear()
        steer(session, 0, *additions(coefficient, layers))
        expected = control_vector_logits(tiny_llama, [TOKENS], control_vector(coefficient, layers))
        np.testing.assert_array_equal(logits_of(session, TOKENS), expected)


def test_after_steering_ends_nothing_is_left(tiny_llama: Path) -> None:
    """F6 and row 16: llama.cpp's cached graphs still point to our operand."""
    session = open_session(tiny_llama)
    steer(session, 0, *additions(2.0, [1, 2, 3]))
    logits_of(session, TOKENS)
    steer(session, 0)
    np.testing.assert_array_equal(logits_of(session, TOKENS), control_vector_logits(tiny_llama, [TOKENS], None))


def test_block_0_can_be_steered(tiny_llama: Path) -> None:
    """F7 and row 4: a control vector never reaches block 0."""
    session, plain = open_session(tiny_llama), open_session(tiny_llama)
    vector = random_vector(D_MODEL, seed=5)
    steer(session, 0, step("resid_post", 0, add(vector, 2.0)))
    site = ("resid_post", 0)
    steered, unsteered = capture(session, TOKENS, [site])[site], capture(plain, TOKENS, [site])[site]
    np.testing.assert_array_equal(steered, unsteered + np.float32(2.0) * vector)


@pytest.mark.parametrize("layer", range(N_LAYERS))
def test_steering_layer_i_first_changes_the_output_of_block_i(tiny_llama: Path, layer: int) -> None:
    """F12 and row 1: layer i is after block i."""
    sites = [("resid_post", i) for i in range(N_LAYERS)]
    plain, session = capture(open_session(tiny_llama), TOKENS, sites), open_session(tiny_llama)
    steer(session, 0, step("resid_post", layer, add(DIRECTIONS[0])))
    steered = capture(session, TOKENS, sites)
    changed = [not np.array_equal(steered[site], plain[site]) for site in sites]
    assert changed == [i >= layer for i in range(N_LAYERS)]


def test_steering_that_changes_at_every_token_takes_effect_at_every_token(tiny_llama: Path) -> None:
    """Row 16: graphs are reused from token to token. Windows against one long program over the whole prompt."""
    vectors = [
        step("resid_post", 2, add(DIRECTIONS[0], c), i, i + 1) for i, c in enumerate([1, -1, 0, 2, 0, 0, 3, 1, -2])
    ]
    at_once, stepwise = open_session(tiny_llama), open_session(tiny_llama)
    steer(at_once, 0, *vectors)
    expected = logits_one_by_one(at_once, TOKENS)
    rows = []
    for i, token in enumerate(TOKENS):
        assert steer(stepwise, 0, *vectors[: i + 1]) == i  # what was computed before stays valid
        rows.append(logits_of(stepwise, [token]))
    np.testing.assert_array_equal(np.concatenate(rows), expected)


def test_contexts_of_one_model_are_steered_independently(tiny_llama: Path) -> None:
    """Row 19: taking turns token by token."""
    model = _core.Model.load(str(tiny_llama))
    sessions = {coefficient: open_session(model) for coefficient in (0.0, 1.0, -2.0)}
    rows: dict[float, list[np.ndarray]] = {coefficient: [] for coefficient in sessions}
    for coefficient, session in sessions.items():
        steer(session, 0, *additions(coefficient, [1, 2]))
    for token in TOKENS:
        for coefficient, session in sessions.items():
            rows[coefficient].append(logits_of(session, [token]))
    for coefficient, each in rows.items():
        parts = [[token] for token in TOKENS]
        expected = control_vector_logits(tiny_llama, parts, control_vector(coefficient, [1, 2]))
        np.testing.assert_array_equal(np.concatenate(each), expected)


def test_a_long_prompt_is_steered_in_all_its_parts(tiny_llama: Path) -> None:
    """F3: the same parts given to llama.cpp one by one."""
    session = open_session(tiny_llama, n_batch=4)
    steer(session, 0, *additions(1.0, [1, 2, 3]))
    parts = [TOKENS[:4], TOKENS[4:8], TOKENS[8:]]
    expected = control_vector_logits(tiny_llama, parts, control_vector(1.0, [1, 2, 3]), n_batch=4)
    np.testing.assert_array_equal(logits_of(session, TOKENS), expected)


def test_the_last_block_is_steered_for_a_few_outputs(tiny_llama: Path) -> None:
    """F2: there, rows of the tensor are outputs and not tokens."""
    wanted = np.array([0, 1, 0, 0, 0, 1, 0, 0, 1], dtype=bool)
    window = [step("resid_post", 3, add(DIRECTIONS[0], float(i)), i, i + 1) for i in range(len(TOKENS))]
    everything, some = open_session(tiny_llama), open_session(tiny_llama)
    for session in (everything, some):
        steer(session, 0, *window)
    expected = logits_of(everything, TOKENS)[wanted]
    few = decode(some, TOKENS, outputs=wanted, logits=True).logits
    np.testing.assert_allclose(few, expected, rtol=0, atol=1e-4)
