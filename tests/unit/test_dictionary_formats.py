"""Dictionaries of SAELens and sparsify: the formulas of their settings, and settings that are not computed here."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.dictionary_file import load_dictionary
from pysteer.errors import VectorFileError
from pysteer.site import Site

RNG = np.random.default_rng(0)
D, F = 6, 15
W_ENC, W_DEC = RNG.normal(size=(D, F)).astype(np.float32), RNG.normal(size=(F, D)).astype(np.float32)
B_ENC, B_DEC = RNG.normal(size=F).astype(np.float32), RNG.normal(size=D).astype(np.float32)
THRESHOLD = RNG.uniform(-0.5, 1.0, size=F).astype(np.float32)
ROWS = RNG.normal(size=(40, D)).astype(np.float32)
SAELENS = {"W_enc": W_ENC, "b_enc": B_ENC, "W_dec": W_DEC, "b_dec": B_DEC}
SPARSIFY = {"encoder.weight": np.ascontiguousarray(W_ENC.T), "encoder.bias": B_ENC, "W_dec": W_DEC, "b_dec": B_DEC}
HOOK = "blocks.3.hook_resid_post"


def write_folder(
    folder: Path, weights: str, tensors: dict[str, np.ndarray], config: Any, dtype: str = "F32"
) -> Path:  # fmt: skip
    """Write a safetensors file of a dtype, and cfg.json beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    entries, parts, at = {}, [], 0
    for name, array in tensors.items():
        data = array.astype("<f4").tobytes()
        if dtype == "BF16":
            data = (array.astype("<f4").view(np.uint32) >> 16).astype("<u2").tobytes()
        entries[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    header = json.dumps(entries).encode()
    (folder / weights).write_bytes(struct.pack("<Q", len(header)) + header + b"".join(parts))
    (folder / "cfg.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def saelens(folder: Path, config: dict[str, Any], dtype: str = "F32", **extra: np.ndarray) -> Path:
    return write_folder(folder, "sae_weights.safetensors", {**SAELENS, **extra}, config, dtype)


def sparsify(folder: Path, config: Any, **extra: np.ndarray) -> Path:
    return write_folder(folder, "sae.safetensors", {**SPARSIFY, **extra}, config)


def relu_of(rows: np.ndarray, b_pre: np.ndarray | float) -> np.ndarray:
    return np.maximum((rows - b_pre) @ W_ENC + B_ENC, 0.0)


def topk_of(z: np.ndarray, k: int) -> np.ndarray:
    smallest = np.sort(z, axis=1)[:, -k][:, None]
    return np.where(z >= smallest, z, 0.0)


def test_saelens_standard_from_before_version_6(tmp_path: Path) -> None:
    old = {"hook_point": "blocks.2.hook_resid_pre", "d_in": D, "d_sae": F, "normalize_activations": False}
    found = load_dictionary(saelens(tmp_path, old))
    assert (found.site, found.activation) == (Site("resid_post", 1), "relu")
    np.testing.assert_allclose(found.encode(ROWS), relu_of(ROWS, B_DEC), atol=1e-5)
    np.testing.assert_allclose(found.decode(found.encode(ROWS)), relu_of(ROWS, B_DEC) @ W_DEC + B_DEC, atol=1e-4)


def test_saelens_topk_of_either_version(tmp_path: Path) -> None:
    expected = topk_of(relu_of(ROWS, B_DEC), 4)
    settings = [
        {"architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 4}, "hook_name": HOOK},
        {"architecture": "topk", "k": 4, "metadata": {"hook_name": HOOK, "sae_lens_version": "6.12.1"}},
    ]
    for number, config in enumerate(settings):
        found = load_dictionary(saelens(tmp_path / str(number), config))
        assert (found.site, found.k) == (Site("resid_post", 3), 4)
        np.testing.assert_allclose(found.encode(ROWS), expected, atol=1e-5)


def test_saelens_topk_that_is_scaled_by_the_norms_of_the_decoder(tmp_path: Path) -> None:
    config = {"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True, "metadata": {"hook_name": HOOK}}
    norms = np.linalg.norm(W_DEC, axis=1)
    features = topk_of(relu_of(ROWS, B_DEC) * norms, 4)  # what SAELens encodes; it decodes features / norms
    found = load_dictionary(saelens(tmp_path, config))
    np.testing.assert_allclose(found.encode(ROWS), features, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.decode(features), features / norms @ W_DEC + B_DEC, atol=1e-4)


def test_saelens_jumprelu_without_the_bias_at_the_input(tmp_path: Path) -> None:
    config = {"architecture": "jumprelu", "apply_b_dec_to_input": False, "metadata": {"hook_name": HOOK}}
    z = ROWS @ W_ENC + B_ENC
    expected = np.maximum(z, 0) * (z > np.maximum(THRESHOLD, 0))  # SAELens takes negative thresholds as 0
    found = load_dictionary(saelens(tmp_path / "a", config, threshold=THRESHOLD))
    np.testing.assert_allclose(found.encode(ROWS), expected, atol=1e-5)
    positive = np.abs(THRESHOLD)
    logged = load_dictionary(saelens(tmp_path / "b", config, log_threshold=np.log(positive)))
    np.testing.assert_allclose(logged.encode(ROWS), np.where(z > positive, z, 0), atol=1e-5)


def test_the_weights_file_may_be_named_and_may_hold_bfloat16(tmp_path: Path) -> None:
    folder = saelens(tmp_path, {"hook_name": HOOK}, dtype="BF16")
    found = load_dictionary(folder / "sae_weights.safetensors")
    np.testing.assert_allclose(found.w_enc, W_ENC, rtol=2**-7)


@pytest.mark.parametrize(
    ("hook", "site"),
    [
        ("blocks.5.hook_resid_mid", Site("resid_mid", 5)),
        ("blocks.0.hook_mlp_out", Site("mlp_out", 0)),
        ("blocks.11.hook_attn_out", Site("attn_out", 11)),
        ("blocks.4.attn.hook_z", Site("head_out", 4)),
        ("model.layers.7", Site("resid_post", 7)),
        ("transformer.h.2.mlp", Site("mlp_out", 2)),
    ],
)
def test_names_of_places_become_sites(tmp_path: Path, hook: str, site: Site) -> None:
    assert load_dictionary(saelens(tmp_path, {"hook_name": hook})).site == site


@pytest.mark.parametrize("hook", ["blocks.0.hook_resid_pre", "hook_embed", "blocks.3.mlp.hook_post", None, 7])
def test_other_places_are_refused_unless_a_site_is_given(tmp_path: Path, hook: object) -> None:
    folder = saelens(tmp_path, {"hook_name": hook})
    with pytest.raises(VectorFileError, match="no site of pysteer"):
        load_dictionary(folder)
    assert load_dictionary(folder, site=Site("mlp_out", 1)).site == Site("mlp_out", 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"architecture": "gated"}, "gated.*two encoders"),
        ({"architecture": "batchtopk"}, "depends on its batch"),
        ({"architecture": "transcoder"}, "transcoder.*not computed"),
        ({"architecture": ["standard"]}, "not computed"),
        ({"activation_fn_str": "tanh-relu"}, "activation is 'tanh-relu'"),
        ({"normalize_activations": "layer_norm"}, "normalize_activations is 'layer_norm'"),
        ({"normalize_activations": "expected_average_only_in"}, "not in the file"),
        ({"normalize_activations": True}, "normalize_activations is True"),
        ({"apply_b_dec_to_input": "yes"}, "neither yes nor no"),
        ({"hook_head_index": 3}, "hook_head_index is 3"),
        ({"architecture": "topk"}, "k: expected a positive integer, got None"),
        ({"architecture": "topk", "k": 4.0}, "expected a positive integer, got 4.0"),
        ({"architecture": "topk", "k": True}, "expected a positive integer, got True"),
        ({"architecture": "topk", "k": 16}, "from 1 to 15, got 16"),
        ({"architecture": "jumprelu"}, "expected a tensor 'threshold'"),
    ],
)
def test_saelens_settings_that_are_not_computed_here_are_refused(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    folder = saelens(tmp_path, {"hook_name": HOOK, **settings})
    with pytest.raises(VectorFileError, match=message) as caught:
        load_dictionary(folder)
    assert str(folder) in str(caught.value)


def test_saelens_factors_of_features_are_refused_unless_they_are_1(tmp_path: Path) -> None:
    config = {"hook_name": HOOK}
    assert load_dictionary(saelens(tmp_path / "a", config, scaling_factor=np.ones(F))).n_features == F
    with pytest.raises(VectorFileError, match="scaling_factor"):
        load_dictionary(saelens(tmp_path / "b", config, scaling_factor=np.full(F, 2.0)))


def test_sparsify_topk(tmp_path: Path) -> None:
    found = load_dictionary(sparsify(tmp_path / "layers.3.mlp", {"d_in": D, "k": 4, "activation": "topk"}))
    assert (found.site, found.k, found.activation) == (Site("mlp_out", 3), 4, "topk")
    np.testing.assert_allclose(found.encode(ROWS), topk_of(relu_of(ROWS, B_DEC), 4), atol=1e-5)
    np.testing.assert_array_equal(found.w_dec, W_DEC)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"activation": "groupmax"}, "activation is 'groupmax'"),
        ({"transcode": True}, "writes elsewhere"),
        ({"skip_connection": True}, "not all that it adds"),
        ({"signed": True}, "may be negative"),
        ({"k": 4.5}, "positive integer, got 4.5"),
        ({"k": None}, "positive integer, got None"),
        ({"d_in": 7}, r"expected \(F, 7\)"),
        ("[1]", "expected a JSON object"),
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        (" " * (2**20 + 1), "bytes of settings"),
    ],
    ids=range(11),
)
def test_sparsify_settings_that_are_not_computed_here_are_refused(tmp_path: Path, config: Any, message: str) -> None:
    merged = {"d_in": D, "k": 4, **config} if isinstance(config, dict) else config
    folder = sparsify(tmp_path / "layers.3", merged)
    with pytest.raises(VectorFileError, match=message) as caught:
        load_dictionary(folder)
    assert str(folder) in str(caught.value)


def test_sparsify_folders_that_do_not_say_where_they_belong_need_a_site(tmp_path: Path) -> None:
    folder = sparsify(tmp_path / "mine", {"d_in": D, "k": 4})
    with pytest.raises(VectorFileError, match="say which with site="):
        load_dictionary(folder)
    assert load_dictionary(folder, site=Site("resid_post", 2)).site == Site("resid_post", 2)


def test_a_skip_matrix_is_refused_though_the_settings_hide_it(tmp_path: Path) -> None:
    folder = sparsify(tmp_path / "layers.3", {"d_in": D, "k": 4}, W_skip=np.ones((D, D)))
    with pytest.raises(VectorFileError, match="W_skip"):
        load_dictionary(folder)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("W_dec", np.ones((F, D, 1)), "expected 2 axes"),
        ("W_dec", W_ENC, "W_dec|w_enc"),
        ("b_dec", np.ones(D + 1), "b_dec"),
        ("b_enc", np.full(F, np.nan), "NaN"),
    ],
)
def test_tensors_that_do_not_fit_together_are_refused(
    tmp_path: Path, name: str, array: np.ndarray, message: str
) -> None:
    with pytest.raises(VectorFileError, match=message):
        load_dictionary(saelens(tmp_path, {"hook_name": HOOK}, **{name: array}))


def test_every_cut_of_the_weights_is_refused(tmp_path: Path) -> None:
    folder = saelens(tmp_path, {"hook_name": HOOK})
    weights = folder / "sae_weights.safetensors"
    whole = weights.read_bytes()
    for n in range(0, len(whole), 41):
        weights.write_bytes(whole[:n])
        with pytest.raises(VectorFileError, match="sae_weights"):
            load_dictionary(folder)
