"""Other programs' readers as oracles: the gguf package, and the GGUF reader inside llama.cpp itself."""

from __future__ import annotations

import ctypes
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_file import load_vector, save_vector

gguf = pytest.importorskip("gguf")
ORIGIN = Provenance(method="mean_difference", architecture="llama", n_pairs=4)
# 10 is no multiple of the alignment: padding between tensors and behind the last one matters.
VECTOR = SteeringVector(
    {
        Site("resid_post", layer): np.random.default_rng(layer).standard_normal(10).astype(np.float32)
        for layer in (1, 2, 12)
    },
    ORIGIN,
)


def test_the_gguf_package_reads_what_we_write(tmp_path: Path) -> None:
    save_vector(VECTOR, tmp_path / "v.gguf")
    reader = gguf.GGUFReader(tmp_path / "v.gguf")
    assert [tensor.name for tensor in reader.tensors] == ["direction.1", "direction.2", "direction.12"]
    for tensor in reader.tensors:
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        assert tensor.shape.tolist() == [10]
        np.testing.assert_array_equal(tensor.data, VECTOR[Site("resid_post", int(tensor.name.split(".")[1]))])
    fields = {name: field.contents() for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    assert fields == {
        "general.architecture": "controlvector",
        "controlvector.model_hint": "llama",
        "controlvector.layer_count": 3,
        "pysteer.format_version": 1,
        "pysteer.provenance": ORIGIN.to_json(),
    }
    assert reader.fields["controlvector.layer_count"].types == [gguf.GGUFValueType.UINT32]


def test_we_read_what_the_gguf_package_writes(tmp_path: Path) -> None:
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "controlvector")
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", 3)
    for site, direction in VECTOR.directions.items():
        writer.add_tensor(f"direction.{site.layer}", direction)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert load_vector(tmp_path / "v.gguf") == VECTOR


def test_llama_cpp_s_own_gguf_reader_reads_what_we_write(tmp_path: Path) -> None:
    package = importlib.util.find_spec("llama_cpp")
    if package is None or package.origin is None:
        pytest.skip("llama-cpp-python is not installed")
    folder = Path(package.origin).parent / "lib"
    found = [path for path in folder.glob("*ggml-base*") if path.suffix in (".so", ".dylib", ".dll")]
    if not found:
        pytest.skip(f"no ggml-base library in {folder}")
    ggml = ctypes.CDLL(str(found[0]))

    class Parameters(ctypes.Structure):
        _fields_ = [("no_alloc", ctypes.c_bool), ("ctx", ctypes.POINTER(ctypes.c_void_p))]

    ggml.gguf_init_from_file.restype = ctypes.c_void_p
    ggml.gguf_init_from_file.argtypes = [ctypes.c_char_p, Parameters]
    ggml.gguf_get_n_tensors.restype = ctypes.c_int64
    ggml.gguf_get_n_tensors.argtypes = [ctypes.c_void_p]
    ggml.ggml_get_tensor.restype = ggml.ggml_get_data_f32.restype = ctypes.c_void_p
    ggml.ggml_get_tensor.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    ggml.ggml_get_data_f32.argtypes = ggml.gguf_free.argtypes = ggml.ggml_free.argtypes = [ctypes.c_void_p]

    path = tmp_path / "v.gguf"
    save_vector(VECTOR, path)
    tensors = ctypes.c_void_p()
    context = ggml.gguf_init_from_file(str(path).encode(), Parameters(False, ctypes.pointer(tensors)))
    assert context
    assert ggml.gguf_get_n_tensors(context) == 3
    for site, direction in VECTOR.directions.items():
        tensor = ggml.ggml_get_tensor(tensors, f"direction.{site.layer}".encode())
        data = ctypes.cast(ggml.ggml_get_data_f32(tensor), ctypes.POINTER(ctypes.c_float * 10)).contents
        np.testing.assert_array_equal(np.array(data, np.float32), direction)
    ggml.gguf_free(context)
    ggml.ggml_free(tensors)
    # Without the padding behind the last tensor llama.cpp refuses the file: our writer must not leave it out.
    path.write_bytes(path.read_bytes()[:-1])
    assert not ggml.gguf_init_from_file(str(path).encode(), Parameters(False, ctypes.pointer(tensors)))
