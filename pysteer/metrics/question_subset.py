"""Which questions to ask when there is no time for all: the first few of each subject. Not a metric itself.

Source: "Mind the Performance Gap", arXiv:2602.04903: the first 3 of each of MMLU's 57 subjects, 171 questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pysteer.errors import MeasurementError


def first_per_subject(subjects: Sequence[str], *, n_per_subject: int) -> list[int]:
    """Return the indices of the first questions of each subject, in the order of the data.

    Parameters
    ----------
    subjects : sequence of str
        Subject of each question.
    n_per_subject : int
        3 gives the 171 questions of the paper.

    Raises
    ------
    MeasurementError
        No question, a number below 1, or a subject with fewer questions.

    Examples
    --------
    >>> first_per_subject(["law", "art", "law", "law", "art"], n_per_subject=2)
    [0, 1, 2, 4]
    """
    if n_per_subject < 1 or not subjects:
        raise MeasurementError(f"expected questions and at least 1 per subject, got {len(subjects)}, {n_per_subject}")
    taken: Counter[str] = Counter()
    chosen = []
    for index, subject in enumerate(subjects):
        if taken[subject] < n_per_subject:
            taken[subject] += 1
            chosen.append(index)
    short = sorted(subject for subject, n in taken.items() if n < n_per_subject)
    if short:
        raise MeasurementError(f"subject {short[0]!r} has {taken[short[0]]} questions, expected {n_per_subject}")
    return chosen
