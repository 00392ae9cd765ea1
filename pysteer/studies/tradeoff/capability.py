"""Is there a capability that could be lost, and which answers show it: written ones, letters, or none?

A control that was lucky on the questions it was chosen by seems to lose on the same questions, even where steering does
nothing. So both are judged on questions of their own, which no loss is measured on; there only the control answers.
"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import wilson_interval
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import BY_NAME
from pysteer.studies.tradeoff.letters import MODULES as LETTERS
from pysteer.studies.tradeoff.letters import hits_of, likeliest
from pysteer.studies.tradeoff.writing import MODULES as WRITING
from pysteer.studies.tradeoff.writing import Items, hits_of_texts, said_of, write

CHANCE = 0.25
"""Accuracy of somebody who guesses among four choices."""
MODULES = (*WRITING, *LETTERS, "pysteer.studies.tradeoff.letters", "pysteer.statistics.share")


def measure_capability(task: Task) -> PartResult:
    """Let the control answer the questions that nothing else uses, in writing and by letters.

    Arrays: ``written`` and ``letters`` (n_questions,): 1 right, 0 wrong or not readable, NaN too long. Content:
    ``kind``, see `kind_of`.
    """
    items = Items(task)
    texts = [said_of(row[0]) for row in write(task, items.prompts(BY_NAME["control"], ""), [()])]
    hits = np.nan_to_num(hits_of_texts(texts, items.questions))
    letters = hits_of(likeliest(task, items.questions, BY_NAME["control"], [()], "")[:, 0], items.questions)
    n_long = int(np.isnan(letters).sum())
    return PartResult({"kind": kind_of(hits, letters)}, {"written": hits, "letters": letters}, failures=n_long)


def kind_of(written: Float64Array, letters: Float64Array) -> str:
    """Return which answers are above chance: "written", else "letters", else "".

    Parameters
    ----------
    written, letters : float, shape (n_questions,)
        1 or 0; NaN: not measured.

    Examples
    --------
    >>> kind_of(np.zeros(20), np.ones(20)), kind_of(np.zeros(20), np.zeros(20))
    ('letters', '')
    """
    for kind, hits in (("written", written), ("letters", letters)):
        known = hits[~np.isnan(hits)]
        if known.size >= 2 and wilson_interval(int(known.sum()), known.size).low > CHANCE:
            return kind
    return ""
