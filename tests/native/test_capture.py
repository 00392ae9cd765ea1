"""Is a recorded activation the one that the model computed? Compared with NumPy; traps are those of the eval callback.

Tokens are `clear_tokens`: away from the rounding steps of Q8_0 and Q4_0, so that 1e-4 of a site's largest value holds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from core_runs import all_sites, capture, decode, int32, logits_of, open_session
from numpy_forward import NumpyTransformer, Sites, clear_tokens
from tiny_gguf import TinyModel

from pysteer import _core
from pysteer.errors import SiteError

TOLERANCE = 1e-4
TOKENS = [5, 9, 14, 200, 77, 31, 8, 8, 120]


def expected_rows(sites: Sites, site: tuple[str, int]) -> np.ndarray:
    array = getattr(sites, site[0])
    return array[site[1]] if array.ndim == 3 else array


def assert_equals_oracle(recorded: dict[tuple[str, int], np.ndarray], sites: Sites, tolerance: float) -> None:
    for site, rows in recorded.items():
        expected = expected_rows(sites, site)
        assert rows.shape == expected.shape, site
        assert np.abs(rows - expected).max() <= tolerance * np.abs(expected).max(), site


@pytest.mark.parametrize("n_tokens", [1, 7])
def test_every_site_of_every_layer_equals_numpy(
    write_tiny: Callable[[TinyModel, str], Path], tiny_model: TinyModel, weight_type: str, n_tokens: int
) -> None:
    path = write_tiny(tiny_model, weight_type)
    oracle = NumpyTransformer(path, quantise_activations=True)
    tokens = clear_tokens(oracle, n_tokens, seed=0)
    recorded = capture(open_session(path), tokens, all_sites(tiny_model.n_layers))
    assert_equals_oracle(recorded, oracle.forward(tokens), TOLERANCE)


def test_logits_equal_numpy(
    write_tiny: Callable[[TinyModel, str], Path], tiny_model: TinyModel, weight_type: str
) -> None:
    path = write_tiny(tiny_model, weight_type)
    oracle = NumpyTransformer(path, quantise_activations=True)
    tokens = clear_tokens(oracle, 7, seed=0)
    expected = oracle.forward(tokens).logits
    assert np.abs(logits_of(open_session(path), tokens) - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_a_trained_llama_is_captured_at_every_site(stories260k: Path) -> None:
    oracle = NumpyTransformer(stories260k)
    recorded = capture(open_session(stories260k), TOKENS, all_sites(oracle.n_layers))
    assert_equals_oracle(recorded, oracle.forward(TOKENS), TOLERANCE)


def test_a_trained_gpt2_is_captured_at_every_site(tinytalk_f32: Path) -> None:
    oracle = NumpyTransformer(tinytalk_f32)
    recorded = capture(open_session(tinytalk_f32), TOKENS, all_sites(oracle.n_layers))
    # Its GELUs cannot all stay away from a float16 rounding step; plain llama.cpp is 4e-4 away from NumPy.
    assert_equals_oracle(recorded, oracle.forward(TOKENS), 1e-3)


def test_resid_mid_of_gemma2_lies_between_its_neighbours(tiny_gemma2: Path) -> None:
    """Gemma 2 calls it sa_out; resid_post is resid_mid plus the normed MLP output, so the step has that norm's size."""
    sites = [("resid_mid", 2), ("resid_post", 1), ("resid_post", 2)]
    mid, before, after = capture(open_session(tiny_gemma2), TOKENS, sites).values()
    weights = _core.Model.load(str(tiny_gemma2))
    for rows, name in ((mid - before, "post_attention_norm"), (after - mid, "post_ffw_norm")):
        unit = rows / weights.weight(f"blk.2.{name}.weight")
        np.testing.assert_allclose((unit**2).mean(axis=1), 1.0, rtol=1e-3)


def test_a_mistyped_site_is_refused_with_a_list_of_what_there_is(tiny_llama: Path) -> None:
    with pytest.raises(SiteError, match="resid_pots"):
        capture(open_session(tiny_llama), TOKENS, [("resid_pots", 1)])


def test_capture_leaves_logits_unchanged_bit_for_bit(tiny_llama: Path) -> None:
    """F1: observing through the eval callback changes nothing."""
    sites, flags = all_sites(4), np.ones(len(TOKENS), dtype=bool)
    observed = decode(open_session(tiny_llama), TOKENS, sites=sites, recorded=flags, logits=True).logits
    np.testing.assert_array_equal(observed, logits_of(open_session(tiny_llama), TOKENS))


def test_the_last_block_is_recorded_for_tokens_that_are_no_outputs(tiny_llama: Path) -> None:
    """F2: llama.cpp's last block computes only the rows whose logits are asked for."""
    sites = [("resid_post", 3), ("mlp_out", 3), ("resid_mid", 3), ("final_norm", 3)]
    last = np.eye(1, len(TOKENS), len(TOKENS) - 1, dtype=bool)[0]
    expected = capture(open_session(tiny_llama), TOKENS, sites, outputs=np.ones(len(TOKENS), dtype=bool))
    for outputs in (None, last):
        recorded = capture(open_session(tiny_llama), TOKENS, sites, outputs=outputs)
        for site in sites:
            np.testing.assert_array_equal(recorded[site], expected[site])


def test_tokens_recorded_in_the_last_block_are_not_scored(tiny_llama: Path) -> None:
    """F2: those rows are computed as outputs, but the caller asked for one."""
    flags = np.ones(len(TOKENS), dtype=bool)
    last = np.eye(1, len(TOKENS), len(TOKENS) - 1, dtype=bool)[0]
    decoded = decode(open_session(tiny_llama), TOKENS, outputs=last, recorded=flags, sites=[("resid_post", 3)])
    np.testing.assert_array_equal(decoded.rows, [len(TOKENS) - 1])


@pytest.mark.parametrize("n_batch", [1, 4, 5])
def test_a_prompt_longer_than_a_batch_is_recorded_whole_and_in_order(tiny_llama: Path, n_batch: int) -> None:
    """F3: a long decode runs the graph several times."""
    sites = all_sites(4)
    whole = capture(open_session(tiny_llama), TOKENS, sites)
    parts = capture(open_session(tiny_llama, n_batch=n_batch), TOKENS, sites)
    for site in sites:
        np.testing.assert_allclose(parts[site], whole[site], rtol=0, atol=1e-5 * np.abs(whole[site]).max())


def test_mlp_out_stays_the_mlp_when_a_control_vector_is_in_the_graph(
    write_tiny: Callable[[TinyModel, str], Path], tiny_model: TinyModel
) -> None:
    """F8: then llama.cpp calls two tensors ffn_out-N."""
    path = write_tiny(tiny_model, "F32")
    sites = all_sites(tiny_model.n_layers)
    session = open_session(path)
    expected = capture(session, TOKENS, sites)
    session.clear()
    _core._testing.use_row_steering(session)
    recorded = capture(session, TOKENS, sites)
    for site in sites:
        np.testing.assert_array_equal(recorded[site], expected[site])


def test_a_prompt_of_one_token_is_recorded_in_the_last_block(tiny_llama: Path) -> None:
    """Row 10: with one token, "as many rows as tokens" does not tell the last block from the others."""
    alone = capture(open_session(tiny_llama), TOKENS[:1], all_sites(4), outputs=np.zeros(1, dtype=bool))
    whole = capture(open_session(tiny_llama), TOKENS, all_sites(4))
    for site, rows in alone.items():
        assert rows.shape[0] == 1
        np.testing.assert_allclose(rows, whole[site][:1], rtol=0, atol=1e-5 * np.abs(whole[site]).max())


def test_sites_recorded_together_equal_sites_recorded_one_at_a_time(tiny_llama: Path) -> None:
    """Row 14: every recorded tensor ends a part of the graph, which must not change the others."""
    together = capture(open_session(tiny_llama), TOKENS, all_sites(4))
    for site, rows in together.items():
        np.testing.assert_array_equal(capture(open_session(tiny_llama), TOKENS, [site])[site], rows)


def test_recordings_come_in_the_order_of_the_request(tiny_llama: Path) -> None:
    sites = all_sites(4)
    forwards = capture(open_session(tiny_llama), TOKENS, sites)
    backwards = capture(open_session(tiny_llama), TOKENS, sites[::-1])
    for site in sites:
        np.testing.assert_array_equal(forwards[site], backwards[site])


def test_recording_can_be_switched_on_and_off_between_decodes(tiny_llama: Path) -> None:
    """Row 15: the callback is installed for the context's life, and gated."""
    session, plain = open_session(tiny_llama), open_session(tiny_llama)
    for token in TOKENS:
        for index, wanted in enumerate(([], [("resid_post", 1)], [])):
            flags = np.ones(1, dtype=bool) if wanted else None
            decoded = decode(session, [token], sites=wanted, recorded=flags, logits=True)
            assert len(decoded.recordings) == len(wanted), index
            np.testing.assert_array_equal(decoded.logits, logits_of(plain, [token]))


@pytest.mark.parametrize("path_fixture", ["tiny_llama", "tiny_wide_head", "tiny_gpt2"])
def test_head_out_is_there_with_flash_attention(path_fixture: str, request: pytest.FixtureRequest) -> None:
    """Row 18: flash attention takes the attention matrices out of the graph, but not the heads' outputs."""
    path = request.getfixturevalue(path_fixture)
    sites = [("head_out", layer) for layer in range(4)]
    oracle = NumpyTransformer(path).forward(TOKENS)
    # Its softmax runs in another order and GELU may take another step: 1e-3 where 1e-4 holds without it.
    assert_equals_oracle(capture(open_session(path, flash_attention=True), TOKENS, sites), oracle, 1e-3)


def test_only_marked_tokens_are_recorded(tiny_llama: Path) -> None:
    sites = all_sites(4)
    marked = np.array([0, 1, 0, 0, 1, 1, 0, 0, 1], dtype=bool)
    everything = capture(open_session(tiny_llama), TOKENS, sites, outputs=marked)
    some = capture(open_session(tiny_llama), TOKENS, sites, recorded=marked)
    for site in sites:
        np.testing.assert_allclose(some[site], everything[site][marked], rtol=0, atol=1e-5)


def test_rows_of_several_sequences_in_one_batch_keep_their_places(tiny_llama: Path) -> None:
    first, second, site = TOKENS, TOKENS[::-1], ("resid_post", 2)
    alone = [capture(open_session(tiny_llama), tokens, [site])[site] for tokens in (first, second)]
    tokens = int32(np.column_stack([first, second]).ravel())
    positions = int32(np.repeat(range(len(first)), 2))
    sequences = int32([1, 3] * len(first))
    flags = np.ones(len(tokens), dtype=bool)
    rows = open_session(tiny_llama).decode(tokens, positions, sequences, recorded=flags, sites=[site]).recordings[0]
    # Sums over keys run in another order when two sequences share the KV memory.
    np.testing.assert_allclose(rows[0::2], alone[0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(rows[1::2], alone[1], rtol=0, atol=1e-5)
