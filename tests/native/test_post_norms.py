"""Post-norm architectures: at Gemma 2, resid_mid is the stream between the halves of a block, and edits there act so.

Each relation is computed in NumPy from the file's own weights and the recorded rows on one side of it:

    resid_mid  = resid_post of the block before + post_attention_norm(attn_out)
    resid_post = resid_mid + post_ffw_norm(mlp_out)
    mlp_out    = W_down (gelu(W_gate n) * W_up n),   n = ffn_norm(resid_mid)

Tolerance 1e-3 of the largest value: ggml's GELU is a table of float16 steps.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from core_runs import capture, open_session, random_vector, steer, step

from pysteer import _core

TOKENS = [5, 9, 14, 200, 77, 31]
LAYERS = (1, 2, 3)


@pytest.fixture(scope="module")
def model(tiny_gemma2: Path) -> _core.Model:
    return _core.Model.load(str(tiny_gemma2))


def rms_norm(model: _core.Model, name: str, rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    return np.asarray(wide / np.sqrt((wide**2).mean(axis=1, keepdims=True) + 1e-5) * model.weight(f"{name}.weight"))


def gelu(x: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3))))


def mlp(model: _core.Model, layer: int, mid: np.ndarray) -> np.ndarray:
    normed = rms_norm(model, f"blk.{layer}.ffn_norm", mid)
    gate, up, down = (model.weight(f"blk.{layer}.ffn_{name}.weight") for name in ("gate", "up", "down"))
    return np.asarray((gelu(normed @ gate.T) * (normed @ up.T)) @ down.T)


def assert_close(ours: np.ndarray, expected: np.ndarray) -> None:
    assert np.abs(ours - expected).max() <= 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("layer", LAYERS)
def test_resid_mid_is_the_stream_before_plus_the_normed_attention_output(model: _core.Model, layer: int) -> None:
    sites = [("resid_post", layer - 1), ("attn_out", layer), ("resid_mid", layer)]
    before, attention, mid = capture(open_session(model), TOKENS, sites).values()
    step_made = rms_norm(model, f"blk.{layer}.post_attention_norm", attention)
    assert_close(mid - before, step_made)
    assert np.abs(mid - before - attention).max() > 0.1 * np.abs(mid - before).max(), "the norm does nothing: no test"


@pytest.mark.parametrize("layer", LAYERS)
def test_resid_post_is_resid_mid_plus_the_normed_mlp_output(model: _core.Model, layer: int) -> None:
    sites = [("resid_mid", layer), ("mlp_out", layer), ("resid_post", layer)]
    mid, output, after = capture(open_session(model), TOKENS, sites).values()
    expected = mlp(model, layer, mid)
    assert_close(output, expected)
    assert_close(after - mid, rms_norm(model, f"blk.{layer}.post_ffw_norm", expected))


@pytest.mark.parametrize("layer", LAYERS)
def test_an_edit_at_resid_mid_goes_into_the_mlp_and_past_it(model: _core.Model, layer: int) -> None:
    """Both ways on: through the MLP, and on the stream around it."""
    values = 3.0 * random_vector(64, seed=1)
    session = open_session(model)
    steer(session, 0, step("resid_mid", layer, _core.Edit.replace(0, values), 2, 4))
    mid, after = capture(session, TOKENS, [("resid_mid", layer), ("resid_post", layer)]).values()
    np.testing.assert_array_equal(mid[2:4], np.stack([values, values]))
    assert_close(after, mid + rms_norm(model, f"blk.{layer}.post_ffw_norm", mlp(model, layer, mid)))


def test_an_edit_at_attn_out_is_made_before_the_norm(model: _core.Model) -> None:
    """Scaling the attention output changes nothing behind a norm but its epsilon."""
    sites = [("resid_post", 0), ("attn_out", 1), ("resid_mid", 1)]
    before, attention, mid = capture(open_session(model), TOKENS, sites).values()
    session = open_session(model)
    values = np.ascontiguousarray(100.0 * attention[3])
    steer(session, 0, step("attn_out", 1, _core.Edit.replace(0, values), 3, 4))
    edited = capture(session, TOKENS, sites)[("resid_mid", 1)]
    assert_close(edited[3] - before[3], (mid - before)[3])
