"""Dictionaries survive saving and loading; broken files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.dictionary_file import load_dictionary, save_dictionary
from pysteer.errors import VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site

RNG = np.random.default_rng(0)
ARRAYS = {
    "W_enc": RNG.normal(size=(4, 9)).astype(np.float32), "b_enc": RNG.normal(size=9).astype(np.float32),
    "W_dec": RNG.normal(size=(9, 4)).astype(np.float32), "b_dec": RNG.normal(size=4).astype(np.float32),
}  # fmt: skip
ROWS = RNG.normal(size=(20, 4)).astype(np.float32)


@pytest.mark.parametrize("options", [{"k": 3}, {"threshold": np.full(9, 0.5)}, {"b_pre": np.ones(4)}])
def test_saving_and_loading_gives_the_same_dictionary(tmp_path: Path, options: dict[str, object]) -> None:
    activation = "topk" if "k" in options else "jumprelu" if "threshold" in options else "relu"
    origin = Provenance("example", seed=3, extra={"note": "x"})
    saved = SparseDictionary(*ARRAYS.values(), activation, origin, site=Site("mlp_out", 2), **options)  # type: ignore[arg-type]
    save_dictionary(saved, tmp_path / "d.npz")
    loaded = load_dictionary(tmp_path / "d.npz")
    assert (loaded.activation, loaded.site, loaded.provenance) == (activation, Site("mlp_out", 2), origin)
    np.testing.assert_array_equal(loaded.encode(ROWS), saved.encode(ROWS))
    np.testing.assert_array_equal(loaded.w_dec, saved.w_dec)


def test_gemma_scope_and_plain_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "params.npz", **ARRAYS, threshold=np.full(9, 0.5, dtype=np.float32))
    scope = load_dictionary(tmp_path / "params.npz", site=Site("resid_post", 7))
    z = ROWS @ ARRAYS["W_enc"] + ARRAYS["b_enc"]
    np.testing.assert_allclose(scope.encode(ROWS), np.where(z > 0.5, z, 0), atol=1e-6)
    assert scope.site == Site("resid_post", 7)
    np.savez(tmp_path / "plain.npz", **ARRAYS)
    assert load_dictionary(tmp_path / "plain.npz").activation == "relu"


@pytest.mark.parametrize("damage", ["cut", "text", "missing", "shape", "pickle", "provenance"])
def test_broken_files_are_refused(tmp_path: Path, damage: str) -> None:
    path, arrays = tmp_path / "d.npz", dict(ARRAYS)
    if damage == "missing":
        del arrays["b_dec"]
    if damage == "shape":
        arrays["b_enc"] = np.ones(8, dtype=np.float32)
    if damage == "pickle":
        arrays["b_enc"] = np.array([None] * 9, dtype=object)
    if damage == "provenance":
        arrays["provenance"] = np.frombuffer(b"[1]", dtype=np.uint8)
    np.savez(path, **arrays)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-60])
    if damage == "text":
        path.write_bytes(b"W_enc")
    with pytest.raises(VectorFileError, match=r"d\.npz"):
        load_dictionary(path)
