"""Files that are damaged or made to do harm: each is refused with the file, the tensor and the reason."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from gguf_pieces import (
    ARRAY,
    CONTROL_VECTOR,
    STRING,
    UINT64,
    control_vector,
    file,
    int32,
    pair,
    string,
    tensor,
    text,
    uint32,
)

from pysteer.errors import VectorFileError
from pysteer.vector_file import load_vector

DATA = bytes(64)
ROW = tensor("direction.1", [8])
HUGE = 2**64 - 1


def number(value: int) -> bytes:
    return struct.pack("<Q", value)


def array(key: str, kind: int, n_items: int, data: bytes = b"") -> bytes:
    return pair(key, ARRAY, struct.pack("<IQ", kind, n_items) + data)


WRONG_NAMES = (
    "",
    "direction",
    "direction.",
    "direction.-1",
    "direction.01",
    "direction. 1",
    "direction.1.0",
    "direction.1x",
    "direction.1\n",
    "direction.123456789",
    "Direction.1",
    "pysteer.nowhere.1",
    "token_embd.weight",
)
HOSTILE = {
    "empty file": (b"", "the magic number needs 4 bytes"),
    "another format": (file([CONTROL_VECTOR], [ROW], DATA, magic=b"GGML"), "expected a GGUF file"),
    "version 1": (file([CONTROL_VECTOR], [ROW], DATA, version=1), "expected GGUF version 2 or 3, got 1"),
    "big-endian": (file([CONTROL_VECTOR], [ROW], DATA, version=3 << 24), "big-endian"),
    "a model": (file([string("general.architecture", "llama")], [], DATA), "expected general.architecture 'contr"),
    "no architecture": (file([], [ROW], DATA), "'controlvector', got None"),
    "architecture as a number": (
        file([uint32("general.architecture", 3)], [ROW], DATA),
        "expected text, got GGUF type 4",
    ),
    "no tensor": (file([CONTROL_VECTOR], []), "holds no direction"),
    "billions of tensors": (file([CONTROL_VECTOR], [ROW], DATA, n_tensors=2**60), "is truncated or damaged"),
    "billions of values": (file([CONTROL_VECTOR], [ROW], DATA, n_pairs=2**60), "is truncated or damaged"),
    "one value too many": (file([CONTROL_VECTOR], [ROW], DATA, n_pairs=2), "claims 0 dimensions"),
    "one tensor too many": (file([CONTROL_VECTOR], [ROW], DATA, n_tensors=2), "claims 0 dimensions"),
    "huge key": (file([number(HUGE) + b"key"], [ROW], DATA), "a key claims"),
    "huge text": (file([pair("x", STRING, number(2**40))], [ROW], DATA), "'x' claims"),
    "text past the end": (file([pair("x", STRING, number(10_000))], [ROW], DATA), "'x' needs 10000 bytes"),
    "huge array": (file([array("x", 4, 2**61)], [ROW], DATA), "array 'x' needs"),
    "array length that overflows 64 bits": (file([array("x", UINT64, HUGE)], [ROW], DATA), "array 'x' needs"),
    "huge array of texts": (file([array("x", STRING, 2**40)], [ROW], DATA), "array 'x' needs"),
    "array with a huge text": (file([array("x", STRING, 1, number(HUGE))], [ROW], DATA), "a text in 'x' needs"),
    "array of arrays": (file([array("x", ARRAY, 1)], [ROW], DATA), "items of the unknown type 9"),
    "unknown value type": (file([pair("x", 77, b"")], [ROW], DATA), "unknown type 77"),
    "key that is not UTF-8": (file([uint32("x", 1).replace(b"x", b"\xff")], [ROW], DATA), "a key is not UTF-8"),
    "text that is not UTF-8": (file([string("general.name", b"\xff")], [ROW], DATA), "is not UTF-8"),
    "key twice": (file([CONTROL_VECTOR, CONTROL_VECTOR], [ROW], DATA), "'general.architecture' occurs twice"),
    "alignment 0": (file([uint32("general.alignment", 0)], [ROW], DATA), "power of two"),
    "alignment 24": (file([uint32("general.alignment", 24)], [ROW], DATA), "power of two"),
    "alignment 2^31": (file([uint32("general.alignment", 2**31)], [ROW], DATA), "power of two"),
    "alignment as int32": (file([int32("general.alignment", 32)], [ROW], DATA), "power of two"),
    "tensor twice": (file([CONTROL_VECTOR], [ROW, ROW], DATA), "tensor 'direction.1' occurs twice"),
    "two tensors for one site": (
        file([CONTROL_VECTOR], [ROW, tensor("pysteer.resid_post.1", [8], 32)], DATA),
        "are both for resid_post.1",
    ),
    "half precision": (file([CONTROL_VECTOR], [tensor("direction.1", [8], kind=1)], DATA), "got type 1"),
    "unknown tensor type": (file([CONTROL_VECTOR], [tensor("direction.1", [8], kind=999)], DATA), "got type 999"),
    "two dimensions": (file([CONTROL_VECTOR], [tensor("direction.1", [4, 2])], DATA), "with shape (4, 2)"),
    "no dimension": (file([CONTROL_VECTOR], [tensor("direction.1", [])], DATA), "claims 0 dimensions"),
    "billions of dimensions": (
        file([CONTROL_VECTOR], [tensor("direction.1", [8], n_dims=2**31)], DATA),
        "claims 2147483648 dimensions",
    ),
    "no entry": (file([CONTROL_VECTOR], [tensor("direction.1", [0])], DATA), "0 bytes"),
    "huge width": (file([CONTROL_VECTOR], [tensor("direction.1", [2**62])], DATA), "truncated or damaged"),
    "data past the end": (file([CONTROL_VECTOR], [tensor("direction.1", [17])], DATA), "truncated or damaged"),
    "no data at all": (file([CONTROL_VECTOR], [ROW]), "truncated or damaged"),
    "offset past the end": (file([CONTROL_VECTOR], [tensor("direction.1", [8], 2**40)], DATA), "truncated or damaged"),
    "offset off the grid": (file([CONTROL_VECTOR], [tensor("direction.1", [8], 4)], DATA), "no multiple of 32"),
    "overlap": (
        file([CONTROL_VECTOR], [tensor("direction.1", [16]), tensor("direction.2", [8], 32)], DATA),
        "overlaps",
    ),
    "widths that differ": (
        file([CONTROL_VECTOR], [tensor("direction.1", [8]), tensor("direction.2", [4], 32)], DATA),
        "direction at resid_post.2 has 4 entries, others have 8",
    ),
    "name that is not UTF-8": (file([CONTROL_VECTOR], [tensor(b"\xff", [8])], DATA), "a tensor name is not UTF-8"),
    **{
        f"tensor called {name!r}": (file([CONTROL_VECTOR], [tensor(name, [8])], DATA), "expected direction.N")
        for name in WRONG_NAMES
    },
    "no provenance": (control_vector(1, pairs=[uint32("pysteer.format_version", 1)]), "provenance: not JSON"),
    "provenance of another form": (
        control_vector(1, pairs=[uint32("pysteer.format_version", 1), string("pysteer.provenance", "[]")]),
        "expected a JSON object",
    ),
    "provenance with a wrong type": (
        control_vector(
            1, pairs=[uint32("pysteer.format_version", 1), string("pysteer.provenance", '{"method":"m","layers":7}')]
        ),
        "provenance, layers",
    ),
    "provenance nested without end": (
        control_vector(1, pairs=[uint32("pysteer.format_version", 1), string("pysteer.provenance", "[" * 10**6)]),
        "provenance",
    ),
    "version of the future": (
        control_vector(1, pairs=[uint32("pysteer.format_version", 2)]),
        "this pysteer reads version 1, got 2",
    ),
    "version as a text": (control_vector(1, pairs=[string("pysteer.format_version", "1")]), "reads version 1, got 1"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "v.gguf"
    path.write_bytes(content)
    with pytest.raises(VectorFileError) as caught:
        load_vector(path)
    assert str(caught.value).startswith(str(path))
    assert reason in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_the_tensor(tmp_path: Path, value: float) -> None:
    path = tmp_path / "v.gguf"
    path.write_bytes(file([CONTROL_VECTOR], [tensor("direction.7", [2])], np.array([1.0, value], np.float32).tobytes()))
    with pytest.raises(VectorFileError, match=r"tensor 'direction\.7': 1 of 2 values are NaN or infinite"):
        load_vector(path)


@pytest.mark.skipif(os.name == "nt", reason="the file would take its whole size on disk")
def test_a_file_of_holes_that_claims_more_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "v.gguf"
    path.write_bytes(file([CONTROL_VECTOR], [tensor("direction.1", [2**29])]))
    os.truncate(path, 2**32)
    with pytest.raises(VectorFileError, match="more than the 1073741824 allowed"):
        load_vector(path)


@pytest.mark.skipif(os.name == "nt", reason="the file would take its whole size on disk")
def test_a_header_of_holes_is_refused_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "v.gguf"
    path.write_bytes(file([array("x", 0, 2**31)], [ROW]))
    os.truncate(path, 2**33)
    with pytest.raises(VectorFileError, match="array 'x' needs"):
        load_vector(path)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorFileError, match="cannot be read: No such file"):
        load_vector(tmp_path / "none.gguf")
    with pytest.raises(VectorFileError, match="expected a file"):
        load_vector(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(VectorFileError, match="expected a file"):
            load_vector(tmp_path / "pipe")


def test_the_pieces_that_these_files_are_made_of_do_load_when_put_together_rightly(tmp_path: Path) -> None:
    path = tmp_path / "v.gguf"
    provenance = json.dumps({"method": "m"})
    pairs = [
        uint32("pysteer.format_version", 1),
        string("pysteer.provenance", provenance),
        array("x", STRING, 1, text("a")),
    ]
    path.write_bytes(control_vector(1, 2, pairs=pairs))
    assert load_vector(path).layers == (1, 2)
