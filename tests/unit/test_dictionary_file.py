"""Dictionaries in npz files: what was saved comes back, and files that are broken or hostile are refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionary_file import load_dictionary, save_dictionary
from pysteer.errors import VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site

RNG = np.random.default_rng(0)
ARRAYS = {
    "W_enc": RNG.normal(size=(4, 9)).astype(np.float32), "b_enc": RNG.normal(size=9).astype(np.float32),
    "W_dec": RNG.normal(size=(9, 4)).astype(np.float32), "b_dec": RNG.normal(size=4).astype(np.float32),
}  # fmt: skip
ROWS = RNG.normal(size=(20, 4)).astype(np.float32)
NAMES = tuple(ARRAYS)


def example(**options: Any) -> SparseDictionary:
    activation = "topk" if "k" in options else "jumprelu" if "threshold" in options else "relu"
    origin = Provenance("example", seed=3, extra={"note": "x"})
    return SparseDictionary(*ARRAYS.values(), activation, origin, site=Site("mlp_out", 2), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"k": 3}, {"threshold": np.full(9, 0.5)}, {"b_pre": np.ones(4)}])
def test_saving_and_loading_gives_the_same_dictionary(tmp_path: Path, options: dict[str, object]) -> None:
    saved = example(**options)
    save_dictionary(saved, tmp_path / "d.npz")
    loaded = load_dictionary(tmp_path / "d.npz")
    assert (loaded.activation, loaded.k, loaded.site) == (saved.activation, saved.k, Site("mlp_out", 2))
    assert loaded.provenance == saved.provenance
    np.testing.assert_array_equal(loaded.encode(ROWS), saved.encode(ROWS))
    np.testing.assert_array_equal(loaded.w_dec, saved.w_dec)
    assert [file.name for file in tmp_path.iterdir()] == ["d.npz"]


def test_the_same_dictionary_gives_the_same_bytes(tmp_path: Path) -> None:
    save_dictionary(example(k=3), tmp_path / "a.npz")
    save_dictionary(example(k=3), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_half_precision_rounds_the_matrices_and_nothing_else(tmp_path: Path) -> None:
    saved = example(k=3)
    save_dictionary(saved, tmp_path / "d.npz", half=True)
    loaded = load_dictionary(tmp_path / "d.npz")
    np.testing.assert_array_equal(loaded.w_enc, saved.w_enc.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(loaded.b_enc, saved.b_enc)
    large = SparseDictionary(
        ARRAYS["W_enc"] * 1e5, *(ARRAYS[name] for name in NAMES[1:]), "relu", Provenance("example")
    )  # fmt: skip
    with pytest.raises(VectorFileError, match=r"W_enc holds .* float16 cannot"):
        save_dictionary(large, tmp_path / "d.npz", half=True)


def test_gemma_scope_and_plain_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", **ARRAYS, threshold=np.full(9, 0.5, dtype=np.float32))
    scope = load_dictionary(tmp_path / "params.npz", site=Site("resid_post", 7))
    z = ROWS @ ARRAYS["W_enc"] + ARRAYS["b_enc"]
    np.testing.assert_allclose(scope.encode(ROWS), np.where(z > 0.5, z, 0), atol=1e-6)
    assert scope.site == Site("resid_post", 7)
    transposed_in_memory = {name: np.asfortranarray(array) for name, array in ARRAYS.items()}
    np.savez(tmp_path / "plain.npz", **{name.lower(): array for name, array in transposed_in_memory.items()})
    plain = load_dictionary(tmp_path / "plain.npz")
    assert plain.activation == "relu"
    np.testing.assert_array_equal(plain.w_enc, ARRAYS["W_enc"])


def about(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


ORIGIN = json.loads(Provenance("example").to_json())
CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "k is a float": ({"k": np.float64(3.0)}, "array 'k'.*kind i or u"),
    "k is a truth value": ({"k": np.bool_(True)}, "array 'k'.*kind i or u"),
    "k is negative": ({"k": np.int64(-3)}, "positive integer, got -3"),
    "k is zero": ({"k": np.int64(0)}, "positive integer, got 0"),
    "k is huge": ({"k": np.int64(2**40)}, "positive integer"),
    "k is above the number of features": ({"k": np.int64(10)}, "from 1 to 9, got 10"),
    "k is several numbers": ({"k": np.array([1, 2])}, r"one integer, got shape \(2,\)"),
    "k and threshold": ({"k": np.int64(3), "threshold": np.ones(9)}, "got both"),
    "an array too many": ({"W_skip": np.ones((4, 4))}, "each at most once, got 'W_skip.npy'"),
    "two names for one": ({"w_enc": np.ones((4, 9))}, "each at most once"),
    "another shape": ({"b_enc": np.ones(8, dtype=np.float32)}, r"expected shape \(9,\)"),
    "another number of axes": ({"W_dec": np.ones(9)}, "tensor 'W_dec': expected 2 axes"),
    "three axes": ({"W_dec": np.ones((9, 4, 1))}, "at most two axes"),
    "no values": ({"W_dec": np.ones((0, 4))}, "non-empty"),
    "integers": ({"W_dec": np.ones((9, 4), dtype=np.int32)}, "floating-point"),
    "complex numbers": ({"W_dec": np.ones((9, 4), dtype=complex)}, "floating-point"),
    "objects": ({"b_enc": np.array([None] * 9, dtype=object)}, "floating-point"),
    "NaN": ({"b_enc": np.full(9, np.nan, dtype=np.float32)}, "NaN"),
    "infinity": ({"W_enc": np.full((4, 9), 1e300)}, "infinite in float32"),
    "origin is a list": ({"provenance": about("[1]")}, "'provenance'"),
    "origin is no JSON": ({"provenance": about("{")}, "expected JSON"),
    "origin is no text": ({"provenance": np.full(9, 255, dtype=np.uint8)}, "expected JSON in UTF-8"),
    "origin is deep": ({"provenance": about("[" * 100_000)}, "expected JSON"),
    "no origin in origin": ({"provenance": about('{"site": null}')}, "'provenance'"),
    "no such site": ({"provenance": about(json.dumps({"site": ["mind", 3], "provenance": ORIGIN}))}, "mind"),
    "no such layer": ({"provenance": about(json.dumps({"site": ["mlp_out", -3], "provenance": ORIGIN}))}, "from 0"),
    "a site of three": ({"provenance": about(json.dumps({"site": [1, 2, 3], "provenance": ORIGIN}))}, "'site'"),
    "a layer that is text": ({"provenance": about(json.dumps({"site": ["mlp_out", "x"], "provenance": ORIGIN}))}, "x"),
}


@pytest.mark.parametrize("name", CHANGED)
def test_arrays_that_mean_nothing_are_refused(tmp_path: Path, name: str) -> None:
    changes, message = CHANGED[name]
    path = tmp_path / "d.npz"
    np.savez(path, **{**ARRAYS, **changes})
    with pytest.raises(VectorFileError, match=message) as caught:
        load_dictionary(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("missing", NAMES)
def test_a_missing_array_is_named(tmp_path: Path, missing: str) -> None:
    np.savez(tmp_path / "d.npz", **{name: array for name, array in ARRAYS.items() if name != missing})
    with pytest.raises(VectorFileError, match=rf"d\.npz: expected a tensor '{missing}'"):
        load_dictionary(tmp_path / "d.npz")


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in members.items():
            zipped.writestr(f"{name}.npy", data)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def with_flipped_byte(data: bytes) -> bytes:
    at = data.index(b"NUMPY") + 200
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


WHOLE = archive(**{name: npy(array) for name, array in ARRAYS.items()})
CLAIM = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }"
BYTES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "expected a dictionary as"),
    "text": (lambda: b"W_enc", "expected a dictionary as"),
    "cut at the end": (lambda: WHOLE[:-60], "not a zip archive"),
    "cut at the begin": (lambda: WHOLE[:300], "not a zip archive"),
    "a byte changed": (lambda: with_flipped_byte(archive_stored()), "cannot be unpacked"),
    "no array": (lambda: archive(W_enc=b"hello"), "not an array that can be read"),
    "a program as header": (lambda: archive(W_enc=CLAIM.replace(b"False", b"exit(")), "not an array that can be read"),
    "more values claimed than there are": (lambda: archive(W_enc=CLAIM + b" " * 41 + b"\n" + bytes(64)), "truncated"),
    "unpacks to a thousand times its size": (lambda: archive(W_enc=npy(np.zeros((1024, 4096)))), "unpacks to more"),
}


def archive_stored() -> bytes:
    file = io.BytesIO()
    np.savez(file, **ARRAYS)
    return file.getvalue()


@pytest.mark.parametrize("name", BYTES)
def test_damaged_and_hostile_files_are_refused(tmp_path: Path, name: str) -> None:
    make, message = BYTES[name]
    path = tmp_path / "d.npz"
    path.write_bytes(make())
    with pytest.raises(VectorFileError, match=message) as caught:
        load_dictionary(path)
    assert str(path) in str(caught.value)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    for n in range(0, len(WHOLE), 37):
        path.write_bytes(WHOLE[:n])
        with pytest.raises(VectorFileError):
            load_dictionary(path)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="no such file"):
        load_dictionary(tmp_path / "d.npz")
    with pytest.raises(VectorFileError, match="expected a dictionary as"):
        load_dictionary(tmp_path)
