"""Files of sparse dictionaries (SAEs): one file per format, each with one registered reader.

`pysteer.dictionary_file.load_dictionary` asks each format whether a path is one of its own. A reader never runs what a
file says, and takes no more memory than a file of that size can be worth.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.dictionary_formats.dictionary_format import dictionary_formats

__all__ = ["dictionary_formats"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
