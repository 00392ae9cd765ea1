"""Writing a GGUF file with coarser weights, by llama.cpp's own quantiser."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pysteer.errors import ModelError
from pysteer.native import llama_library
from pysteer.whole_file import replacing

TYPES = {
    "F16": "LLAMA_FTYPE_MOSTLY_F16",
    "Q8_0": "LLAMA_FTYPE_MOSTLY_Q8_0",
    "Q6_K": "LLAMA_FTYPE_MOSTLY_Q6_K",
    "Q5_0": "LLAMA_FTYPE_MOSTLY_Q5_0",
    "Q5_K_M": "LLAMA_FTYPE_MOSTLY_Q5_K_M",
    "Q4_0": "LLAMA_FTYPE_MOSTLY_Q4_0",
    "Q4_K_M": "LLAMA_FTYPE_MOSTLY_Q4_K_M",
    "Q3_K_M": "LLAMA_FTYPE_MOSTLY_Q3_K_M",
    "Q2_K": "LLAMA_FTYPE_MOSTLY_Q2_K",
}
"""Names of weight types as llama.cpp's tools spell them, coarser ones later."""


def quantise(source: str | Path, target: str | Path, weight_type: str, *, n_threads: int | None = None) -> None:
    """Write ``target``: the model of ``source`` with its matrices in another type.

    Rows whose length is no multiple of a type's block are kept in a type that fits, as llama.cpp decides. A file whose
    weights are quantised already is quantised again, which loses more than quantising the original once.

    Parameters
    ----------
    weight_type : str
        One of `TYPES`.

    Raises
    ------
    ModelError
        No such file or type, or llama.cpp cannot quantise it. Then there is no target.
    """
    source, target = Path(source), Path(target)
    if weight_type not in TYPES:
        raise ModelError(f"expected a weight type of {', '.join(TYPES)}, got {weight_type!r}")
    if not source.is_file():
        raise ModelError(f"{source}: there is no such model file")
    parameters = llama_library.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_library, TYPES[weight_type])
    parameters.nthread = n_threads or os.cpu_count() or 1
    parameters.allow_requantize = True
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial:
            with _without_chatter():
                status = llama_library.llama_model_quantize(os.fsencode(source), os.fsencode(partial), parameters)
            if status != 0:
                raise ModelError(f"{source}: llama.cpp cannot write it as {weight_type} (status {status})")
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hide the lines that llama.cpp writes for every tensor; that it failed is known from its status."""
    logger = logging.getLogger("llama-cpp-python")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
