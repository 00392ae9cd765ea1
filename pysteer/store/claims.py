"""Who is computing what: two processes on one store take different work.

A claim is a courtesy, not a lock. It ends when it is released, when its process is gone, or when nothing was heard of
it for long (`LEASE_S` where its process cannot be asked for, else `STALL_S`); should two processes compute the same
after all, the store keeps the first result.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import time
from pathlib import Path

from pysteer.errors import StoreError
from pysteer.store.run_store import RunStore

LEASE_S = 120.0
STALL_S = 3600.0
_RENEW_S = 10.0


class Claim:
    """One piece of work that this process is doing. `renew` it now and then; it is released when the block is left."""

    def __init__(self, store: RunStore, unit: str) -> None:
        self.store, self.unit = store, unit
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Say that the work goes on; cheap enough for every item."""
        if time.monotonic() - self._renewed < _RENEW_S:
            return
        self._renewed = time.monotonic()
        self._write("UPDATE claims SET renewed_at = ? WHERE unit = ?", (time.time(), self.unit))

    def release(self) -> None:
        """Let others have it."""
        self._write("DELETE FROM claims WHERE unit = ?", (self.unit,))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self.store.transaction() as connection:
                connection.execute(statement, values)
        except StoreError:
            pass  # a full disk or a long transaction elsewhere: results matter, and they report it themselves

    def __enter__(self) -> Claim:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(store: RunStore, unit: str) -> Claim | None:
    """Return a claim to a unit of work, or None while another living process has it."""
    mine = (socket.gethostname(), os.getpid(), _started(os.getpid()))
    with store.transaction() as connection:
        row = connection.execute(
            "SELECT host, process, started, renewed_at FROM claims WHERE unit = ?", (unit,)
        ).fetchone()
        if row is not None and row[:3] != mine and _is_alive(*row):
            return None
        _set(connection, unit, mine)
    return Claim(store, unit)


def _set(connection: sqlite3.Connection, unit: str, owner: tuple[str, int, str]) -> None:
    connection.execute(
        "INSERT INTO claims (unit, host, process, started, renewed_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (unit) DO "
        "UPDATE SET host = excluded.host, process = excluded.process, started = excluded.started, "
        "renewed_at = excluded.renewed_at",
        (unit, *owner, time.time()),
    )


def _is_alive(host: str, process: int, started: str, renewed_at: float) -> bool:
    silence = time.time() - renewed_at
    if host != socket.gethostname() or sys.platform == "win32":  # there, asking a process would end it
        return silence <= LEASE_S
    if silence > STALL_S:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _started(process) == started


def _started(process: int) -> str:
    """Return what tells a process from a later one of the same number; an empty text where that is not known."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
