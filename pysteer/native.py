"""The one door to the native core: llama.cpp is mapped first, then the extension that links to it.

``import llama_cpp`` maps the libraries of llama-cpp-python (a CUDA or Metal build of the user's, if that is what is
installed). The extension asks for the same sonames and gets the same copies. The other way round there would be two.
"""

from __future__ import annotations

import time

from pysteer.build_check import LLAMA_CPP_PYTHON, check_build
from pysteer.errors import BuildError

check_build()

import llama_cpp  # noqa: E402

try:
    from pysteer import _core as core
except ImportError as error:
    raise BuildError(
        f"pysteer's native core does not load: {error}. It was built for another Python, or llama.cpp's libraries are "
        "not those it was built with (is LLAMA_CPP_LIB_PATH set?): reinstall with "
        "'pip install --force-reinstall --no-deps pysteer-gguf'"
    ) from error

if core.LLAMA_CPP_PYTHON != LLAMA_CPP_PYTHON:
    raise BuildError(
        f"the native core was compiled against llama-cpp-python {core.LLAMA_CPP_PYTHON}, this pysteer needs "
        f"{LLAMA_CPP_PYTHON}: build it again with 'pip install .'"
    )

LOADED_AT = time.time()
"""When this process loaded the core: source files that are younger hold other code than what runs."""

llama_library = llama_cpp
"""llama.cpp's own functions, for what needs no session: quantising a file."""

__all__ = ["LOADED_AT", "core", "llama_library"]
