"""Is the native core there, and is llama.cpp the one that it was compiled against?

Two llama.cpp libraries in one process, or one with another memory layout, would give wrong numbers without an error.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from pathlib import Path

from pysteer.errors import BuildError

LLAMA_CPP_PYTHON = "0.3.36"
"""The version that ``pyproject.toml`` pins for build and run time."""


def check_build() -> None:
    """Raise BuildError, with what to do, unless the core is built and llama-cpp-python has the pinned version."""
    if importlib.util.find_spec("pysteer._core") is None:
        raise BuildError(missing_core(Path(__file__).resolve().parent))
    try:
        found = importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        found = "none"
    if found != LLAMA_CPP_PYTHON:
        raise BuildError(
            f"pysteer was built against llama-cpp-python {LLAMA_CPP_PYTHON}, this environment has {found}: "
            f"run 'pip install llama-cpp-python=={LLAMA_CPP_PYTHON}' (with the CMAKE_ARGS of your GPU, if any)"
        )


def check_build_or_leave() -> None:
    """As `check_build`, but the command line ends with one sentence and exit code 1 instead of a traceback."""
    try:
        check_build()
    except BuildError as error:
        if _is_command_line(sys.argv[0], sys.orig_argv):
            sys.exit(f"error: {error}")
        raise


def _is_command_line(program: str, arguments: list[str]) -> bool:
    """Return whether this process is ``pysteer ...`` or ``python -m pysteer ...``, whose package is being imported."""
    if program == "-m":
        return "-m" in arguments and arguments[arguments.index("-m") + 1 :][:1] == ["pysteer"]
    return Path(program).stem == "pysteer"


def missing_core(package: Path) -> str:
    """Say what to do when the folder ``package`` holds pysteer's Python files, but no native core."""
    if (package.parent / "CMakeLists.txt").is_file():
        return (
            f"{package} is a source checkout without the native core. To use pysteer, run 'pip install .' in "
            f"{package.parent} (the first time it compiles llama.cpp, about 9 minutes), then start Python in another "
            "folder, for in this one Python finds the sources first. To work on pysteer, run 'make dev'"
        )
    return (
        f"the installation in {package} is incomplete, pysteer's native core (_core) is not there: run "
        "'pip install --force-reinstall --no-deps pysteer-gguf'"
    )
