"""A file that is no whole model is a ModelError, whatever is in it: never a crash, never a model that loads half.

llama.cpp ends the process on some of these files, so all are loaded by one child process, which would name its last.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf_pieces as pieces
import numpy as np
import pytest
from core_runs import run_python
from tiny_gguf import TINY_GPT2, TINY_LLAMA, TinyModel, write_tiny_gguf

from pysteer import _core
from pysteer.errors import ModelError

CHILD = """
import sys, llama_cpp
import numpy as np
from pysteer import _core, errors
for path in sys.stdin.read().splitlines():
    print("file", path, flush=True)
    try:
        model = _core.Model.load(path)
        model.metadata(), model.weights(), model.tokenize("hello there", True, True)
        session = _core.Session(model, n_ctx=64, n_batch=16, n_sequences=1, n_outputs=0, n_threads=1, kv_f32=True,
                                flash_attention=False)
        ids = np.arange(3, dtype=np.int32)
        session.decode(ids, ids, 0 * ids, outputs=np.ones(3, dtype=bool))
    except errors.PysteerError as error:
        print("result", type(error).__name__, flush=True)
    else:
        print("result loaded", flush=True)
"""


def load_in_child(paths: list[Path]) -> list[str]:
    """For each file the name of the PysteerError, or "loaded". Fails with the file that ended the process."""
    done = run_python(CHILD, stdin="\n".join(map(str, paths)))
    lines = done.stdout.splitlines()
    results = [line.removeprefix("result ") for line in lines if line.startswith("result ")]
    if done.returncode != 0:
        pytest.fail(f"loading {paths[len(results)].name} ended the process: {done.stderr[-600:]}")
    return results


def write_all(folder: Path, files: Iterator[tuple[str, bytes]]) -> list[Path]:
    paths = []
    for name, data in files:
        paths.append(folder / f"{name}.gguf")
        paths[-1].write_bytes(data)
    return paths


@pytest.fixture(scope="module")
def whole(write_tiny: Callable[[TinyModel, str], Path]) -> bytes:
    return write_tiny(TINY_LLAMA, "Q4_0").read_bytes()


def with_uint32(data: bytes, key: str, value: int) -> bytes:
    """`data` with the uint32 value of `key` replaced."""
    at = data.index(key.encode()) + len(key)
    assert struct.unpack_from("<I", data, at) == (pieces.UINT32,)
    return data[: at + 4] + struct.pack("<I", value) + data[at + 8 :]


def test_a_file_cut_off_anywhere_is_a_model_error(tmp_path: Path, whole: bytes) -> None:
    lengths = sorted({*range(0, 64, 3), *np.linspace(64, len(whole) - 1, 60, dtype=int).tolist()})
    paths = write_all(tmp_path, ((f"cut-{n}", whole[:n]) for n in lengths))
    assert load_in_child(paths) == ["ModelError"] * len(paths)


def test_a_cut_off_file_says_so(tmp_path: Path, whole: bytes) -> None:
    (path,) = write_all(tmp_path, iter([("cut", whole[:-1000])]))
    with pytest.raises(ModelError, match=r"is cut off: tensor .* ends at byte"):
        _core.Model.load(str(path))


def test_things_that_are_no_model_are_model_errors(tmp_path: Path, whole: bytes) -> None:
    rng = np.random.default_rng(0)
    header = b"GGUF" + struct.pack("<I", 3)
    architecture = pieces.string("general.architecture", "llama")
    files = {
        "empty": b"",
        "text": b"Once upon a time there was a model.\n" * 50,
        "garbage": rng.bytes(5000),
        "garbage-after-magic": b"GGUF" + rng.bytes(5000),
        "garbage-after-version": header + rng.bytes(5000),
        "huge-tensor-count": header + struct.pack("<QQ", 2**62, 0) + bytes(100),
        "huge-key-count": header + struct.pack("<QQ", 0, 2**62) + bytes(100),
        "negative-counts": header + struct.pack("<qq", -1, -1) + bytes(100),
        "huge-string": header + struct.pack("<QQQ", 0, 1, 2**60) + bytes(100),
        "huge-array": pieces.file([pieces.pair("a", pieces.ARRAY, struct.pack("<IQ", pieces.UINT32, 2**60))], []),
        "array-of-arrays": pieces.file([pieces.pair("a", pieces.ARRAY, struct.pack("<IQ", pieces.ARRAY, 4))], []),
        "unknown-kind": pieces.file([pieces.pair("a", 99, bytes(8))], []),
        "no-keys": pieces.file([], []),
        "architecture-only": pieces.file([architecture], []),
        "unknown-architecture": pieces.file([pieces.string("general.architecture", "nonsense")], []),
        "architecture-not-utf8": pieces.file([pieces.string("general.architecture", b"\xff\xfe")], []),
        "architecture-as-number": pieces.file([pieces.uint32("general.architecture", 7)], []),
        "huge-tensor": pieces.file([architecture], [pieces.tensor("a", [2**40, 2**20])]),
        "tensor-of-negative-size": pieces.file([architecture], [pieces.tensor("a", [2**63])]),
        "tensor-of-zero-size": pieces.file([architecture], [pieces.tensor("a", [0])]),
        "tensor-of-unknown-type": pieces.file([architecture], [pieces.tensor("a", [4], kind=77)], bytes(64)),
        "tensor-far-away": pieces.file([architecture], [pieces.tensor("a", [4], offset=2**62)], bytes(64)),
        "tensor-of-9-axes": pieces.file([architecture], [pieces.tensor("a", [1] * 9)], bytes(64)),
        "control-vector": pieces.control_vector(1, 2),
        "vector-of-version-1": pieces.file([architecture], [], version=1),
        "version-99": pieces.file([architecture], [], version=99),
        "big-endian": pieces.file([architecture], [], version=3 << 24),
        "alignment-0": pieces.file([architecture, pieces.uint32("general.alignment", 0)], []),
        "alignment-3": pieces.file([architecture, pieces.uint32("general.alignment", 3)], []),
    }
    for name, value in (
        ("llama.block_count", 0),
        ("llama.block_count", 5),
        ("llama.block_count", 513),
        ("llama.block_count", 2**31),
        ("llama.block_count", 2**32 - 1),
        ("llama.embedding_length", 0),
        ("llama.embedding_length", 2**31),
        ("llama.context_length", 0),
        ("llama.attention.head_count", 0),
        ("llama.attention.head_count", 3),
        ("llama.feed_forward_length", 0),
    ):
        files[f"{name}-{value}"] = with_uint32(whole, name, value)
    paths = write_all(tmp_path, iter(files.items()))
    assert dict(zip(files, load_in_child(paths), strict=True)) == dict.fromkeys(files, "ModelError")


@pytest.mark.parametrize("tiny", [TINY_LLAMA, TINY_GPT2], ids=lambda tiny: tiny.architecture)
def test_flipped_bytes_in_the_header_never_end_the_process(tmp_path: Path, tiny: TinyModel) -> None:
    """Such a file may still be a model: then it loads."""
    data = write_tiny_gguf(tmp_path / "whole", tiny, weight_type="Q4_0", seed=1).read_bytes()
    n_header = data.index(b"output_norm.weight")  # keys, vocabulary and the first tensor entries
    rng = np.random.default_rng(5)

    def flipped() -> Iterator[tuple[str, bytes]]:
        for i in range(60):
            broken = bytearray(data)
            broken[int(rng.integers(8, n_header))] = int(rng.choice([0, 1, 127, 128, 255]))
            yield f"flipped-{i}", bytes(broken)

    results = load_in_child(write_all(tmp_path, flipped()))
    assert set(results) <= {"ModelError", "TokenizeError", "MeasurementError", "loaded"}


def test_a_vocabulary_with_one_text_twice_is_a_model_error(tmp_path: Path, whole: bytes) -> None:
    """llama.cpp asserts that texts differ, and ends the process."""
    broken = whole.replace(pieces.text("a") + pieces.text("b"), pieces.text("a") + pieces.text("a"), 1)
    assert broken != whole
    assert load_in_child(write_all(tmp_path, iter([("twice", broken)]))) == ["ModelError"]


def test_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model file"):
        _core.Model.load(str(tmp_path / "nothing.gguf"))


def test_a_directory_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a file"):
        _core.Model.load(str(tmp_path))


def test_a_control_vector_is_a_model_error_that_says_what_it_is(tmp_path: Path) -> None:
    (path,) = write_all(tmp_path, iter([("vector", pieces.control_vector(1, 2))]))
    with pytest.raises(ModelError, match="steering vector, not a model"):
        _core.Model.load(str(path))


def test_an_error_carries_the_line_of_llama_cpps_log_that_names_the_cause(tmp_path: Path) -> None:
    (path,) = write_all(
        tmp_path, iter([("unknown", pieces.file([pieces.string("general.architecture", "nonsense")], []))])
    )
    with pytest.raises(ModelError, match=r"\[llama\.cpp: .*nonsense.*\]"):
        _core.Model.load(str(path))


def test_an_error_with_a_name_that_is_not_utf8_is_readable(tmp_path: Path) -> None:
    (path,) = write_all(
        tmp_path, iter([("bytes", pieces.file([pieces.string("general.architecture", b"\xff\xfe")], []))])
    )
    with pytest.raises(ModelError):
        _core.Model.load(str(path))


def test_a_model_loads_after_a_broken_one(tmp_path: Path, tiny_llama: Path) -> None:
    with pytest.raises(ModelError):
        _core.Model.load(str(tmp_path))
    assert _core.Model.load(str(tiny_llama)).n_layers == 4
