"""Whole sentences, and what stands before their first word.

A token's probability is read behind those before it. Most models put a token of their own (BOS) before every text, so
that a sentence is scored from its first word on. Where a model does not, the first token would never be scored, and two
sentences that differ in their first word would not be told apart by it. So there the model's token for where texts
begin, or else for where they end, is put in front, as evaluation harnesses do (lm-evaluation-harness, Gao et al. 2021).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pysteer.model import Model
from pysteer.pairs import Dataset

_NAMES = ("bos", "eos")


def are_sentences(data: object) -> bool:
    """Return whether data are pairs of whole texts, without prompts."""
    return isinstance(data, Dataset) and not any(pair.prompt for pair in data)


def begun(model: Model, pairs: Dataset) -> Dataset:
    """Return the pairs behind the token that tells where a text begins; as they are where the model puts it there."""
    token = _beginning(model)
    return Dataset(tuple(replace(pair, prompt=token) for pair in pairs), pairs.name) if token else pairs


def told_apart_from_the_start(model: Model, pairs: Dataset) -> npt.NDArray[np.bool_]:
    """Return, (n_pairs,), whether all in which two texts differ is scored: not where their first tokens differ."""
    first = [
        [int(model.tokenize(pair.prompt + text).ids[0]) for text in (pair.positive, pair.negative)] for pair in pairs
    ]
    return np.array([positive == negative for positive, negative in first], dtype=bool)


def _beginning(model: Model) -> str:
    """Return the text of the token to put in front; "" where the model adds one, or has none."""
    if model.native.adds_bos:
        return ""
    for name in _NAMES:
        token = model.native.special_token(name)
        text = "" if token is None else model.native.token_bytes(token, True).decode("utf-8", errors="replace")
        if text and model.tokenize(text).ids.tolist() == [token]:
            return text
    return ""
