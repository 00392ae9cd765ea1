"""How a direction is found in activations: one file per method, each with one registered function.

A method turns the activations of contrast pairs into a direction. A new one is a new file in this folder.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.extractors.extractor import Extractor, check_pairs, extractors

__all__ = ["Extractor", "check_pairs", "extractors"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
