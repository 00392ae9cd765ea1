"""The code base itself: imports point one way, NumPy layers stay free of native code, examples in docstrings run."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import pysteer

PACKAGE = Path(pysteer.__file__).parent
# Lower first. A module imports from its own row or from above it in this table; rows of L3 may hold packages.
LAYERS = (
    ("errors",),
    ("registry", "arrays"),
    ("site", "gguf_header"),
    ("provenance", "pairs", "score", "window"),
    ("vector",),
    ("intervention", "vector_comparison"),
    ("pair_files", "statistics", "vector_file", "operations"),
    ("metrics",),
)
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}
NATIVE = {"_core", "llama_cpp", "gguf"}


def path_of(name: str) -> Path:
    return PACKAGE / name if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.py"


def sources(name: str) -> list[Path]:
    path = path_of(name)
    return sorted(path.glob("*.py")) if path.is_dir() else [path]


def imported(source: Path) -> set[str]:
    """Return dotted names of all imports in a file, wherever they stand in it."""
    names = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("name", LEVEL)
def test_imports_point_downwards_only(name: str) -> None:
    for source in sources(name):
        for target in imported(source):
            if target.startswith("pysteer."):
                part = target.split(".")[1]
                assert part == name or LEVEL.get(part, len(LAYERS)) < LEVEL[name], f"{source} imports {target}"


@pytest.mark.parametrize("name", LEVEL)
def test_numpy_layers_import_nothing_native(name: str) -> None:
    for source in sources(name):
        for target in imported(source):
            assert not NATIVE & set(target.split(".")), f"{source} imports {target}"


MODULES = [
    ".".join(("pysteer", *source.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for name in LEVEL
    for source in sources(name)
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_in_docstrings_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize("module", MODULES)
def test_files_are_short_and_open_with_what_they_are_for(module: str) -> None:
    source = Path(importlib.import_module(module).__file__ or "")
    text = source.read_text("utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert text.count("\n") <= 300
