"""Data files of other tools: one file per format, each with one registered reader.

A reader turns a `Source` into a `Dataset`, or into texts, conversations or word pairs where the file holds these. A new
format is a new file in this folder. `pysteer.pair_files` chooses the reader.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.formats.format import Reader, Source, formats, read_source, recognised

__all__ = ["Reader", "Source", "formats", "read_source", "recognised"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
