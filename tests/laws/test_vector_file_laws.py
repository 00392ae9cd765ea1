"""Laws of vector files: nothing is lost, the same vector gives the same bytes, and no bytes can do harm."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
from pathlib import Path

import gguf_pieces
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pysteer.errors import LayerShiftWarning, VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_file import load_vector, save_vector

ORIGIN = Provenance(method="mean_difference", architecture="llama", data_name="wärme", n_pairs=4, layers=(1, 3), seed=0)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def vector(*sites: Site, width: int = 12) -> SteeringVector:
    generator = np.random.default_rng(0)
    return SteeringVector({site: generator.standard_normal(width).astype(np.float32) for site in sites}, ORIGIN)


FOR_LLAMA_CPP = vector(Site("resid_post", 1), Site("resid_post", 3), Site("resid_post", 11))
BEYOND = vector(Site("resid_post", 0), Site("resid_post", 3), Site("head_out", 2), Site("final_norm", 11))


@pytest.mark.parametrize("given", [FOR_LLAMA_CPP, BEYOND], ids=["direction", "pysteer"])
def test_save_then_load_gives_the_vector_back_with_its_origin(tmp_path: Path, given: SteeringVector) -> None:
    save_vector(given, tmp_path / "v.gguf", for_llama_cpp=given is FOR_LLAMA_CPP)
    again = load_vector(tmp_path / "v.gguf")
    assert again == given
    assert again.provenance == given.provenance


@pytest.mark.parametrize("given", [FOR_LLAMA_CPP, BEYOND], ids=["direction", "pysteer"])
def test_save_load_save_gives_identical_bytes(tmp_path: Path, given: SteeringVector) -> None:
    save_vector(given, tmp_path / "a.gguf", for_llama_cpp=False)
    save_vector(load_vector(tmp_path / "a.gguf"), tmp_path / "b.gguf", for_llama_cpp=False)
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()


@given(st.dictionaries(st.integers(1, 200), st.just(0), min_size=1, max_size=5), st.integers(1, 40), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_any_finite_numbers_survive_bit_for_bit(
    tmp_path: Path, layers: dict[int, int], width: int, data: st.DataObject
) -> None:
    rows = {
        Site("resid_post", layer): np.array(data.draw(st.lists(FINITE, min_size=width, max_size=width)), np.float32)
        for layer in layers
    }
    save_vector(SteeringVector(rows, ORIGIN), tmp_path / "v.gguf")
    again = load_vector(tmp_path / "v.gguf")
    assert {site: direction.tobytes() for site, direction in again.directions.items()} == {
        site: direction.tobytes() for site, direction in rows.items()
    }


def test_shifting_there_and_back_gives_the_vector_back(tmp_path: Path) -> None:
    save_vector(FOR_LLAMA_CPP, tmp_path / "a.gguf")
    save_vector(load_vector(tmp_path / "a.gguf", layer_shift=1), tmp_path / "b.gguf")
    assert load_vector(tmp_path / "b.gguf", layer_shift=-1) == FOR_LLAMA_CPP


def attempt(path: Path, content: bytes) -> SteeringVector | None:
    """Return what loads; None for a VectorFileError. Any other exception fails the test."""
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LayerShiftWarning)
            return load_vector(path)
    except VectorFileError:
        return None


@pytest.mark.parametrize("given", [FOR_LLAMA_CPP, BEYOND], ids=["direction", "pysteer"])
def test_a_file_cut_anywhere_loads_whole_or_is_refused(tmp_path: Path, given: SteeringVector) -> None:
    path = tmp_path / "v.gguf"
    save_vector(given, path, for_llama_cpp=False)
    content = path.read_bytes()
    n_padding = -(4 * 12) % 32
    for length in range(len(content)):
        loaded = attempt(path, content[:length])
        # Only the padding behind the last tensor can be missing.
        assert (loaded == given) if length >= len(content) - n_padding else loaded is None


@pytest.mark.parametrize("flip", [0xFF, 0x01, 0x80])
def test_a_file_with_any_header_byte_changed_loads_or_is_refused(tmp_path: Path, flip: int) -> None:
    path = tmp_path / "v.gguf"
    save_vector(FOR_LLAMA_CPP, path)
    content = path.read_bytes()
    refused = 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= flip
        refused += attempt(path, bytes(changed)) is None
    assert refused > 100


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_arbitrary_bytes_after_the_magic_number_are_refused(tmp_path: Path, tail: bytes) -> None:
    assert attempt(tmp_path / "v.gguf", b"GGUF" + struct.pack("<I", 3) + tail) is None


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
def test_huge_numbers_written_anywhere_never_take_memory(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "v.gguf"
    content = bytearray(gguf_pieces.control_vector(1, 2, 3))
    position = data.draw(st.integers(4, len(content) - 8))
    number = data.draw(st.sampled_from([2**64 - 1, 2**63, 2**62 + 8, 2**40, 2**32, 2**31, 2**20]))
    content[position : position + 8] = struct.pack("<Q", number)
    tracemalloc.start()
    attempt(path, bytes(content))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
