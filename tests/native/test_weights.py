"""Weights as float32, and what a model says about itself: both against what the `gguf` package reads from the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import llama_cpp
import numpy as np
import pytest
from core_runs import open_session
from tiny_gguf import TINY_LLAMA, WEIGHT_TYPES, TinyModel

from pysteer import _core
from pysteer.errors import ModelError

WriteTiny = Callable[[TinyModel, str], Path]


@pytest.mark.parametrize("weight_type", WEIGHT_TYPES)
def test_every_weight_equals_gguf_dequantize_bit_for_bit(write_tiny: WriteTiny, weight_type: str) -> None:
    path = write_tiny(TINY_LLAMA, weight_type)
    model = _core.Model.load(str(path))
    for tensor in gguf.GGUFReader(path).tensors:
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        weight = model.weight(tensor.name)
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("model_file", ["tinytalk", "tinytalk_q4_0", "stories260k"])
def test_weights_of_trained_models_equal_gguf_dequantize(model_file: str, request: pytest.FixtureRequest) -> None:
    """The largest are shared between threads."""
    path = request.getfixturevalue(model_file)
    model = _core.Model.load(str(path))
    for tensor in sorted(gguf.GGUFReader(path).tensors, key=lambda tensor: int(tensor.n_elements))[-4:]:
        np.testing.assert_array_equal(model.weight(tensor.name), gguf.dequantize(tensor.data, tensor.tensor_type))


def test_weights_lists_every_tensor_of_the_file(write_tiny: WriteTiny) -> None:
    path = write_tiny(TINY_LLAMA, "Q4_0")
    expected = [
        (t.name, t.tensor_type.name.lower(), tuple(int(n) for n in t.shape[::-1]), int(t.n_bytes))
        for t in gguf.GGUFReader(path).tensors
    ]
    ours = [(name, kind.lower(), shape, n) for name, kind, shape, n in _core.Model.load(str(path)).weights()]
    assert ours == expected


def test_a_weight_is_owned_by_numpy_and_outlives_the_model(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    weight = model.weight("output_norm.weight")
    expected = weight.copy()
    del model
    np.testing.assert_array_equal(weight, expected)


@pytest.mark.parametrize("name", ["", "blk.4.attn_output.weight", "output_norm.weigh", "\x00", "ø"])
def test_an_unknown_weight_is_a_model_error_that_names_it(tiny_llama: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no tensor named"):
        _core.Model.load(str(tiny_llama)).weight(name)


def test_a_weight_of_a_file_that_is_gone_is_a_model_error(tmp_path: Path, tiny_llama: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(tiny_llama.read_bytes())
    model = _core.Model.load(str(path), use_mmap=False)
    path.unlink()
    with pytest.raises(ModelError, match="no such model file"):
        model.weight("output_norm.weight")


def test_a_model_states_its_sizes(write_tiny: WriteTiny) -> None:
    model = _core.Model.load(str(write_tiny(TINY_LLAMA, "Q8_0")))
    sizes = (model.n_layers, model.d_model, model.n_heads, model.n_heads_kv, model.n_vocab, model.n_ctx_train)
    assert sizes == (4, 64, 4, 2, 354, 256)
    assert model.is_recurrent is False
    assert model.adds_bos is True
    assert "llama" in model.description
    assert model.quantisation


def test_metadata_are_the_scalars_of_the_file(tiny_llama: Path) -> None:
    ours = dict(_core.Model.load(str(tiny_llama)).metadata())
    assert ours["general.architecture"] == "llama"
    assert ours["llama.block_count"] == "4"


def test_metadata_that_are_not_utf8_are_readable(tmp_path: Path, tiny_llama: Path) -> None:
    path = tmp_path / "latin1.gguf"
    path.write_bytes(tiny_llama.read_bytes().replace(b"tiny llama", b"tiny ll\xe4ma", 1))
    assert dict(_core.Model.load(str(path)).metadata())["general.name"] == "tiny ll\ufffdma"


def test_site_widths_are_those_of_the_tensors(tiny_wide_head: Path) -> None:
    session = open_session(tiny_wide_head)
    widths = {component: session.site_width(component, 1) for component in ("resid_post", "attn_out", "head_out")}
    assert widths == {"resid_post": 64, "attn_out": 64, "head_out": 128}


def test_available_sites_are_listed_with_their_layers(tiny_llama: Path) -> None:
    assert open_session(tiny_llama).available_sites() == [
        "resid_post: layers 0-3",
        "resid_mid: layers 0-3",
        "attn_out: layers 0-3",
        "mlp_out: layers 0-3",
        "head_out: layers 0-3",
        "final_norm",
    ]


def test_the_core_was_built_against_the_llama_cpp_that_is_installed() -> None:
    assert llama_cpp.__version__ == _core.LLAMA_CPP_PYTHON
