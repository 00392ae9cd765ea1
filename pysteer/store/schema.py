"""The tables of a run store, and how files of older versions become files of this one.

A store is an SQLite file with ``application_id`` `APPLICATION_ID` and the schema's version in ``user_version``. Step i
of `STEPS` makes version i + 1 of version i; an empty file is version 0. Steps are never changed once released: a new
version is a new step.
"""

from __future__ import annotations

APPLICATION_ID = 0x70795354
"""The letters "pyST", as SQLite's file header wants them: a number of 32 bits."""

STEPS: tuple[tuple[str, ...], ...] = (
    # 1: results. `identity` is the canonical JSON whose SHA-256 is the key; `labels` are names for people.
    (
        """
        CREATE TABLE cells (
            key TEXT PRIMARY KEY NOT NULL CHECK (length(key) = 64),
            identity TEXT NOT NULL,
            labels TEXT NOT NULL,
            content TEXT NOT NULL,
            arrays BLOB NOT NULL,
            checksum TEXT NOT NULL,
            seconds REAL NOT NULL,
            failures INTEGER NOT NULL,
            created_at TEXT NOT NULL
        )
        """,
    ),
    # 2: who computes what, so that two processes share the work.
    (
        """
        CREATE TABLE claims (
            unit TEXT PRIMARY KEY NOT NULL,
            host TEXT NOT NULL,
            process INTEGER NOT NULL,
            started TEXT NOT NULL,
            renewed_at REAL NOT NULL
        )
        """,
    ),
)
VERSION = len(STEPS)
