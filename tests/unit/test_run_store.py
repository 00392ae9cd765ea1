"""The run store: what comes back, and what happens to files that are old, foreign, damaged, full or write-protected."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.errors import StoreError
from pysteer.store import Cell, CellHead, RunStore, canonical_json, key_of
from pysteer.store.connection import _open
from pysteer.store.schema import APPLICATION_ID, STEPS, VERSION


def a_cell(number: int, *, n: int = 4, value: float = 0.5) -> Cell:
    identity = {"number": number, "where": "here"}
    arrays = {"values": np.full(n, value), "more": np.arange(6.0).reshape(3, 2)}
    head = CellHead(key_of(identity), identity, {"model": "m", "data": "d"}, 1.5, 2)
    return Cell(head, arrays, {"details": {"texts": ["ä", "\ud800"]}, "failures": {"late": 2}})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


# What comes back


def test_a_cell_comes_back_as_it_was_written(path: Path) -> None:
    with RunStore(path) as store:
        store.put([a_cell(1)])
    with RunStore(path) as store:
        found = store.get(a_cell(1).head.key)
    assert found is not None
    for name, values in a_cell(1).arrays.items():
        np.testing.assert_array_equal(found.arrays[name], values)
        assert found.arrays[name].dtype == np.float64
    assert found.content == a_cell(1).content
    assert (found.head.identity, found.head.labels) == ({"number": 1, "where": "here"}, {"model": "m", "data": "d"})
    assert (found.head.seconds, found.head.failures) == (1.5, 2)
    assert found.head.created_at.endswith("+00:00")


def test_nan_and_infinity_in_arrays_come_back(path: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, -0.0])
    head = CellHead(key_of({}), {}, {}, 0.0, 0)
    with RunStore(path) as store:
        store.put([Cell(head, {"values": values})])
        found = store.get(head.key)
    assert found is not None
    assert found.arrays["values"].tobytes() == values.tobytes()


def test_what_is_there_is_never_changed(path: Path) -> None:
    with RunStore(path) as store:
        store.put([a_cell(1, value=0.25)])
        store.put([a_cell(1, value=0.75), a_cell(2)])
        found = store.get(a_cell(1).head.key)
        assert len(store) == 2
    assert found is not None
    assert found.arrays["values"][0] == 0.25


def test_missing_keeps_the_order_and_names_each_key_once(path: Path) -> None:
    cells = [a_cell(number) for number in range(1200)]  # more than one question's worth
    keys = [cell.head.key for cell in cells]
    with RunStore(path) as store:
        store.put(cells[::2])
        assert store.missing([*keys, *keys]) == keys[1::2]
        assert store.get(keys[1]) is None
        assert [head.key for head in store.heads()] == sorted(keys[::2])


def test_a_store_in_memory_needs_no_file(tmp_path: Path) -> None:
    with RunStore(None) as store:
        store.put([a_cell(1)])
        assert len(store) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_closed_store_says_so(path: Path) -> None:
    store = RunStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        len(store)


# Keys


def test_equal_identities_have_one_key_whatever_their_order() -> None:
    assert key_of({"a": 1, "b": [1.0, -0.0, None]}) == key_of({"b": (1, 0, None), "a": np.float64(1.0)})
    assert canonical_json({"b": 0.1, "a": "ä"}) == '{"a":"ä","b":0.1}'
    assert key_of({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


@pytest.mark.parametrize("other", [{"a": 2}, {"a": 1, "b": None}, {"a": "1"}, {"a": [1]}, {"b": 1}, {"a": True}])
def test_different_identities_have_different_keys(other: dict[str, object]) -> None:
    assert key_of(other) != key_of({"a": 1})


@pytest.mark.parametrize("unfit", [float("nan"), float("inf"), {1: 2}, object(), "\ud800", np.arange(2)])
def test_what_json_cannot_hold_has_no_key(unfit: object) -> None:
    with pytest.raises(StoreError, match="JSON"):
        key_of({"a": unfit})


def test_only_float64_is_stored(path: Path) -> None:
    with RunStore(path) as store, pytest.raises(StoreError, match="expected float64, got float32"):
        store.put([Cell(CellHead(key_of({}), {}, {}, 0.0, 0), {"x": np.zeros(2, np.float32)})])  # type: ignore[dict-item]


def test_equal_cells_are_equal_bytes() -> None:
    assert a_cell(1).encoded() == a_cell(1).encoded()


# Old, foreign and damaged files


def an_old_file(path: Path, version: int) -> None:
    """A store as version ``version`` wrote it, with one cell."""
    text, blob, checksum = a_cell(7).encoded()
    connection = sqlite3.connect(path)
    for step in STEPS[:version]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={version}")
    row = (a_cell(7).head.key, '{"number":7,"where":"here"}', "{}", text, blob, checksum, 1.5, 2, "2026-01-01T00:00:00")
    connection.execute(
        "INSERT INTO cells (key, identity, labels, content, arrays, checksum, seconds, failures, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    connection.commit()
    connection.close()


def schema_of(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    connection.close()
    return found


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_files_of_every_version_become_files_of_this_one(tmp_path: Path, version: int) -> None:
    an_old_file(tmp_path / "old.sqlite", version)
    RunStore(tmp_path / "new.sqlite").close()
    with RunStore(tmp_path / "old.sqlite") as store:
        found = store.get(a_cell(7).head.key)
        store.put([a_cell(8)])
    assert found is not None
    np.testing.assert_array_equal(found.arrays["values"], a_cell(7).arrays["values"])
    assert schema_of(tmp_path / "old.sqlite") == schema_of(tmp_path / "new.sqlite")


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_old_files_can_be_read_without_being_changed(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.sqlite"
    an_old_file(path, version)
    before = path.read_bytes()
    with RunStore(path, read_only=True) as store:
        assert len(store) == 1
        with pytest.raises(StoreError, match="write-protected"):
            store.put([a_cell(1)])
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.touch()
    with pytest.raises(StoreError, match="nothing was ever stored"):
        RunStore(path, read_only=True)
    with RunStore(path) as store:
        assert len(store) == 0


def another_programs_file(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def a_later_version(path: Path) -> None:
    an_old_file(path, VERSION)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.commit()
    connection.close()


def a_cut_file(path: Path) -> None:
    an_old_file(path, VERSION)
    path.write_bytes(path.read_bytes()[:5000])


def a_scrambled_file(path: Path) -> None:
    an_old_file(path, VERSION)
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (another_programs_file, "another program"),
        (a_later_version, f"store version {VERSION + 1}"),
        (lambda path: path.write_bytes(b"GGUF" * 100), "not an SQLite file"),
        (lambda path: path.write_bytes(b"short"), "not an SQLite file"),
        (a_cut_file, "damaged"),
        (a_scrambled_file, "damaged"),
    ],
    ids=["foreign", "later", "no SQLite", "short", "cut", "scrambled"],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_other_files_are_refused_and_left_alone(path: Path, make, message: str, read_only: bool) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=message), RunStore(path, read_only=read_only) as store:
        list(store.heads())
    assert path.read_bytes() == before


def test_folders_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="this is a folder"):
        RunStore(tmp_path)
    with pytest.raises(StoreError, match="no folder"):
        RunStore(tmp_path / "nowhere" / "runs.sqlite")
    with pytest.raises(StoreError, match="no such run store"):
        RunStore(tmp_path / "runs.sqlite", read_only=True)


@pytest.mark.parametrize("column", ["arrays", "content", "checksum"])
def test_a_damaged_cell_is_refused_and_the_others_are_read(path: Path, column: str) -> None:
    with RunStore(path) as store:
        store.put([a_cell(1), a_cell(2)])
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE cells SET {column} = substr({column}, 2) WHERE key = ?", (a_cell(1).head.key,))
    connection.commit()
    connection.close()
    with RunStore(path) as store:
        assert store.get(a_cell(2).head.key) is not None
        with pytest.raises(StoreError, match=f"{a_cell(1).head.key[:16]}.*damaged"):
            store.get(a_cell(1).head.key)


# Full disks


def test_a_full_disk_is_an_error_and_what_was_finished_stays(path: Path) -> None:
    with RunStore(path) as store:
        store.put([a_cell(1)])
        store._open.execute("PRAGMA max_page_count=20")
        with pytest.raises(StoreError, match=r"disk is full.*what was finished stays"):
            store.put([a_cell(2, n=10), a_cell(3, n=100_000)])
        assert store.missing([a_cell(number).head.key for number in (1, 2, 3)]) == [
            a_cell(2).head.key,
            a_cell(3).head.key,
        ]
        store._open.execute("PRAGMA max_page_count=100000")
        store.put([a_cell(3, n=100_000)])  # room was made
    with RunStore(path) as store:
        assert store.get(a_cell(3).head.key) is not None


def test_two_connections_see_each_others_cells(path: Path) -> None:
    with RunStore(path) as one, RunStore(path) as other:
        one.put([a_cell(1)])
        other.put([a_cell(2)])
        assert len(one) == len(other) == 2


@pytest.mark.parametrize("moment", range(12))
def test_a_store_that_another_makes_while_it_is_opened_is_opened(
    path: Path, moment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements: list[str] = []

    def other_at_its_moment(statement: str) -> None:
        statements.append(statement)
        if len(statements) == moment + 1:
            with suppress(StoreError), sqlite3_as_it_is(), RunStore(path, timeout_s=0.0) as other:
                other.put([a_cell(1)])

    def traced(*arguments: Any) -> sqlite3.Connection:
        connection = _open(*arguments)
        connection.set_trace_callback(other_at_its_moment)
        return connection

    @contextmanager
    def sqlite3_as_it_is() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr("pysteer.store.connection._open", _open)
            yield

    monkeypatch.setattr("pysteer.store.connection._open", traced)
    with RunStore(path) as store:
        store.put([a_cell(2)])
        assert not store.missing([a_cell(2).head.key])
    assert len(statements) > moment  # the moment came


def test_a_writer_that_does_not_let_go_is_an_error(path: Path) -> None:
    with RunStore(path) as one, RunStore(path, timeout_s=0.05) as other, one.transaction():
        with pytest.raises(StoreError, match="another process has been writing to it for too long"):
            other.put([a_cell(1)])
        assert len(other) == 0  # reading goes on
