"""Means without what could not be measured, and means over the answers to one and the same word."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from pysteer.arrays import Float64Array


def mean_known(values: Float64Array, *, axis: int) -> Float64Array:
    """Return means without NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    n = known.sum(axis=axis)
    return np.asarray(np.where(n > 0, total / np.maximum(n, 1), np.nan), dtype=np.float64)


def mean_by_word(values: Float64Array, words: Sequence[Hashable]) -> Float64Array:
    """Return the mean of each different word's numbers, (n_words, ...), words in the order in which they come.

    Parameters
    ----------
    values : float64, shape (n_items, ...)
        NaN where an item could not be measured.
    words : sequence, length n_items
        What each item asks about.

    >>> mean_by_word(np.array([1.0, 0.0, 0.0]), ["sun", "moon", "sun"])
    array([0.5, 0. ])
    """
    places: dict[Hashable, list[int]] = {}
    for place, word in enumerate(words):
        places.setdefault(word, []).append(place)
    return np.stack([mean_known(values[same], axis=0) for same in places.values()])
