"""Texts that can be measured, and their words. Not a metric itself.

Words, for every metric that counts them: runs of letters and digits with the apostrophes and hyphens inside them
("don't" is one), and every other character that is not a blank as a word of its own. No language, no download.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pysteer.errors import MeasurementError

_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def check_texts(texts: Sequence[str], *, what: str) -> list[str]:
    """Return the texts as a list; empty ones are texts, too.

    Raises
    ------
    MeasurementError
        No text, a single string in place of a list, or something that is not text.
    """
    if isinstance(texts, str):
        raise MeasurementError(f"{what}: expected a list of texts, got one text: put it into a list")
    try:
        given = list(texts)
    except TypeError as error:
        raise MeasurementError(f"{what}: expected a list of texts, got {type(texts).__name__}") from error
    if not given:
        raise MeasurementError(f"{what}: expected at least one text, got none; nothing was measured")
    for index, text in enumerate(given):
        if not isinstance(text, str):
            raise MeasurementError(f"{what}: expected texts, got {text!r} at index {index}")
    return given


def words(text: str) -> list[str]:
    """Return words and punctuation marks in order, in the case they have.

    Examples
    --------
    >>> words("I don't know, Ann.")
    ['I', "don't", 'know', ',', 'Ann', '.']
    """
    return _WORD.findall(text)


def n_grams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """Return all runs of ``n`` neighbouring tokens, in order; none where there are fewer.

    Examples
    --------
    >>> n_grams(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def distinct_share(tokens: Sequence[str], n: int) -> float:
    """Return the number of different n-grams over the number of tokens (not of n-grams); NaN without a token.

    Examples
    --------
    >>> distinct_share(["a", "b", "a", "b"], 2)
    0.5
    """
    return len(set(n_grams(tokens, n))) / len(tokens) if tokens else math.nan
