"""Ratings from 1 to 5 by the model itself, as the paper takes them from a larger one, and whether it can rate at all.

The judge is the unsteered model under study; a rating is its expected value over the probabilities of the five ratings
(`pysteer.judge`). Whether that means anything is measured first: plain texts against the same words in another order.
"""

from __future__ import annotations

import numpy as np

from pysteer.judge import Judge
from pysteer.pairs import Dataset
from pysteer.rubrics import behaviour, coherence
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel

MODULES = (
    "pysteer.judge",
    "pysteer.rubrics",
    "pysteer.answer_jobs",
    "pysteer.chat_template",
    "pysteer.metrics.rating_scales",
    "pysteer.pair_text",
)
N_CHECKED = 12
"""Texts of the check."""


def check_judge(task: Task) -> PartResult:
    """Arrays: ``ratings`` (n_texts, 2): coherence of plain texts, and of their words shuffled; NaN: not readable."""
    pairs: Dataset = task.data["pairs"]
    texts = list(dict.fromkeys(pair.negative for pair in pairs))[:N_CHECKED]
    salad = [shuffled_words(text, int(task.settings["seed"]), index) for index, text in enumerate(texts)]
    rated = _judge(task.model).rate([*texts, *salad], coherence())
    ratings = rated.value.reshape(2, len(texts)).T
    return PartResult({}, {"ratings": ratings}, failures=int(np.isnan(ratings).any(axis=1).sum()))


def judged_questions(style: int, n_judged: int, n_questions: int) -> list[int]:
    """Return the questions whose answers are rated for a style: others for every style, as long as there are some.

    >>> judged_questions(0, 2, 5), judged_questions(2, 2, 5), judged_questions(0, 3, 2)
    ([0, 1], [4, 0], [0, 1])
    """
    return [(style * n_judged + number) % n_questions for number in range(min(n_judged, n_questions))]


def judge_arms(task: Task) -> PartResult:
    """Rate the answers of every arm of one style to some questions.

    Arrays: one for each arm, (n_judged, 2): behaviour and coherence; NaN: not readable, or too long for the judge.
    """
    texts: dict[str, list[str]] = task.inputs["arms"].content["texts"]
    questions: list[int] = task.settings["questions"]
    said = [texts[arm][question] or "(nothing)" for arm in texts for question in questions]
    judge = _judge(task.model)
    tables = []
    for number, rubric in enumerate((behaviour(str(task.settings["task"])), coherence())):
        tables.append(judge.rate(said, rubric).value)
        task.progress(number + 1, 2)
    both = np.stack(tables, axis=1)
    found = dict(zip(texts, both.reshape(len(texts), len(questions), 2), strict=True))
    return PartResult({}, found, failures=int(np.isnan(both).any(axis=1).sum()))


def shuffled_words(text: str, seed: int, index: int) -> str:
    """Return a text with its words in another order, the same for the same seed and index."""
    words = text.split()
    return " ".join(words[place] for place in np.random.default_rng([seed, index]).permutation(len(words)).tolist())


def _judge(model: StudyModel) -> Judge:
    subject = model.subject()
    return Judge(subject.model, raw=subject.raw, session=subject.session_for_texts)
