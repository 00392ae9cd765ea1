"""Strings that found ones are compared with: random tokens, and beginnings of sentences, of the same length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from pysteer.demo import model_path
from pysteer.demo.material import read_rows
from pysteer.demo.texts import NEUTRAL_TEXT
from pysteer.errors import DataError
from pysteer.formats.texts import Texts
from pysteer.model import Model
from pysteer.prefix_tree import Int32Array

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def natural_texts(is_embedded: bool) -> Texts:
    """Return passages of everyday text; the embedded model's own language for it."""
    if is_embedded:
        rows = read_rows(model_path().parent / "passages.jsonl")
        return Texts("passages of the embedded model", tuple(dict.fromkeys(row["text"] for row in rows)))
    return Texts("neutral passages", NEUTRAL_TEXT)


def natural_strings(model: Model, texts: Iterable[str], length: int, n: int, *, seed: int) -> Int32Array:
    """Return the first ``length`` tokens of different sentences, as they would go on behind a message, (n, length).

    Parameters
    ----------
    n : int
        At most; fewer where fewer sentences are long enough.

    Raises
    ------
    DataError
        No sentence has ``length`` tokens.
    """
    sentences = dict.fromkeys(sentence for text in texts for sentence in _SENTENCE_END.split(text))
    tokens = [model.tokenize(f" {one}", add_special=False, parse_special=False).ids[:length] for one in sentences]
    whole = list(dict.fromkeys(tuple(int(token) for token in one) for one in tokens if len(one) == length))
    if not whole:
        raise DataError(f"no sentence of the natural text has {length} tokens; take shorter strings")
    order = np.random.default_rng(seed).permutation(len(whole))[:n]
    return np.array([whole[index] for index in order], dtype=np.int32)


def random_strings(vocabulary: Int32Array, length: int, n: int, *, seed: Sequence[int]) -> Int32Array:
    """Return strings of tokens drawn alike, (n, length)."""
    return np.random.default_rng(list(seed)).choice(vocabulary, size=(n, length)).astype(np.int32)


def texts_of(model: Model, strings: Iterable[Int32Array]) -> list[str]:
    """Return strings as text."""
    return [model.detokenize([int(token) for token in one]) for one in strings]


def typed(model: Model, text: str) -> Int32Array:
    """Return the tokens of a text that somebody types, int32 (n,)."""
    return np.asarray(model.tokenize(text, add_special=False, parse_special=False).ids, dtype=np.int32)


def spread(n: int, n_most: int) -> list[int]:
    """Return at most ``n_most`` of the places 0 to n - 1, evenly, with the first and the last."""
    return sorted(set(np.linspace(0, n - 1, min(n, n_most)).round().astype(int).tolist())) if n else []
