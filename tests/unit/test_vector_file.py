"""Vector files: what llama.cpp could not say, other tools' files, and whether a vector fits a model."""

from __future__ import annotations

import os
import stat
import warnings
from pathlib import Path

import gguf_pieces
import numpy as np
import pytest

from pysteer.errors import LayerShiftWarning, VectorFileError, VectorMismatchWarning
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_file import check_fits, load_vector, save_vector

ORIGIN = Provenance(method="mean_difference", architecture="llama", model_name="tiny", model_hash="aa")
SITE = Site("resid_post", 2)
VECTOR = SteeringVector({SITE: np.arange(1, 9, dtype=np.float32)}, ORIGIN)
MODEL = {"d_model": 8, "n_layers": 4, "architecture": "llama"}


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "v.gguf"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("site", [Site("resid_post", 0), Site("resid_mid", 2), Site("head_out", 2)], ids=str)
def test_what_llama_cpp_could_not_apply_is_refused_and_nothing_is_written(tmp_path: Path, site: Site) -> None:
    vector = VECTOR + SteeringVector({site: np.ones(8, np.float32)}, ORIGIN)
    with pytest.raises(VectorFileError, match=rf"not {site}; .*for_llama_cpp=False"):
        save_vector(vector, tmp_path / "v.gguf")
    assert list(tmp_path.iterdir()) == []


def test_a_vector_beyond_llama_cpp_has_no_tensor_that_llama_cpp_would_apply(tmp_path: Path) -> None:
    save_vector(
        VECTOR + SteeringVector({Site("resid_mid", 2): np.ones(8, np.float32)}, ORIGIN),
        tmp_path / "v.gguf",
        for_llama_cpp=False,
    )
    content = (tmp_path / "v.gguf").read_bytes()
    assert b"direction." not in content
    assert b"pysteer.resid_mid.2" in content
    assert b"pysteer.resid_post.2" in content


def test_a_vector_that_llama_cpp_can_apply_is_written_for_it_either_way(tmp_path: Path) -> None:
    save_vector(VECTOR, tmp_path / "a.gguf")
    save_vector(VECTOR, tmp_path / "b.gguf", for_llama_cpp=False)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


def test_a_layer_number_that_no_file_can_name_is_refused(tmp_path: Path) -> None:
    vector = SteeringVector({Site("resid_post", 100_000): np.ones(8, np.float32)}, ORIGIN)
    with pytest.raises(VectorFileError, match="100000 is above 99999"):
        save_vector(vector, tmp_path / "v.gguf")


def test_saving_over_a_file_replaces_it_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, b"old")
    save_vector(VECTOR, path)
    assert load_vector(path) == VECTOR
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(VectorFileError, match=r"v\.gguf: cannot be written: No space left"):
        save_vector(VECTOR, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_saved_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    save_vector(VECTOR, tmp_path / "v.gguf")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("other", "v.gguf")}
    assert len(modes) == 1


def test_saving_into_a_missing_folder_is_a_vector_file_error(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="cannot be written"):
        save_vector(VECTOR, tmp_path / "none" / "v.gguf")


def test_a_file_of_repeng_loads_layer_by_layer_without_a_warning(tmp_path: Path) -> None:
    pairs = [
        gguf_pieces.string("controlvector.model_hint", "mistral"),
        gguf_pieces.uint32("controlvector.layer_count", 3),
    ]
    vector = load_vector(written(tmp_path, gguf_pieces.control_vector(1, 2, 3, pairs=pairs)))
    assert vector.layers == (1, 2, 3)
    assert all((direction == site.layer).all() for site, direction in vector.directions.items())
    assert (vector.provenance.method, vector.provenance.architecture) == ("unknown", "mistral")


def test_the_method_that_a_foreign_file_names_is_kept(tmp_path: Path) -> None:
    pairs = [gguf_pieces.string("controlvector.method", "diffmean")]
    assert load_vector(written(tmp_path, gguf_pieces.control_vector(1, pairs=pairs))).provenance.method == "diffmean"


def test_direction_0_of_other_tools_is_layer_0(tmp_path: Path) -> None:
    assert load_vector(written(tmp_path, gguf_pieces.control_vector(0, 1))).layers == (0, 1)


def test_gguf_version_2_loads(tmp_path: Path) -> None:
    rows = [gguf_pieces.tensor("direction.1", [2])]
    content = gguf_pieces.file([gguf_pieces.CONTROL_VECTOR], rows, np.array([1, 2], np.float32).tobytes(), version=2)
    assert load_vector(written(tmp_path, content))[Site("resid_post", 1)].tolist() == [1.0, 2.0]


def test_another_alignment_and_arrays_among_the_values_load(tmp_path: Path) -> None:
    pairs = [
        gguf_pieces.CONTROL_VECTOR,
        gguf_pieces.uint32("general.alignment", 64),
        gguf_pieces.pair("x.numbers", gguf_pieces.ARRAY, b"\x06\0\0\0" + (3).to_bytes(8, "little") + bytes(12)),
        gguf_pieces.pair(
            "x.texts", gguf_pieces.ARRAY, b"\x08\0\0\0" + (2).to_bytes(8, "little") + gguf_pieces.text("a") * 2
        ),
    ]
    content = gguf_pieces.file(
        pairs, [gguf_pieces.tensor("direction.1", [2])], np.array([1, 2], np.float32).tobytes(), alignment=64
    )
    assert load_vector(written(tmp_path, content))[Site("resid_post", 1)].tolist() == [1.0, 2.0]


def generator_file(
    tmp_path: Path, *layers: int, count: int, kind: str = "int32", extra: tuple[bytes, ...] = ()
) -> Path:
    pairs = [getattr(gguf_pieces, kind)("controlvector.layer_count", count), *extra]
    return written(tmp_path, gguf_pieces.control_vector(*layers, pairs=pairs))


def test_a_file_as_llama_cpp_s_generator_writes_it_gets_a_warning(tmp_path: Path) -> None:
    path = generator_file(tmp_path, 1, 2, 3, count=3)
    with pytest.warns(LayerShiftWarning, match="layer_shift=-1"):
        assert load_vector(path).layers == (1, 2, 3)


@pytest.mark.parametrize("shift", [0, -1])
def test_a_layer_shift_that_is_given_needs_no_warning(tmp_path: Path, shift: int) -> None:
    vector = load_vector(generator_file(tmp_path, 1, 2, 3, count=3), layer_shift=shift)
    assert vector.layers == (1 + shift, 2 + shift, 3 + shift)
    assert (vector[Site("resid_post", 2 + shift)] == 2.0).all()


@pytest.mark.parametrize(
    ("layers", "count", "kind", "extra"),
    [
        ((1, 2, 4), 3, "int32", ()),
        ((2, 3), 2, "int32", ()),
        ((1, 2, 3), 4, "int32", ()),
        ((1, 2, 3), 3, "uint32", ()),
        ((1, 2, 3), 3, "int32", (gguf_pieces.uint32("pysteer.note", 1),)),
    ],
)
def test_a_file_that_differs_from_the_generator_s_gets_no_warning(
    tmp_path: Path, layers: tuple[int, ...], count: int, kind: str, extra: tuple[bytes, ...]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_vector(generator_file(tmp_path, *layers, count=count, kind=kind, extra=extra)).layers == layers


def test_a_shift_is_remembered(tmp_path: Path) -> None:
    save_vector(VECTOR, tmp_path / "v.gguf")
    assert load_vector(tmp_path / "v.gguf", layer_shift=-1).provenance.extra["history"] == ["layers shifted by -1"]


def test_a_shift_below_layer_0_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match=r"direction\.1' with layer_shift=-2: no site resid_post\.-1"):
        load_vector(generator_file(tmp_path, 1, 2, count=2), layer_shift=-2)


def test_a_vector_of_the_same_model_fits_without_a_word() -> None:
    check_fits(VECTOR, **MODEL, model_hash="aa")  # type: ignore[arg-type]
    check_fits(VECTOR, **MODEL)  # type: ignore[arg-type]
    unknown = SteeringVector(VECTOR.directions, Provenance(method="unknown", architecture="unknown"))
    check_fits(unknown, **MODEL, model_hash="aa")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d_model": 16}, r"8 entries at resid_post\.2, the model's rows have 16"),
        ({"n_layers": 2}, r"reaches resid_post\.2, the model has 2 blocks: layers 0 to 1"),
    ],
)
def test_a_vector_of_another_shape_is_refused(change: dict[str, int], message: str) -> None:
    with pytest.raises(VectorFileError, match=message):
        check_fits(VECTOR, **{**MODEL, **change})  # type: ignore[arg-type]


def test_heads_are_held_against_their_own_width() -> None:
    heads = SteeringVector({Site("head_out", 1): np.ones(12, np.float32)}, ORIGIN)
    check_fits(heads, **MODEL, head_out_width=12)  # type: ignore[arg-type]
    with pytest.raises(VectorFileError, match="the model's rows have 16"):
        check_fits(heads, **MODEL, head_out_width=16)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [({"architecture": "qwen2"}, "for architecture 'llama', the model is 'qwen2'"), ({"model_hash": "bb"}, "tiny")],
)
def test_a_vector_of_another_model_gets_a_warning(change: dict[str, str], message: str) -> None:
    with pytest.warns(VectorMismatchWarning, match=message):
        check_fits(VECTOR, **{**MODEL, **change})  # type: ignore[arg-type]
