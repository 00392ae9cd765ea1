"""Vector files of other tools: safetensors, npz, torch's .pt without torch; and hostile ones of each."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from pysteer.errors import VectorFileError
from pysteer.site import Site
from pysteer.vector_file import load_vector

DATA = Path(__file__).resolve().parent.parent / "data"
ROW = np.array([0.5, -1.0, 2.0, 0.25], dtype=np.float32)


def site(layer: int, component: str = "resid_post") -> Site:
    return Site(component, layer)


def safetensors(tensors: dict[str, Any], data: bytes, **metadata: str) -> bytes:
    header = json.dumps({**tensors, **({"__metadata__": metadata} if metadata else {})}).encode()
    return struct.pack("<Q", len(header)) + header + data


def entry(begin: int, end: int, shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def written(folder: Path, data: bytes, name: str = "v.bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


# safetensors


def test_safetensors_of_every_type_and_way_to_name_a_layer(tmp_path: Path) -> None:
    bfloat16 = (ROW.view(np.uint32) >> 16).astype("<u2").tobytes()
    parts = [ROW.tobytes(), ROW.astype("<f8").tobytes(), ROW.astype("<f2").tobytes(), bfloat16]
    names = ("layer_3", "model.layers.5", "direction.7", "9")
    tensors, at = {}, 0
    for name, part, dtype in zip(names, parts, ("F32", "F64", "F16", "BF16"), strict=True):
        tensors[name] = entry(at, at + len(part), [4] if dtype != "F16" else [1, 4], dtype)
        at += len(part)
    vector = load_vector(written(tmp_path, safetensors(tensors, b"".join(parts), method="caa", base="x")))
    assert vector.sites == tuple(map(site, (3, 5, 7, 9)))
    for direction in vector.directions.values():
        np.testing.assert_array_equal(direction, ROW)  # all four types hold these numbers exactly
    assert vector.provenance.method == "caa"
    assert vector.provenance.extra["metadata"]["base"] == "x"


def test_names_may_be_sites_and_layers_may_be_shifted(tmp_path: Path) -> None:
    path = written(tmp_path, safetensors({"mlp_out.2": entry(0, 16, [4])}, ROW.tobytes()))
    assert load_vector(path).sites == (site(2, "mlp_out"),)
    assert load_vector(path, layer_shift=-1).sites == (site(1, "mlp_out"),)
    with pytest.raises(VectorFileError, match="layer_shift=-3"):
        load_vector(path, layer_shift=-3)


GOOD = {"layer_1": entry(0, 16, [4])}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (safetensors(GOOD, ROW.tobytes()[:-1]), "do not lie in 15 bytes"),
        (safetensors(GOOD, ROW.tobytes())[:20], "header claims"),
        (struct.pack("<Q", 2**40) + b"{", "expected a GGUF file"),
        (struct.pack("<Q", 9) + b"{not json", "no JSON"),
        (struct.pack("<Q", 3) + b"{}]", "no JSON"),
        (struct.pack("<Q", 200_000) + b'{"a":' + b"[" * 199_995, "no JSON"),
        (safetensors({"layer_1": entry(0, 16, [2**60, 2**60])}, ROW.tobytes()), "expected a shape"),
        (safetensors({"layer_1": entry(0, 16, [-4])}, ROW.tobytes()), "expected a shape"),
        (safetensors({"layer_1": entry(0, 16, [True, 4])}, ROW.tobytes()), "expected a shape"),
        (safetensors({"layer_1": entry(0, 16, [2, 2])}, ROW.tobytes()), "expected one direction"),
        (safetensors({"layer_1": entry(0, 4, [4], "I8")}, ROW.tobytes()), "expected dtype"),
        (safetensors({"layer_1": 7}, ROW.tobytes()), "expected dtype"),
        (safetensors({"weights": entry(0, 16, [4])}, ROW.tobytes()), "ends in a layer"),
        (safetensors({"layer_1": entry(0, 16, [4]), "1": entry(0, 16, [4])}, ROW.tobytes()), "both for resid_post.1"),
        (safetensors({}, b""), "holds no direction"),
        (safetensors(GOOD, np.full(4, np.nan, "f4").tobytes()), "4 values are NaN"),
        (safetensors({**GOOD, "layer_2": entry(0, 8, [2])}, ROW.tobytes()), "has 2 entries"),
    ],
    ids=range(17),
)
def test_damaged_and_hostile_safetensors_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path, data)
    with pytest.raises(VectorFileError, match=message) as caught:
        load_vector(path)
    assert str(path) in str(caught.value) or "entries at" in str(caught.value)


# npz


def test_npz_arrays_are_directions(tmp_path: Path) -> None:
    data = npz(**{"layer_2": ROW, "attn_out.3": ROW.astype(np.float64)[None]})
    vector = load_vector(written(tmp_path, data, "v.npz"))
    assert set(vector.sites) == {site(2), site(3, "attn_out")}
    np.testing.assert_array_equal(vector[site(2)], ROW)


def zip_of(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"layer_1.npy": npy(np.array([{}], dtype=object), allow_pickle=True)}, "floating-point"),
        ({"layer_1.npy": npy(np.arange(4))}, "floating-point"),
        ({"layer_1.npy": npy(ROW)[:-2]}, "truncated or damaged"),
        ({"layer_1.npy": npy(ROW).replace(b"(4,)", b"(9,)")}, "truncated or damaged"),
        ({"layer_1.npy": b"nonsense"}, "not an array"),
        ({"layer_1.npy": npy(np.ones((2, 4), "f4"))}, "expected one direction"),
        ({"mean.npy": npy(ROW)}, "ends in a layer"),
    ],
    ids=["objects", "integers", "cut off", "false shape", "no array", "matrix", "no layer"],
)
def test_damaged_and_hostile_npz_are_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(VectorFileError, match=message):
        load_vector(written(tmp_path, zip_of(members), "v.npz"))


def test_a_damaged_archive_is_a_vector_file_error(tmp_path: Path) -> None:
    whole = npz(layer_1=ROW)
    for data in (whole[:40], whole[:-30], whole[:60] + b"\xff" * 20 + whole[80:]):
        with pytest.raises(VectorFileError):
            load_vector(written(tmp_path, data, "v.npz"))


# torch


def test_a_file_of_lm_eval_loads_with_its_coefficients_multiplied_in() -> None:
    vector = load_vector(DATA / "lm_eval_steered.pt")
    rows = np.arange(24, dtype=np.float32).reshape(3, 8) / 8
    assert set(vector.sites) == {site(2), site(3, "mlp_out")}
    np.testing.assert_array_equal(vector[site(2)], 4.0 * rows[1])
    np.testing.assert_array_equal(vector[site(3, "mlp_out")], -0.5 * rows[2])
    assert vector.provenance.extra["steering_coefficients"] == {"resid_post.2": 4.0, "mlp_out.3": -0.5}


def test_layers_with_strides_halves_and_doubles_load() -> None:
    vector = load_vector(DATA / "layers.pt")
    rows = np.arange(24, dtype=np.float32).reshape(3, 8) / 8
    for layer, row in zip((1, 2, 3), rows, strict=True):
        np.testing.assert_array_equal(vector[site(layer)], row)


class Call:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def torch_file(content: bytes, **storages: bytes) -> bytes:
    return zip_of({"v/data.pkl": content, **{f"v/data/{key.lstrip('k')}": data for key, data in storages.items()}})


def tensor_program(key: str, shape: str, strides: str, offset: int = 0, hookpoint: str = "layers.1") -> bytes:
    """A pickle by hand, protocol 0: {hookpoint: one tensor}; what torch.save writes, but with any numbers."""
    return (
        f"(dS'{hookpoint}'\nctorch._utils\n_rebuild_tensor_v2\n(".encode()
        + f"(S'storage'\nctorch\nFloatStorage\nS'{key}'\nS'cpu'\nI4\ntQ".encode()
        + f"I{offset}\n{shape}{strides}I00\nNtRs.".encode()
    )


def test_a_tensor_written_by_hand_loads(tmp_path: Path) -> None:
    data = torch_file(tensor_program("0", "(I4\nt", "(I1\nt"), k0=ROW.tobytes())
    with pytest.raises(VectorFileError, match="something else than tensors"):  # protocol 0's DICT is not used by torch
        load_vector(written(tmp_path, data, "v.pt"))
    program = tensor_program("0", "(I4\nt", "(I1\nt").replace(b"(d", b"}", 1)
    np.testing.assert_array_equal(load_vector(written(tmp_path, torch_file(program, k0=ROW.tobytes())))[site(1)], ROW)


@pytest.mark.parametrize(
    ("shape", "strides", "offset", "message"),
    [
        ("(I5\nt", "(I1\nt", 0, "does not lie in a storage of 4"),
        ("(I4\nt", "(I2\nt", 0, "does not lie"),
        ("(I4\nt", "(I1\nt", 1, "does not lie"),
        ("(I999999999\nt", "(I0\nt", 0, "does not lie"),
        ("(I-4\nt", "(I1\nt", 0, "no tensor"),
        ("(I4\nt", "(t", 0, "expected one direction"),
        ("(I2\nI2\nt", "(I2\nI1\nt", 0, "expected one direction"),
        ("(I0\nt", "(I1\nt", 0, "does not lie"),
    ],
)
def test_tensors_that_reach_beyond_their_storage_are_refused(
    tmp_path: Path, shape: str, strides: str, offset: int, message: str
) -> None:
    program = tensor_program("0", shape, strides, offset).replace(b"(d", b"}", 1)
    with pytest.raises(VectorFileError, match=message):
        load_vector(written(tmp_path, torch_file(program, k0=ROW.tobytes())))


def deep_key() -> bytes:
    """A pickle whose only dictionary key is a tuple of 2**60 leaves, by sharing: hashing it would never end."""
    return b"})" + b"2\x86" * 60 + b"K\x01s."


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (pickle.dumps({"layers.1": Call(print, "run")}), "builtins.print, which is no tensor; nothing of it was run"),
        (pickle.dumps({"layers.1": Call(eval, "1/0")}), "builtins.eval"),
        (pickle.dumps([1, 2]), "expected a dictionary"),
        (pickle.dumps({}), "expected a dictionary"),
        (pickle.dumps({"layers.1": 3}), "expected a dictionary with a tensor"),
        (pickle.dumps({"layers.1": {1, 2}}), "something else than tensors"),
        (b"\x80\x02}", "damaged"),
        (b"", "damaged"),
        (b"\xff\xff", "damaged"),
        (deep_key(), "texts or integers as keys"),
        (b"r\xff\xff\xff\x7f.", "damaged"),
    ],
    ids=["function", "eval", "list", "empty", "number", "set", "cut off", "nothing", "noise", "deep key", "memo"],
)
def test_pickles_of_anything_but_tensors_are_refused_and_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: bytes, message: str
) -> None:
    with pytest.raises(VectorFileError, match=message):
        load_vector(written(tmp_path, torch_file(program), "v.pt"))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("key", ["9", "../0"])
def test_a_storage_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    program = tensor_program(key, "(I4\nt", "(I1\nt").replace(b"(d", b"}", 1)
    with pytest.raises(VectorFileError, match="has no member"):
        load_vector(written(tmp_path, torch_file(program, k0=ROW.tobytes())))


def test_other_hook_points_are_refused(tmp_path: Path) -> None:
    program = tensor_program("0", "(I4\nt", "(I1\nt", hookpoint="lm_head").replace(b"(d", b"}", 1)
    with pytest.raises(VectorFileError, match="ends in a layer"):
        load_vector(written(tmp_path, torch_file(program, k0=ROW.tobytes())))


# GGUF of another tool


def test_a_file_of_easysteer_loads_with_its_method(tmp_path: Path) -> None:
    path = tmp_path / "v.gguf"
    writer = gguf.GGUFWriter(str(path), "controlvector")
    writer.add_string("controlvector.model_hint", "qwen2")
    writer.add_uint32("controlvector.layer_count", 2)
    writer.add_string("controlvector.method", "diffmean")
    for layer in (10, 11):
        writer.add_tensor(f"direction.{layer}", ROW * layer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    vector = load_vector(path)
    assert vector.provenance.method == "diffmean"
    np.testing.assert_array_equal(vector[site(11)], ROW * 11)
