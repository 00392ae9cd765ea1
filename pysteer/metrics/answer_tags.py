"""The letter inside ``<answer>...</answer>``: what the metrics of generated answers share. Not a metric itself.

Source: the prompts of "Mind the Performance Gap" (arXiv:2602.04903) ask for a single letter between these tags. As
there, the first pair of tags counts, and its first letter is the answer, in either case. Stricter than there: the
letter has to stand alone, so ``<answer>Because ...</answer>`` is no answer B, but unreadable. Tags may be written in
any case and hold line breaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.text_checks import check_texts

_TAGS = re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)
_FIRST_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class ParsedAnswer:
    """What a generated text answers.

    Parameters
    ----------
    letter : str or None
        Upper case; None: no tag, or nothing readable in it.
    n_tags : int
        Pairs of tags in the text; 0 is a miss, more than one is no failure, but the first counts.
    """

    letter: str | None
    n_tags: int


def parse_answer(text: str, *, letters: str = "ABCD") -> ParsedAnswer:
    """Return the answer in the first pair of tags.

    Parameters
    ----------
    text : str
    letters : str
        The choices; any other letter is unreadable.

    Examples
    --------
    >>> parse_answer("<thinking>C?</thinking><answer>b) 42</answer>")
    ParsedAnswer(letter='B', n_tags=1)
    >>> parse_answer("The answer is B.")
    ParsedAnswer(letter=None, n_tags=0)
    """
    found = _TAGS.findall(text)
    word = _FIRST_WORD.search(found[0]) if found else None
    letter = word.group().upper() if word else ""
    return ParsedAnswer(letter if len(letter) == 1 and letter in letters.upper() else None, len(found))


def answer_hits(texts: Sequence[str], gold_letters: Sequence[str], *, letters: str) -> npt.NDArray[np.float64]:
    """Return 1 (right), 0 (wrong) or NaN (no readable answer) for each text, float64 (n,).

    Raises
    ------
    MeasurementError
        No text, something else than texts, unequal lengths, or a gold letter that is none of ``letters``.
    """
    given = check_texts(texts, what="texts")
    gold = [letter.strip().upper() for letter in check_texts(gold_letters, what="gold_letters")]
    if len(gold) != len(given):
        raise MeasurementError(f"expected a gold letter for each of {len(given)} texts, got {len(gold)}")
    for letter in gold:
        if len(letter) != 1 or letter not in letters.upper():
            raise MeasurementError(f"gold_letters: expected one of {letters!r}, got {letter!r}")
    parsed = [parse_answer(text, letters=letters).letter for text in given]
    return np.array(
        [np.nan if ours is None else float(ours == right) for ours, right in zip(parsed, gold, strict=True)]
    )
