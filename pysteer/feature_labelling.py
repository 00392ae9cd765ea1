"""Label the features of a dictionary by the tokens on which each is largest, over any amount of text.

Source: the usual way to look at features, as in Bricken et al. 2023, "Towards Monosemanticity". Memory does not grow
with the text: for each feature the examples found so far are kept, with the tokens around them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array
from pysteer.dictionaries.feature_labels import Example, FeatureLabel, FeatureLabels
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError, SteeringError
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.session import Session
from pysteer.site_rows import TextWindow, row_windows

_NO_TOKEN = -1


def label_features(
    model: Model,
    dictionary: SparseDictionary,
    texts: Iterable[str],
    *,
    n_examples: int = 10,
    context: tuple[int, int] = (12, 6),
    skip_first: int = 1,
    session: Session | None = None,
    progress: Progress = silent,
) -> FeatureLabels:
    """Return the labels of all features.

    Parameters
    ----------
    texts : iterable of str
        Without chat template; read once.
    n_examples : int
        Examples of each feature, at most one from each window of text.
    context : (int, int)
        Tokens kept before and after an example's own.
    skip_first : int
        Tokens at the begin of each window that are not looked at.
    progress : Progress
        In texts.

    Raises
    ------
    SteeringError
        The dictionary does not say where its rows come from.
    DataError
        No example wanted, or no text with a token to look at.
    SiteError, ShapeError
        The model has no such site, or its rows do not fit the dictionary.
    """
    if dictionary.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a site")
    if n_examples < 1 or min(context) < 0:
        raise DataError(f"expected at least one example and no negative context, got {n_examples} and {context}")
    best = _Best(dictionary.n_features, n_examples, context)
    total = len(texts) if isinstance(texts, Sized) else 0
    for window, rows in row_windows(model, texts, dictionary.site, skip_first=skip_first, session=session):
        best.update(window, dictionary.encode(rows))
        progress(window.n_done, max(total, window.n_done))
    if best.n_tokens == 0:
        raise DataError("expected texts with at least two tokens, got none")
    features = tuple(best.label(model, feature) for feature in range(dictionary.n_features))
    return FeatureLabels(dictionary.content_hash, model.hash, best.n_tokens, features)


class _Best:
    """The largest examples of each feature so far."""

    def __init__(self, n_features: int, n_examples: int, context: tuple[int, int]) -> None:
        self.before, self.after = context
        self.values: Float32Array = np.zeros((n_features, n_examples), dtype=np.float32)  # 0: no example
        self.places = np.zeros((n_features, n_examples, 2), dtype=np.int64)  # text, position
        width = self.before + 1 + self.after
        self.windows = np.zeros((n_features, n_examples), dtype=np.int64)
        self.tokens = np.full((n_features, n_examples, width), _NO_TOKEN, dtype=np.int32)
        self.n_active = np.zeros(n_features, dtype=np.int64)
        self.sums = np.zeros(n_features, dtype=np.float64)
        self.n_tokens = self.n_windows = 0

    def update(self, window: TextWindow, features: Float32Array) -> None:
        """Take one window's features, float32, (n_positions, n_features)."""
        self.n_tokens += len(features)
        self.n_windows += 1
        self.n_active += np.count_nonzero(features, axis=0)
        self.sums += features.sum(axis=0, dtype=np.float64)
        where = features.argmax(axis=0)
        largest = features[where, np.arange(features.shape[1])]
        # The smallest gives way, of equal ones the latest, and no equal one takes its place: the first found are kept.
        is_smallest = self.values == self.values.min(axis=1, keepdims=True)
        slots = np.where(is_smallest, self.windows, -1).argmax(axis=1)
        padded = np.full(self.before + len(window.tokens) + self.after, _NO_TOKEN, dtype=np.int32)
        padded[self.before : self.before + len(window.tokens)] = window.tokens
        for feature in np.flatnonzero(largest > self.values[np.arange(len(slots)), slots]):
            slot, position = slots[feature], window.positions[where[feature]]
            self.values[feature, slot], self.windows[feature, slot] = largest[feature], self.n_windows
            self.places[feature, slot] = window.text, position
            self.tokens[feature, slot] = padded[position : position + self.tokens.shape[2]]

    def label(self, model: Model, feature: int) -> FeatureLabel:
        """Return what is known of a feature; equal examples in the order of the texts."""
        values, places = self.values[feature], self.places[feature]
        order = [int(slot) for slot in np.lexsort((places[:, 1], places[:, 0], -values)) if values[slot] > 0]
        n_active = int(self.n_active[feature])
        return FeatureLabel(
            feature,
            n_active / self.n_tokens,
            float(self.sums[feature]) / n_active if n_active else 0.0,
            tuple(self._example(model, feature, slot) for slot in order),
        )

    def _example(self, model: Model, feature: int, slot: int) -> Example:
        tokens = self.tokens[feature, slot]
        middle = self.before
        before, token, after = (
            model.detokenize(_real(part))
            for part in (tokens[:middle], tokens[middle : middle + 1], tokens[middle + 1 :])
        )
        text, position = (int(number) for number in self.places[feature, slot])
        return Example(float(self.values[feature, slot]), before, token, after, text, position)


def _real(tokens: npt.NDArray[np.int32]) -> list[int]:
    return [int(token) for token in tokens if token != _NO_TOKEN]
