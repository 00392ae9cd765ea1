"""Is the native core there, and is llama.cpp the one that it was compiled against?

Two llama.cpp libraries in one process, or one with another memory layout, would give wrong numbers without an error.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util

from pysteer.errors import BuildError

LLAMA_CPP_PYTHON = "0.3.36"
"""The version that ``pyproject.toml`` pins for build and run time."""


def check_build() -> None:
    """Raise BuildError, with what to do, unless the core is built and llama-cpp-python has the pinned version."""
    if importlib.util.find_spec("pysteer._core") is None:
        raise BuildError(
            "pysteer's native core (pysteer/_core) is not built: this is a source checkout, or the installation "
            "failed. Run 'pip install .' in the checkout (it compiles llama.cpp once, about 9 minutes), or 'make dev' "
            "to work on the sources"
        )
    try:
        found = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != LLAMA_CPP_PYTHON:
        raise BuildError(
            f"pysteer was built against llama-cpp-python {LLAMA_CPP_PYTHON}, this environment has {found}: "
            f"run 'pip install llama-cpp-python=={LLAMA_CPP_PYTHON}' (with the CMAKE_ARGS of your GPU, if any)"
        )
