"""The hash of a file: right at once, right after a change, right without a place to remember it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pysteer.file_hash import cache_folder, file_hash


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(range(256)) * 40000)  # more than two of the chunks that are read at once
    return path


def entries(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_it_is_the_sha_256_of_the_file(model: Path) -> None:
    expected = hashlib.sha256(model.read_bytes()).hexdigest()
    assert file_hash(model) == expected
    assert file_hash(str(model)) == expected  # from the cache


def test_the_second_time_the_file_is_not_read(model: Path, cache: Path) -> None:
    file_hash(model)
    [entry] = entries(cache)
    entry.write_text(entry.read_text().replace(file_hash(model), "remembered"))
    assert file_hash(model) == "remembered"


def test_a_file_that_grew_or_was_written_again_is_read_again(model: Path) -> None:
    file_hash(model)
    model.write_bytes(b"longer" * 9)
    assert file_hash(model) == hashlib.sha256(b"longer" * 9).hexdigest()
    before = model.stat()
    model.write_bytes(b"l0nger" * 9)  # same size
    os.utime(model, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert file_hash(model) == hashlib.sha256(b"l0nger" * 9).hexdigest()


def test_files_of_the_same_name_in_two_folders_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "model.gguf" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(path.parent.name)
        os.utime(path, ns=(10**18, 10**18))
    assert len({file_hash(path) for path in paths}) == 2


@pytest.mark.parametrize(
    "damage", [b"", b"not json", b"[1, 2]", b'{"key": "another file", "sha256": "0"}', b"\xff\xfe"]
)
def test_a_damaged_entry_is_ignored(model: Path, cache: Path, damage: bytes) -> None:
    expected = file_hash(model)
    [entry] = entries(cache)
    entry.write_bytes(damage)
    assert file_hash(model) == expected


def test_without_a_writable_cache_folder_it_is_computed_every_time(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "file"))
    expected = hashlib.sha256(model.read_bytes()).hexdigest()
    assert file_hash(model) == expected == file_hash(model)


def test_nothing_but_the_entry_is_left_in_the_cache(model: Path, cache: Path) -> None:
    file_hash(model)
    assert [path.suffix for path in entries(cache)] == [".json"]


def test_the_cache_folder_is_the_platforms_unless_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("PYSTEER_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "pysteer"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder().parts[-3:] == ("Library", "Caches", "pysteer")
