"""What is measured: one file per metric, on arrays only.

Nothing here runs a model. A new metric is a new file in this folder with one registered function; its docstring states
question, source, formula, unit and range, from which ``docs/metrics.md`` is written. Three kinds of files lie beside
the metrics: `metric` and `scores`, the registry and the way from examples to a score; files that say "Not a metric
itself", which several metrics share; and tables and curves, which are more than one number and are not registered.
"""

from __future__ import annotations

import importlib
import pkgutil

from pysteer.metrics.metric import Metric, metrics

__all__ = ["Metric", "metrics"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
