"""Names of parts, and how much work they are, for the estimate of time."""

from __future__ import annotations

from functools import lru_cache

from pysteer.measurements.measured import Work
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.study_model import StudyModel

PER_WRITTEN = 1.6
"""A token written in a batch of texts costs as much as so many tokens read."""
PER_HEAD = 1.6
"""So does a row of a scan, in which one head is replaced."""


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part."""
    return " / ".join((model.label, *words))


def scan_work(model: StudyModel, sizes: Sizes, longest: float) -> Work:
    """Return the work of making a function vector from prompts of ``longest`` tokens."""
    n_heads = model.loaded.n_layers * model.loaded.n_heads
    return Work(round(2 * sizes.n_mean_prompts * longest + sizes.n_trials * (longest + PER_HEAD * n_heads)))


def scan_settings(sizes: Sizes) -> dict[str, int]:
    """Return what decides how heads are scanned."""
    return {"n_mean_prompts": sizes.n_mean_prompts, "n_trials": sizes.n_trials}


@lru_cache(maxsize=512)
def mean_tokens(model: StudyModel, texts: tuple[str, ...]) -> float:
    """Return the mean number of tokens of texts."""
    return sum(len(model.loaded.tokenize(text, add_special=False)) for text in texts) / len(texts) + 1.0
