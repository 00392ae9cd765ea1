"""Write docs/metrics.md from the metrics' own files: ``python tools/metric_docs.py``. A test fails when it is stale."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pysteer.metrics
import pysteer.statistics
from pysteer.metrics import metrics
from pysteer.metrics.metric import INPUTS, THEMES

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
FIELDS = ("Question", "Source", "Formula", "Unit", "Range", "Convention", "Limits")
_FIELD = re.compile(rf"(?:^|(?<=\s))({'|'.join(FIELDS)}): ")

INTRODUCTION = """\
# Metrics

Written by `tools/metric_docs.py` from the metrics' files (`pysteer/metrics/`, one file each); do not edit.

Every metric is a function of arrays and texts; none runs a model. It returns a `Score`: the number, its interval, n,
unit, what it was made of example by example, seed, hashes, and how many examples failed. What cannot be measured is an
error or a counted failure, never 0. `pysteer list metrics` prints them.

```python
import numpy as np
from pysteer.metrics import metrics

score = metrics.get("choice_accuracy")([[-0.2, -1.9], [-2.0, -0.1]], [0, 0])
print(score)
```

```
choice_accuracy 0.5 [0.09453, 0.9055] share of items, n=2
```

Intervals are at 95 %: percentile bootstrap over examples where nothing else is said, Wilson's for shares, Fisher's for
correlations, the jackknife where drawing an example twice would be wrong. Correlations and tests need SciPy and
statsmodels: `pip install 'pysteer-gguf[statistics]'`."""


def render() -> str:
    """Return the whole document."""
    parts = [INTRODUCTION]
    for theme in THEMES:
        names = [name for name in metrics if metrics.facts(name)["theme"] == theme]
        parts += [f"## {theme.capitalize()}", _overview(names), *(_section(name) for name in names)]
    parts += [
        "## Tables and curves",
        "More than one number: functions with a result of their own, in files beside the metrics.",
    ]
    parts += [
        _block(module.__name__.rsplit(".", 1)[1], module)
        for module in _modules_of(pysteer.metrics)
        if _is_table(module)
    ]
    parts += ["## Statistics", _statistics(), "## Inputs", _inputs()]
    return "\n\n".join(parts) + "\n"


def _overview(names: list[str]) -> str:
    rows = ["| metric | | unit | better |", "|---|---|---|---|"]
    for name in names:
        facts = metrics.facts(name)
        rows.append(f"| [{name}](#{name}) | {_cell(_title(_module_of(name)))} | {facts['unit']} | {facts['better']} |")
    return "\n".join(rows)


def _section(name: str) -> str:
    return _block(name, _module_of(name), metrics.facts(name)["needs"])


def _block(name: str, module: ModuleType, needs: object = ()) -> str:
    fields = _fields(module)
    rows = [f"### {name}", "", _cell(_title(module)), "", "| | |", "|---|---|"]
    rows += [f"| {field.lower()} | {_cell(fields[field])} |" for field in FIELDS if field in fields]
    if isinstance(needs, tuple) and needs:
        rows.append(f"| takes | {', '.join(f'`{need}`' for need in needs)} |")
    return "\n".join(rows)


def _statistics() -> str:
    rows = ["`pysteer.statistics`, by file:", "", "| file | |", "|---|---|"]
    for module in _modules_of(pysteer.statistics):
        rows.append(f"| `{_name(module)}` | {_cell(_title(module))} |")
    return "\n".join(rows)


def _inputs() -> str:
    return "\n".join(["| name | |", "|---|---|", *(f"| `{name}` | {_cell(text)} |" for name, text in INPUTS.items())])


def _modules_of(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    ]


def _module_of(name: str) -> ModuleType:
    module = inspect.getmodule(metrics.get(name))
    assert module is not None
    return module


def _name(module: ModuleType) -> str:
    return module.__name__.rsplit(".", 1)[1]


def _is_table(module: ModuleType) -> bool:
    return "Question" in _fields(module) and _name(module) not in metrics


def _title(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _fields(module: ModuleType) -> dict[str, str]:
    """Return what a module's docstring says under each of `FIELDS`."""
    text = " ".join((inspect.getdoc(module) or "").partition("\n")[2].split())
    pieces = _FIELD.split(text)[1:]
    return dict(zip(pieces[::2], (piece.strip().removesuffix(".") for piece in pieces[1::2]), strict=True))


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(render(), "utf-8")
