"""What is measured: one file per metric, on arrays only.

Nothing here runs a model. A new metric is a new file in this folder with one registered function.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.metrics.metric import Metric, metrics

__all__ = ["Metric", "metrics"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
