"""Which code made a number: a hash of the modules that decide it, comments and docstrings left out."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pysteer.errors import MeasurementError

READING = (
    "pysteer.tree_run",
    "pysteer.prefix_tree",
    "pysteer.steering_program",
    "pysteer.operations",
    "pysteer.window",
)
"""Modules through which every text is read, steered or not."""


def code_version(modules: Iterable[str]) -> str:
    """Return one hash, 16 hexadecimal digits, of the code of modules and packages; their order does not matter."""
    digest = hashlib.sha256()
    for module in sorted(set(modules)):
        digest.update(f"{module} {_version(module)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _version(module: str) -> str:
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise MeasurementError(f"module {module!r} decides a result, but cannot be found")
    source = Path(found.origin)
    files = sorted(source.parent.glob("*.py")) if found.submodule_search_locations else [source]
    digest = hashlib.sha256()
    for file in files:
        digest.update(_essence(file.read_text("utf-8")).encode())
    return digest.hexdigest()


def _essence(source: str) -> str:
    """Return the code as a tree without docstrings; comments and layout are not in it anyway."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return ast.dump(tree)
