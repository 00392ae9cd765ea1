"""Short cards inside vector files: everything else stays byte for byte, other readers see nothing, stale cards show."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import gguf_pieces
import numpy as np
import pytest
from card_samples import card

from pysteer.card.short_form import read_short_card, short_form, write_short_card
from pysteer.errors import LayerShiftWarning, VectorFileError
from pysteer.evaluation_keys import vector_hash
from pysteer.gguf_header import read_header
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_file import load_vector, save_vector
from pysteer.vector_notes import read_notes, write_notes

ORIGIN = Provenance(method="mean_difference", architecture="llama", data_name="wärme", n_pairs=4)
VECTOR = SteeringVector(
    {Site("resid_post", layer): np.linspace(-1, layer, 12, dtype=np.float32) for layer in (1, 3)}, ORIGIN
)


@pytest.fixture
def vector_file(tmp_path: Path) -> Path:
    save_vector(VECTOR, tmp_path / "v.gguf")
    return tmp_path / "v.gguf"


def card_of(vector: SteeringVector):
    made = card()
    return made.model_copy(update={"vector": made.vector.model_copy(update={"directions_hash": vector_hash(vector)})})


def test_a_short_card_survives_and_the_directions_stay_bit_for_bit(vector_file: Path) -> None:
    written = write_short_card(vector_file, card_of(VECTOR))
    assert read_short_card(vector_file) == written == short_form(card_of(VECTOR))
    again = load_vector(vector_file)
    assert {s: d.tobytes() for s, d in again.directions.items()} == {
        s: d.tobytes() for s, d in VECTOR.directions.items()
    }
    assert again.provenance == ORIGIN


def test_taking_the_notes_out_gives_the_file_back_byte_for_byte(vector_file: Path) -> None:
    before = vector_file.read_bytes()
    write_short_card(vector_file, card_of(VECTOR))
    assert vector_file.read_bytes() != before
    write_notes(vector_file, {})
    assert vector_file.read_bytes() == before


def test_a_new_card_takes_the_place_of_the_old_one(vector_file: Path) -> None:
    write_short_card(vector_file, card_of(VECTOR))
    first = vector_file.read_bytes()
    write_short_card(vector_file, card_of(VECTOR))
    assert vector_file.read_bytes() == first


def test_the_gguf_package_reads_the_file_and_finds_the_same_numbers(vector_file: Path) -> None:
    gguf = pytest.importorskip("gguf")
    write_short_card(vector_file, card_of(VECTOR))
    reader = gguf.GGUFReader(vector_file)
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    assert sorted(tensors) == ["direction.1", "direction.3"]
    np.testing.assert_array_equal(tensors["direction.3"], VECTOR[Site("resid_post", 3)])
    assert "pysteer.card.summary" in reader.fields


def foreign(tmp_path: Path, *, alignment: int = 32) -> Path:
    pairs = [
        gguf_pieces.pair(
            "x.texts", gguf_pieces.ARRAY, b"\x08\0\0\0" + (2).to_bytes(8, "little") + gguf_pieces.text("a") * 2
        ),
        gguf_pieces.int32("controlvector.layer_count", 3),
    ]
    path = tmp_path / "foreign.gguf"
    path.write_bytes(gguf_pieces.control_vector(1, 2, 3, pairs=pairs))
    return path


def test_keys_of_other_tools_stay_as_they_are(tmp_path: Path) -> None:
    path = foreign(tmp_path)
    with path.open("rb") as file:
        before = read_header(file, path.stat().st_size, "before")
    write_short_card(path, card_of(load_vector(path, layer_shift=0)))
    with path.open("rb") as file:
        after = read_header(file, path.stat().st_size, "after")
    assert list(after.values)[: len(before.values)] == list(before.values)
    assert after.tensors == before.tensors


def test_a_card_does_not_hide_that_a_file_looks_shifted(tmp_path: Path) -> None:
    path = foreign(tmp_path)
    write_short_card(path, card_of(load_vector(path, layer_shift=0)))
    with pytest.warns(LayerShiftWarning):
        load_vector(path)


def test_a_failed_write_leaves_the_file_as_it_was(vector_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = vector_file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(VectorFileError, match="No space left"):
        write_short_card(vector_file, card_of(VECTOR))
    assert vector_file.read_bytes() == before
    assert list(vector_file.parent.iterdir()) == [vector_file]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_permissions_and_links_stay(vector_file: Path) -> None:
    vector_file.chmod(0o640)
    link = vector_file.with_name("link.gguf")
    link.symlink_to(vector_file.name)
    write_short_card(link, card_of(VECTOR))
    assert link.is_symlink()
    assert stat.S_IMODE(vector_file.stat().st_mode) == 0o640
    assert read_short_card(vector_file) is not None


def test_a_card_of_other_directions_is_refused_both_ways(vector_file: Path, tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="holds other directions"):
        write_short_card(vector_file, card())
    write_short_card(vector_file, card_of(VECTOR))
    notes = read_notes(vector_file)
    save_vector(2 * VECTOR, tmp_path / "other.gguf")
    write_notes(tmp_path / "other.gguf", notes)
    with pytest.raises(VectorFileError, match="measured on other directions"):
        read_short_card(tmp_path / "other.gguf")


def test_saving_the_vector_anew_leaves_the_card_behind(vector_file: Path) -> None:
    write_short_card(vector_file, card_of(VECTOR))
    save_vector(load_vector(vector_file), vector_file)
    assert read_short_card(vector_file) is None


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"version": 2, "summary": "{}"}, "version 2"),
        ({"version": 1, "summary": "{"}, "summary"),
        ({"version": 1, "summary": "{}"}, "created"),
        ({"summary": "{}"}, "version None"),
    ],
)
def test_a_malformed_card_is_an_error_of_ours(vector_file: Path, notes: dict[str, int | str], message: str) -> None:
    write_notes(vector_file, notes)
    with pytest.raises(VectorFileError, match=message):
        read_short_card(vector_file)


def test_notes_go_into_control_vectors_only(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUFnot really")
    with pytest.raises(VectorFileError):
        write_notes(tmp_path / "x.gguf", {"version": 1})
