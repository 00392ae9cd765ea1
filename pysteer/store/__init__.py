"""The run store: what was measured, in one SQLite file per project, written the moment it is done.

schema     the tables, and how files of older versions become files of this one
cell       one result: its key, what it holds, and how that is written
run_store  opening, reading and writing; what can go wrong with a file
"""

from __future__ import annotations

from pysteer.store.cell import Cell, CellHead, canonical_json, key_of
from pysteer.store.run_store import RunStore

__all__ = ["Cell", "CellHead", "RunStore", "canonical_json", "key_of"]
