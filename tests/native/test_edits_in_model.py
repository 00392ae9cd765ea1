"""Does every kind of edit, at every component and window, do in llama.cpp what its formula does in NumPy?

Compared are the edited site, everything after it, and the logits. Tokens keep away from rounding steps under the edit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from core_runs import FOREVER, all_sites, decode, open_session, steer, step
from edit_oracle import KINDS, KnownEdit, make_edit
from numpy_forward import NumpyTransformer, Sites, clear_tokens
from tiny_gguf import TINY_GPT2, TINY_LLAMA, TINY_QWEN2, TINY_WIDE_HEAD, TinyModel

from pysteer import _core
from pysteer.errors import ShapeError, SiteError, SteeringError

TOLERANCE = 1e-4
N_TOKENS = 7
WriteTiny = Callable[[TinyModel, str], Path]


@dataclass(frozen=True)
class Placed:
    """A known edit at a site for the tokens begin <= position < end."""

    component: str
    layer: int
    known: KnownEdit
    begin: int = 0
    end: int = FOREVER

    def step(self) -> _core.Step:
        return step(self.component, self.layer, self.known.edit, self.begin, self.end)


def as_hook(edits: Sequence[Placed]) -> Callable[[str, int, np.ndarray], np.ndarray]:
    def hook(component: str, layer: int, rows: np.ndarray) -> np.ndarray:
        for placed in edits:
            if (component, layer) == (placed.component, placed.layer):
                window = slice(placed.begin, min(placed.end, len(rows)))
                rows[window] = placed.known.formula(rows[window])
        return rows

    return hook


def compare(ours: _core.Decoded, sites: Sequence[tuple[str, int]], expected: Sites) -> None:
    pairs = {"logits": (ours.logits, expected.logits)}
    for site, rows in zip(sites, ours.recordings, strict=True):
        array = getattr(expected, site[0])
        pairs[f"{site}"] = (rows, array[site[1]] if array.ndim == 3 else array)
    for name, (rows, array) in pairs.items():
        # A zeroed site is 0 in both: there is no scale to be relative to.
        assert np.abs(rows - array).max() <= TOLERANCE * max(np.abs(array).max(), 1e-3), name


def assert_edits_equal_numpy(path: Path, edits: Sequence[Placed]) -> None:
    oracle = NumpyTransformer(path, quantise_activations=True)
    hook = as_hook(edits)
    tokens = clear_tokens(oracle, N_TOKENS, seed=2, edit=hook)
    expected = oracle.forward(tokens, hook)
    session = open_session(path)
    steer(session, 0, *(placed.step() for placed in edits))
    sites = all_sites(oracle.n_layers)
    ours = decode(session, tokens, sites=sites, recorded=np.ones(N_TOKENS, dtype=bool), logits=True)
    compare(ours, sites, expected)
    assert np.abs(expected.logits - oracle.forward(tokens).logits).max() > 1e-2, "the edit does nothing: no test"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tiny", [TINY_WIDE_HEAD, TINY_GPT2], ids=["wide_head", "gpt2"])
def test_every_kind_equals_numpy(write_tiny: WriteTiny, tiny: TinyModel, weight_type: str, kind: str) -> None:
    # A residual stream of zeros leaves GPT-2's norm with its bias alone, and that lies on a rounding step.
    component = "mlp_out" if kind == "zero" else "resid_post"
    assert_edits_equal_numpy(write_tiny(tiny, weight_type), [Placed(component, 1, make_edit(kind, 64, seed=1))])


@pytest.mark.parametrize("component", ["resid_post", "resid_mid", "attn_out", "mlp_out", "head_out", "final_norm"])
@pytest.mark.parametrize("tiny", [TINY_WIDE_HEAD, TINY_GPT2, TINY_QWEN2], ids=["wide_head", "gpt2", "qwen2"])
def test_an_edit_at_every_component_equals_numpy(write_tiny: WriteTiny, tiny: TinyModel, component: str) -> None:
    assert tiny.head_dim is not None
    width = tiny.n_heads * tiny.head_dim if component == "head_out" else tiny.d_model
    layer = 3 if component == "final_norm" else 2
    edit = make_edit("rank_one_gain", width, seed=4)
    assert_edits_equal_numpy(write_tiny(tiny, "F32"), [Placed(component, layer, edit)])


@pytest.mark.parametrize("layer", [0, 3])
@pytest.mark.parametrize("component", ["resid_post", "mlp_out", "attn_out", "head_out"])
def test_edits_in_the_first_and_the_last_block_equal_numpy(write_tiny: WriteTiny, component: str, layer: int) -> None:
    edit = make_edit("norm_preserving", 64, seed=5)
    assert_edits_equal_numpy(write_tiny(TINY_LLAMA, "F32"), [Placed(component, layer, edit)])


@pytest.mark.parametrize(("begin", "end"), [(0, 1), (2, 5), (6, 7), (3, FOREVER), (1, 100)])
@pytest.mark.parametrize("kind", ["add", "in_context_2"])
def test_a_window_is_half_open(write_tiny: WriteTiny, kind: str, begin: int, end: int) -> None:
    edit = make_edit(kind, 64, seed=6)
    assert_edits_equal_numpy(write_tiny(TINY_LLAMA, "F32"), [Placed("resid_post", 2, edit, begin, end)])


@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_steps_at_one_site_are_applied_in_their_order(write_tiny: WriteTiny, order: int) -> None:
    kinds = ("add", "norm_preserving", "ablate", "add", "add", "replace_slice", "in_context_1")[::order]
    edits = [Placed("resid_post", 2, make_edit(kind, 64, seed=10 + i)) for i, kind in enumerate(kinds)]
    assert_edits_equal_numpy(write_tiny(TINY_LLAMA, "F32"), edits)


def test_steps_at_many_sites_work_together(write_tiny: WriteTiny, weight_type: str) -> None:
    edits = [
        Placed("resid_post", 0, make_edit("add", 64, seed=20), 1, 4),
        Placed("resid_post", 1, make_edit("add", 64, seed=21)),
        Placed("head_out", 1, make_edit("replace_slice", 128, seed=22), 5, 6),
        Placed("mlp_out", 2, make_edit("zero", 64, seed=23), 0, 2),
        Placed("attn_out", 3, make_edit("clamp", 64, seed=24)),
        Placed("resid_post", 3, make_edit("ablate", 64, seed=25)),
    ]
    assert_edits_equal_numpy(write_tiny(TINY_WIDE_HEAD, weight_type), edits)


@pytest.mark.parametrize("head", [0, 3])
def test_one_attention_head_is_replaced(write_tiny: WriteTiny, head: int) -> None:
    values = np.random.default_rng(8).normal(size=32).astype(np.float32)

    def formula(rows: np.ndarray) -> np.ndarray:
        rows = rows.copy()
        rows[:, 32 * head : 32 * (head + 1)] = values
        return rows

    known = KnownEdit(_core.Edit.replace(32 * head, values), formula)
    assert_edits_equal_numpy(write_tiny(TINY_WIDE_HEAD, "F32"), [Placed("head_out", 1, known, 4, 5)])


@pytest.mark.parametrize("wanted", [[6], [0, 3], [1, 2, 5, 6]])
@pytest.mark.parametrize("kind", ["add", "norm_preserving"])
def test_the_last_block_is_edited_where_only_some_tokens_are_outputs(
    write_tiny: WriteTiny, kind: str, wanted: list[int]
) -> None:
    """F2: there, row i of the tensor is output i."""
    path = write_tiny(TINY_LLAMA, "F32")
    oracle = NumpyTransformer(path)
    edits = [Placed("resid_post", 3, make_edit(kind, 64, seed=30 + i), i, i + 1) for i in range(N_TOKENS)]
    tokens = clear_tokens(oracle, N_TOKENS, seed=2)
    session = open_session(path)
    steer(session, 0, *(placed.step() for placed in edits))
    ours = decode(session, tokens, outputs=np.isin(range(N_TOKENS), wanted), logits=True).logits
    expected = oracle.forward(tokens, as_hook(edits)).logits[wanted]
    assert np.abs(ours - expected).max() <= TOLERANCE * np.abs(expected).max()


def test_steering_the_last_block_of_a_batch_without_outputs_does_nothing_wrong(tiny_llama: Path) -> None:
    """F2: the tensor then has no rows at all."""
    edits = [step("resid_post", 3, make_edit(kind, 64, seed=1).edit) for kind in ("add", "norm_preserving")]
    session, whole = open_session(tiny_llama), open_session(tiny_llama)
    steer(session, 0, *edits)
    steer(whole, 0, *edits)
    decode(session, [5, 6, 7], outputs=None)
    expected = decode(whole, [5, 6, 7, 8], logits=True).logits[3:]
    np.testing.assert_allclose(decode(session, [8], logits=True).logits, expected, rtol=0, atol=1e-4)


def test_an_edit_keeps_the_norm_it_promises_to_keep(tiny_llama: Path) -> None:
    site, flags = ("mlp_out", 1), np.ones(5, dtype=bool)
    plain = decode(open_session(tiny_llama), [5, 6, 7, 8, 9], sites=[site], recorded=flags).recordings[0]
    session = open_session(tiny_llama)
    steer(session, 0, step(*site, make_edit("norm_preserving", 64, seed=1).edit))
    rows = decode(session, [5, 6, 7, 8, 9], sites=[site], recorded=flags).recordings[0]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), np.linalg.norm(plain, axis=1), rtol=1e-5)


def test_an_edit_that_does_not_fit_the_site_is_refused(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    with pytest.raises(ShapeError, match="63 values does not fit rows of 64"):
        steer(session, 0, step("resid_post", 1, make_edit("add", 63, seed=1).edit))


def test_a_step_at_a_site_that_does_not_exist_is_refused(tiny_llama: Path) -> None:
    with pytest.raises(SiteError, match="layers run from 0 to 3"):
        steer(open_session(tiny_llama), 0, step("resid_post", 4, make_edit("add", 64, seed=1).edit))


@pytest.mark.parametrize(("begin", "end"), [(-1, 3), (4, 3)])
def test_a_window_that_is_no_range_is_refused(tiny_llama: Path, begin: int, end: int) -> None:
    with pytest.raises(SteeringError, match="half-open"):
        steer(open_session(tiny_llama), 0, step("resid_post", 1, make_edit("add", 64, seed=1).edit, begin, end))


def test_a_step_without_an_edit_is_refused() -> None:
    with pytest.raises(TypeError):
        _core.Step("resid_post", 1, None, 0, 5)  # type: ignore[arg-type]
