"""How long texts and items are, in tokens: the length of windows, and what the estimate of a run's time needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pysteer.formats.texts import Texts
from pysteer.pairs import Dataset
from pysteer.studies.mechanisms.corpora import corpora
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

_TOKENS_PER_LETTER = 2.5
"""Tokens of a lettered answer that each steering computes for itself."""


@dataclass(frozen=True, eq=False)
class WindowPlan:
    """The windows of text of one model.

    Parameters
    ----------
    texts : mapping of str to Texts
        Corpora by name.
    size : int
        Tokens of a window at most: the same for all models, so that they are compared on the same beginnings.
    lengths : sequence of sequence of int
        Tokens of each text of each corpus.
    """

    texts: Mapping[str, Texts]
    size: int
    lengths: Sequence[Sequence[int]]

    def mean_length(self) -> float:
        """Return the mean tokens of a window, of the corpus where they are longest."""
        return max(float(np.minimum(each, self.size).mean()) for each in self.lengths)


def windows_of_models(context: StudyContext, *, is_embedded: bool) -> list[WindowPlan]:
    """Return the windows of every model; each model is opened once, as only one is kept in memory."""
    texts = corpora(context, is_embedded=is_embedded, n=context.sizes.n_windows)
    lengths, limits = [], [int(context.sizes.window_size)]
    for model in context.models:
        lengths.append([[len(model.loaded.tokenize(text)) for text in each] for each in texts.values()])
        limits.append(model.loaded.n_ctx_train)
    return [WindowPlan(texts, min(limits), each) for each in lengths]


@lru_cache(maxsize=4096)
def mean_tokens(model: StudyModel, items: Dataset) -> tuple[float, float]:
    """Return tokens of a prompt, and those that each steering of an item computes for itself."""
    some = items.pairs[:: max(1, len(items) // 8)]
    tokenize = model.loaded.tokenize
    prompt = float(np.mean([len(tokenize(pair.prompt)) for pair in some])) + 16.0
    both = float(np.mean([len(tokenize(pair.positive)) + len(tokenize(pair.negative)) for pair in some]))
    is_letters = all(len(pair.positive.strip()) <= 3 for pair in some)
    return prompt, _TOKENS_PER_LETTER if is_letters else both
