"""SciPy and statsmodels, which only the extra ``statistics`` installs."""

from __future__ import annotations

import importlib
from typing import Any

from pysteer.errors import MeasurementError


def load(module: str) -> Any:
    """Return a module such as "scipy.stats"; MeasurementError where its package is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MeasurementError(f"this number needs {package}: pip install 'pysteer-gguf[statistics]'") from error
