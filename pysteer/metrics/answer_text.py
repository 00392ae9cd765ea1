"""A generated answer against the right one: what the answer metrics share. Not a metric itself.

Source: "Comparing Bottom-Up and Top-Down Steering Approaches on In-Context Learning Tasks", arXiv:2411.07213, and Todd
et al. 2023, arXiv:2310.15213. An answer is the first run of word characters, blanks and full stops in the text, so it
ends at a line break or any other mark. Normalised: lower case, without ASCII punctuation, without the articles a, an
and the, single blanks. A target that is nothing but an article ("a", in tasks with letters) is compared with the
articles left in; the source compares nothing with nothing there.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.text_checks import check_texts
from pysteer.statistics import finite_values

_ANSWER = re.compile(r"[\w. ]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def parse_generation(text: str) -> str:
    """Return the first run of word characters, blanks and full stops, or an empty text where there is none.

    Examples
    --------
    >>> parse_generation(" Paris is big.\\nQ: Spain")
    ' Paris is big.'
    """
    found = _ANSWER.search(text)
    return found.group() if found else ""


def normalise_answer(text: str, *, keep_case: bool = False, keep_articles: bool = False) -> list[str]:
    """Return the words that answers are compared by.

    Parameters
    ----------
    keep_case : bool
        Upper and lower case differ; then articles are only those in lower case.
    keep_articles : bool
        Leave a, an and the in.

    Examples
    --------
    >>> normalise_answer("  The U.S.  (of America)!")
    ['us', 'of', 'america']
    """
    cased = (text if keep_case else text.lower()).translate(_NO_PUNCTUATION)
    return (cased if keep_articles else _ARTICLES.sub(" ", cased)).split()


def best_of(
    texts: Sequence[str],
    targets: Sequence[str | Sequence[str]],
    compare: Callable[[list[str], list[str]], float],
    *,
    keep_case: bool,
    is_whole: bool = False,
) -> Float64Array:
    """Return for each text the best comparison with any of its targets, float64 (n,).

    Parameters
    ----------
    compare : callable
        Takes the normalised words of an answer and of a target, which has at least one; an answer without words
        scores 0 without being asked.
    is_whole : bool
        Compare the whole text, not only its first run.

    Raises
    ------
    MeasurementError
        No text, unequal lengths, something else than texts, or a target without a word.
    """
    given = check_texts(texts, what="texts")
    if isinstance(targets, str) or len(targets) != len(given):
        raise MeasurementError(f"targets: expected one for each of {len(given)} texts, got {len(targets)}")
    scores = []
    for index, (text, wanted) in enumerate(zip(given, targets, strict=True)):
        answer = text if is_whole else parse_generation(text)
        alternatives = check_texts([wanted] if isinstance(wanted, str) else wanted, what=f"targets[{index}]")
        scores.append(max(_compare(answer, target, compare, keep_case=keep_case) for target in alternatives))
    return finite_values(scores, n_dims=1, what="texts")


def _compare(answer: str, target: str, compare: Callable[[list[str], list[str]], float], *, keep_case: bool) -> float:
    only_articles = not normalise_answer(target, keep_case=keep_case)
    wanted, given = (
        normalise_answer(side, keep_case=keep_case, keep_articles=only_articles) for side in (target, answer)
    )
    if not wanted:
        raise MeasurementError(f"a target needs at least one word, got {target!r}")
    return compare(given, wanted) if given else 0.0
