"""The run store under several processes: killed writers, two at once, a limit on the file's size, claims."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pysteer.store import RunStore
from pysteer.store.claims import LEASE_S, claim

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and limits")

WRITER = """
import sys
import numpy as np
from pysteer.errors import StoreError
from pysteer.store import Cell, CellHead, RunStore, key_of

path, first, n, size = sys.argv[1], *map(int, sys.argv[2:5])
if len(sys.argv) > 5:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]),) * 2)
print("ready", flush=True)
sys.stdin.readline()
with RunStore(path) as store:
    for number in range(first, first + n):
        identities = [{"number": number, "part": part} for part in range(2)]
        cells = [Cell(CellHead(key_of(i), i, {}, 0.0, 0), {"x": np.full(size, number + 0.5)}) for i in identities]
        try:
            store.put(cells)
        except StoreError as error:
            print("error", error, flush=True)
            break
        print(number, flush=True)
"""


def writer(path: Path, first: int, n: int, *, size: int = 200, limit: int | None = None) -> subprocess.Popen[str]:
    """A process that waits for a line, then writes ``n`` pairs of cells and prints the number of each that is done."""
    arguments = [str(value) for value in (path, first, n, size, *([] if limit is None else [limit]))]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def finish(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    with process:
        return process.stdout.read().splitlines()  # communicate() would pass over what readline() has buffered


def numbers_in(path: Path) -> dict[int, set[int]]:
    """Parts of every number in the store, after its arrays were read and found whole."""
    found: dict[int, set[int]] = {}
    with RunStore(path) as store:
        for head in store.heads():
            cell = store.get(head.key)
            assert cell is not None
            assert (cell.arrays["x"] == head.identity["number"] + 0.5).all()
            found.setdefault(head.identity["number"], set()).add(head.identity["part"])
    return found


@posix
def test_a_killed_writer_loses_nothing_that_it_had_finished(tmp_path: Path) -> None:
    path, generator, done = tmp_path / "runs.sqlite", random.Random(0), set()
    for turn in range(5):
        process = writer(path, 10_000 * turn, 9_000)
        start(process)
        assert process.stdout is not None
        done |= {int(process.stdout.readline()) for _ in range(generator.randrange(20))}
        time.sleep(generator.uniform(0.0, 0.005))  # in the middle of something
        process.send_signal(signal.SIGKILL)
        done |= {int(line) for line in finish(process)}
        found = numbers_in(path)
        assert done <= set(found)
        assert all(parts == {0, 1} for parts in found.values())  # pairs are written together
        assert len(found) <= len(done) + turn + 1  # at most one pair was written and not yet reported
    assert done


def test_two_processes_write_to_one_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    processes = [writer(path, first, 60) for first in (0, 30)]  # half of it both of them
    for process in processes:
        start(process)
    assert [finish(process) for process in processes] == [
        [str(number) for number in range(first, first + 60)] for first in (0, 30)
    ]
    assert numbers_in(path) == {number: {0, 1} for number in range(90)}


@posix
def test_a_file_that_may_not_grow_keeps_what_was_finished(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    process = writer(path, 0, 500, size=2000, limit=400_000)
    start(process)
    *done, last = finish(process)
    assert process.returncode == 0  # a StoreError, no signal
    assert last.startswith(f"error {path}:")
    assert len(done) > 3
    assert set(numbers_in(path)) == {int(number) for number in done}
    again = writer(path, len(done), 5, size=2000)  # room was made
    start(again)
    finish(again)
    assert len(numbers_in(path)) == len(done) + 5


# Claims


def test_work_that_a_living_process_has_claimed_is_not_claimed_again(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.sqlite") as store:
        mine = claim(store, "a")
        assert mine is not None
        with store.transaction() as connection:  # as if another process, that of pytest's parent, had it
            connection.execute("UPDATE claims SET process = ?, started = ''", (os.getppid(),))
            if Path("/proc").is_dir():
                from pysteer.store.claims import _started

                connection.execute("UPDATE claims SET started = ?", (_started(os.getppid()),))
        assert claim(store, "a") is None
        assert claim(store, "b") is not None


def test_released_work_can_be_claimed_again(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.sqlite") as store:
        mine = claim(store, "a")
        assert mine is not None
        with mine:
            pass
        with store.transaction() as connection:
            assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)


@posix
def test_work_of_a_process_that_is_gone_can_be_claimed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with RunStore(tmp_path / "runs.sqlite") as store:
        assert claim(store, "a") is not None
        with store.transaction() as connection:
            connection.execute("UPDATE claims SET process = ?", (gone.pid,))
        assert claim(store, "a") is not None


def test_work_that_nothing_was_heard_of_for_long_can_be_claimed(tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.sqlite") as store:
        assert claim(store, "a") is not None
        with store.transaction() as connection:
            connection.execute("UPDATE claims SET host = 'another machine'")
        assert claim(store, "a") is None
        with store.transaction() as connection:
            connection.execute("UPDATE claims SET renewed_at = renewed_at - ?", (LEASE_S + 1,))
        assert claim(store, "a") is not None


def test_renewing_moves_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RunStore(tmp_path / "runs.sqlite") as store:
        mine = claim(store, "a")
        assert mine is not None
        with store.transaction() as connection:
            connection.execute("UPDATE claims SET renewed_at = 0")
        mine.renew()  # not so soon
        assert store._open.execute("SELECT renewed_at FROM claims").fetchone() == (0,)
        monkeypatch.setattr("pysteer.store.claims._RENEW_S", 0.0)
        mine.renew()
        assert store._open.execute("SELECT renewed_at FROM claims").fetchone()[0] > 0
