"""Results in one SQLite file: reading, and writing the moment they are done.

A result is written in one transaction, or not at all; it is never changed afterwards. When two processes have computed
the same, the first one's is kept. What goes wrong with the file is a `StoreError`; no file is ever deleted or replaced.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from pysteer.errors import StoreError
from pysteer.store.cell import Cell, CellHead, canonical_json
from pysteer.store.connection import connect, sentences, transaction

_AT_ONCE = 500
"""Keys in one question; SQLite takes at least 999."""
_HEAD = "key, identity, labels, seconds, failures, created_at"


class RunStore:
    """An open store. For one thread; other processes may have it open at the same time.

    Parameters
    ----------
    path : str, Path or None
        The file, made if there is none. None: in memory, gone when closed.
    read_only : bool
        Change nothing; for files that may not be written to.
    timeout_s : float
        How long to wait for another process that is writing.

    Raises
    ------
    StoreError
        The file cannot be opened, is something else, is damaged, or was written by a later version.
    """

    def __init__(self, path: str | Path | None, *, read_only: bool = False, timeout_s: float = 60.0) -> None:
        self.path = None if path is None else Path(path)
        self._connection: sqlite3.Connection | None = connect(self.path, is_read_only=read_only, timeout_s=timeout_s)

    # Reading

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Return those of the keys for which there is no result, in their order, each once."""
        found: set[str] = set()
        with self._sentences():
            for some in _chunks(keys):
                marks = ",".join("?" * len(some))
                found |= {key for (key,) in self._open.execute(f"SELECT key FROM cells WHERE key IN ({marks})", some)}
        return [key for key in dict.fromkeys(keys) if key not in found]

    def get(self, key: str) -> Cell | None:
        """Return the result under a key, None where there is none; StoreError where it is damaged."""
        with self._sentences():
            row = self._open.execute(
                f"SELECT {_HEAD}, content, arrays, checksum FROM cells WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else Cell.decoded(self._head(row[:6]), *row[6:])

    def heads(self) -> Iterator[CellHead]:
        """Yield what there is, oldest first, without arrays and texts."""
        with self._sentences():
            rows = self._open.execute(f"SELECT {_HEAD} FROM cells ORDER BY created_at, key").fetchall()
        for row in rows:
            yield self._head(row)

    def __len__(self) -> int:
        with self._sentences():
            ((n,),) = self._open.execute("SELECT count(*) FROM cells").fetchall()
        return int(n)

    # Writing

    def put(self, cells: Sequence[Cell]) -> None:
        """Write results that belong together, all of them or none; those that are there already stay as they are.

        Raises
        ------
        StoreError
            The disk is full, the file is write-protected, or another process does not let go of it. What was written
            before stays.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        rows = []
        for cell in cells:
            head, (text, blob, checksum) = cell.head, cell.encoded()
            identity, labels = canonical_json(head.identity), canonical_json(head.labels)
            rows.append(
                (head.key, identity, labels, text, blob, checksum, float(head.seconds), int(head.failures), now)
            )
        with self.transaction() as connection:
            connection.executemany(
                "INSERT INTO cells (key, identity, labels, content, arrays, checksum, seconds, failures, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
                rows,
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is committed at the end, or rolled back on an error."""
        with self._sentences():
            connection = self._open
            with transaction(connection, "BEGIN IMMEDIATE"):
                yield connection

    # Life

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path}: this run store is closed")
        return self._connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        with sentences(self.path):
            yield

    def _head(self, row: tuple[str, str, str, float, int, str]) -> CellHead:
        key, identity, labels, seconds, failures, created_at = row
        try:
            return CellHead(key, json.loads(identity), json.loads(labels), seconds, failures, created_at)
        except ValueError as error:
            raise StoreError(f"{self.path}: cell {key[:16]}: damaged: {error}") from error


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    for begin in range(0, len(keys), _AT_ONCE):
        yield list(keys[begin : begin + _AT_ONCE])
