"""Which letter, and which of Yes and No, the wanted answer of each item is. Not a metric itself.

Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404: the two
spurious factors behind steerability. The wanted answer is A when it ends in "(A)". It says Yes when the option of its
letter in the prompt does: "(A): Yes" or "(A) Yes", whatever the number of blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.text_checks import check_texts

BoolArray = npt.NDArray[np.bool_]
_LETTER = re.compile(r"\(([A-Z])\)\s*\Z")


def answer_is_a(responses: Sequence[str]) -> BoolArray:
    """Return which wanted answers are option A, bool (n_items,).

    Parameters
    ----------
    responses : sequence of str
        Wanted answers such as "(A)" or " (B)".

    Raises
    ------
    MeasurementError
        No answer, or one that does not end in a letter in brackets.

    Examples
    --------
    >>> answer_is_a(["(A)", " (B)"])
    array([ True, False])
    """
    wanted = check_texts(responses, what="responses")
    return np.array([_letter(response, index) == "A" for index, response in enumerate(wanted)])


def answer_is_yes(prompts: Sequence[str], responses: Sequence[str]) -> BoolArray:
    """Return which wanted answers say Yes, bool (n_items,).

    Parameters
    ----------
    prompts : sequence of str
        With the options, such as "(A):  No" and "(B):  Yes", each on a line of its own.
    responses : sequence of str
        Wanted answers such as "(A)".

    Raises
    ------
    MeasurementError
        Unequal lengths, no item, or an answer that does not end in a letter in brackets.

    Examples
    --------
    >>> answer_is_yes(["Fun?\\n(A):  No\\n(B):  Yes"] * 2, ["(B)", "(A)"])
    array([ True, False])
    """
    asked, wanted = check_texts(prompts, what="prompts"), check_texts(responses, what="responses")
    if len(asked) != len(wanted):
        raise MeasurementError(f"expected a prompt for each of {len(wanted)} responses, got {len(asked)}")
    return np.array(
        [
            re.search(rf"\({_letter(response, index)}\):?[ ]+Yes\b", prompt) is not None
            for index, (prompt, response) in enumerate(zip(asked, wanted, strict=True))
        ]
    )


def check_factor(values: npt.ArrayLike, n_items: int, *, what: str) -> BoolArray:
    """Return a factor as bool (n_items,); MeasurementError where it is not one 0, 1 or bool for each item."""
    given = np.asarray(values)
    if given.shape != (n_items,) or given.dtype.kind not in "buif" or not np.isin(given, (0, 1)).all():
        raise MeasurementError(f"{what}: expected true or false for each of {n_items} items, got shape {given.shape}")
    return given.astype(np.bool_)


def _letter(response: str, index: int) -> str:
    found = _LETTER.search(response)
    if found is None:
        raise MeasurementError(f"responses: expected a final letter in brackets, got {response!r} at index {index}")
    return found.group(1)
