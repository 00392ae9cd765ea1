"""The code base itself: imports point one way, NumPy layers stay free of native code, examples in docstrings run."""

from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pysteer

PACKAGE = Path(pysteer.__file__).parent
# Lower first: a module imports only from rows above its own. Some names are folders.
NUMPY_LAYERS = (
    ("errors", "progress", "sampling", "file_hash", "prefix_tree", "whole_file"),
    ("registry", "arrays", "chat_template", "build_check"),
    ("store",),
    ("site", "gguf_header", "moments"),
    ("provenance", "pairs", "questions", "score", "window"),
    ("vector",),
    ("condition", "sweep_checkpoint"),
    ("condition_threshold",),
    ("intervention", "vector_comparison", "norm_matching", "vector_formats"),
    ("statistics", "vector_file", "operations", "formats", "extractors"),
    ("metrics", "pair_files", "dictionaries"),
    ("dictionary_formats", "library", "question_files", "rubrics", "report", "splits", "vector_notes"),
    ("dictionary_file",),
)
NATIVE_LAYERS = (
    ("native",),
    ("quantisation",),
    ("steering_program",),
    ("prompt_conditions",),
    ("generation",),
    ("session",),
    ("model",),
    ("generation_queue", "prompt_settings", "tree_run", "vector_origin"),
    ("pair_text", "recording", "text_windows"),
    ("answer_jobs", "batch_generation", "question_prompts", "site_rows", "text_perplexity", "token_rules"),
    ("contrast_rows", "propensity", "choice_scoring", "last_word", "text_surprise", "judge"),
    ("extraction", "evaluation", "function_vectors"),
    ("measurements",),
    ("evaluation_keys",),
    ("evaluation_axes", "evaluation_data", "evaluation_table"),
    ("evaluation_plan",),
    ("evaluation_run", "evaluation_rows", "evaluation_estimate"),
    ("evaluation_grid",),
    (
        "in_context_vectors",
        "feature_contrast",
        "feature_labelling",
        "feature_steering",
        "condition_fit",
        "prompt_search",
    ),
    ("demo",),
    ("studies", "card"),
)
LAYERS = NUMPY_LAYERS + NATIVE_LAYERS
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}
NATIVE = {"_core", "llama_cpp", "gguf", "native"}


def path_of(name: str) -> Path:
    return PACKAGE / name if (PACKAGE / name).is_dir() else PACKAGE / f"{name}.py"


def sources(name: str) -> list[Path]:
    path = path_of(name)
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def imported(source: Path) -> set[str]:
    """Return dotted names of all imports in a file, wherever they stand in it, but not those for type checkers."""
    names = set()
    tree = ast.parse(source.read_text("utf-8"))
    unseen = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in unseen:
            continue
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
            if target.startswith("pysteer.") and target != "pysteer._core":  # which has a test of its own
                part = target.split(".")[1]
                assert part == name or LEVEL.get(part, len(LAYERS)) < LEVEL[name], f"{source} imports {target}"


@pytest.mark.parametrize("name", [name for row in NUMPY_LAYERS for name in row])
def test_numpy_layers_import_nothing_native(name: str) -> None:
    for source in sources(name):
        for target in imported(source):
            assert not NATIVE & set(target.split(".")), f"{source} imports {target}"


def test_the_native_core_has_one_door() -> None:
    for source in PACKAGE.rglob("*.py"):
        parts = {part for target in imported(source) for part in target.split(".")}
        assert source.name == "native.py" or not {"_core", "llama_cpp"} & parts, source


def test_importing_the_package_loads_neither_numpy_nor_the_core() -> None:
    loaded = "sorted({'numpy', 'llama_cpp', 'pysteer._core', 'jinja2', 'typer'} & set(sys.modules))"
    command = f"import sys, pysteer; print({loaded}, pysteer.Site.__module__)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[] pysteer.site", done.stderr


def test_every_public_name_is_there_and_in_the_list() -> None:
    for name in pysteer.__all__:
        assert getattr(pysteer, name).__name__ == name or name == "Message"
    assert set(pysteer.__all__) <= set(dir(pysteer))
    with pytest.raises(AttributeError, match="no_such"):
        pysteer.no_such  # noqa: B018


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
