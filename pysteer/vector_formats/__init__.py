"""Vector files of other tools that are not GGUF: one file per format, each with one registered reader.

`pysteer.vector_file.load_vector` looks at a file's first bytes and comes here for all but GGUF. A reader never runs
what a file says, and takes no more memory than a file of that size can be worth.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.vector_formats.vector_format import read_foreign, vector_formats

__all__ = ["read_foreign", "vector_formats"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
