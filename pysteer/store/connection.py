"""Opening the file of a run store, and saying in our words what can be wrong with it.

The file is in WAL mode: readers do not wait for the writer, and a process that is killed leaves at worst a piece of
log that the next one drops. ``synchronous=FULL`` makes a finished transaction outlast a power cut, too; it costs one
flush, milliseconds, for cells that take seconds. (With NORMAL the last ones could be lost, though the file stays
whole.) WAL needs all processes on one machine: keep a store on a local disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pysteer.errors import StoreError
from pysteer.store.schema import APPLICATION_ID, STEPS, VERSION

_MAGIC = b"SQLite format 3\0"


def connect(path: Path | None, *, is_read_only: bool, timeout_s: float) -> sqlite3.Connection:
    """Return a connection to a store of the current version, which is made or brought up to date if need be.

    Parameters
    ----------
    path : Path or None
        None: in memory.
    is_read_only : bool
        Change nothing; the file must exist.
    timeout_s : float
        How long to wait for another process that is writing.

    Raises
    ------
    StoreError
        The file cannot be opened, is something else, is damaged, or was written by a later version. It is left alone.
    """
    if path is not None:
        _check_file(path, must_exist=is_read_only)
    with sentences(path):
        connection = _open(path, is_read_only, timeout_s)
        try:
            _prepare(connection, path, is_read_only, timeout_s)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Run the block inside a transaction that is committed at the end, or rolled back on an error."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself on a full disk
            connection.execute("ROLLBACK")
        raise


@contextmanager
def sentences(path: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into StoreErrors that say what to do."""
    where = "the run store in memory" if path is None else str(path)
    try:
        yield
    except sqlite3.Error as error:
        text = str(error)
        kept = "what was finished stays"
        if "full" in text:
            message = f"{where}: the disk is full ({text}); {kept}: make room and run again"
        elif "locked" in text or "busy" in text:
            message = f"{where}: another process has been writing to it for too long ({text}); {kept}: run again"
        elif "readonly" in text or "read-only" in text:
            message = f"{where}: is write-protected ({text}); give a store that can be written to"
        elif "malformed" in text or "not a database" in text or "corrupt" in text:
            message = (
                f"{where}: is damaged ({text}); it is left as it is: restore it from a copy or choose another file"
            )
        elif "unable to open" in text:
            message = f"{where}: cannot be opened ({text}); the folder must exist and be writable"
        else:
            message = f"{where}: {text}; {kept}"
        raise StoreError(message) from error


def _check_file(path: Path, *, must_exist: bool) -> None:
    try:
        if path.is_dir():
            raise StoreError(f"{path}: expected a run store, this is a folder")
        if not path.exists():
            if must_exist:
                raise StoreError(f"{path}: there is no such run store")
            if not path.absolute().parent.is_dir():
                raise StoreError(f"{path}: cannot be made: there is no folder {path.absolute().parent}")
            return
        with path.open("rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from error
    if begin and begin != _MAGIC:
        raise StoreError(f"{path}: is no run store (not an SQLite file); it is left alone: choose another name")


def _open(path: Path | None, is_read_only: bool, timeout_s: float) -> sqlite3.Connection:
    if path is None:
        return sqlite3.connect(":memory:", isolation_level=None)
    address = path.absolute().as_uri()
    if not is_read_only:
        return sqlite3.connect(f"{address}?mode=rwc", uri=True, timeout=timeout_s, isolation_level=None)
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=timeout_s, isolation_level=None)
    try:
        connection.execute("PRAGMA user_version").fetchone()
        return connection
    except sqlite3.OperationalError:
        # In a folder that cannot be written to, WAL's index cannot be made; without a log beside it the file is whole.
        connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            raise
        return sqlite3.connect(f"{address}?immutable=1", uri=True, timeout=timeout_s, isolation_level=None)


def _prepare(connection: sqlite3.Connection, path: Path | None, is_read_only: bool, timeout_s: float) -> None:
    where = "the run store in memory" if path is None else str(path)
    with transaction(connection, "BEGIN"):  # asks about one state: another process may be making the store just now
        version = _checked_version(connection, where)
    if is_read_only:
        if version == 0:
            raise StoreError(f"{where}: an empty file; nothing was ever stored in it")
        return
    _set_wal(connection, timeout_s)
    connection.execute("PRAGMA synchronous=FULL")
    if version == VERSION:
        return
    with transaction(connection, "BEGIN IMMEDIATE"):
        for number in range(_checked_version(connection, where), VERSION):  # another process may have been faster
            for statement in STEPS[number]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={VERSION}")


def _checked_version(connection: sqlite3.Connection, where: str) -> int:
    """Return the schema version; 0 for an empty file. StoreError for files of others, and of later versions."""
    ((application,),) = connection.execute("PRAGMA application_id").fetchall()
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    ((n_tables,),) = connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    if application != APPLICATION_ID and (application or version or n_tables):
        raise StoreError(f"{where}: is the SQLite file of another program; it is left alone: choose another name")
    if version > VERSION:
        raise StoreError(
            f"{where}: was written by a later pysteer (store version {version}, this one knows {VERSION}); update it"
        )
    return int(version)


def _set_wal(connection: sqlite3.Connection, timeout_s: float) -> None:
    """Switch to WAL; SQLite does not wait here by itself when another process is just doing so."""
    end = time.monotonic() + timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
