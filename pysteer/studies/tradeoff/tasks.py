"""Questions that the arms are asked: four choices, worked examples, and a passage for the open book.

Embedded model: its own closed-book questions, those that training never asked; exemplars are questions that it did ask;
the passage is the statement of the fact with two others, in an order drawn by the seed. Every other model: MMLU from
the folder of data sets (Hendrycks et al. 2020, arXiv:2009.03300), exemplars of pysteer's own, and a passage of
"notes" written for pysteer: one sentence that states the right choice, and two that are beside the point. So the open
book tells whether a model that is given the answer still uses it under steering, not whether it can read.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.demo.material import read_rows
from pysteer.errors import DataError, DroppedDataWarning
from pysteer.question_files import load_questions
from pysteer.questions import LETTERS, Question, QuestionSet
from pysteer.studies.tradeoff.styles import MATERIAL

_N_BESIDE = 2
"""Sentences of a passage that are beside the point."""
_FEWEST = 8
"""Questions besides those for validation."""


@dataclass(frozen=True, eq=False)
class Tasks:
    """Questions by what they are for, disjoint.

    Parameters
    ----------
    asked : QuestionSet
        Answered in writing under every arm; each has a passage.
    scored : QuestionSet
        Read off the letters' probabilities under every arm; the first ones are those of ``asked``.
    validation : QuestionSet
        For the search of the optimised arm.
    capability : QuestionSet
        For whether there is a capability that could be lost, and which answers show it.
    thoughts : mapping of str to str
        What an exemplar thinks before it answers, by its question.
    n_left_out : int
        Questions that do not fit the context of every model with exemplars and passage.
    """

    asked: QuestionSet
    scored: QuestionSet
    validation: QuestionSet
    capability: QuestionSet
    thoughts: dict[str, str]
    n_left_out: int


Fits = Callable[[Question, tuple[Question, ...], dict[str, str]], bool]
"""Whether a question fits with these exemplars and their thoughts."""


def embedded_tasks(folder: Path, sizes: tuple[int, int, int, int], n_shots: int, *, seed: int, fits: Fits) -> Tasks:
    """Return the questions of the embedded model.

    Parameters
    ----------
    sizes : (int, int, int, int)
        Questions for writing, for scoring (those for writing among them), for validation, and for judging whether there
        is a capability; at most. Of few questions a quarter is left for the last, but for those for validation.
    """
    rows: list[dict[str, Any]] = [dict(row) for row in read_rows(folder / "questions.jsonl")]
    closed = [row for row in rows if row["book"] == "closed"]
    facts = [str(row["fact"]) for row in closed]
    questions, shown, thoughts = [], [], {}
    for number, row in enumerate(closed):
        passage = _passage(str(row["fact"]), [fact for fact in facts if fact != row["fact"]], [seed, number])
        question = Question(row["question"], tuple(row["choices"]), LETTERS.index(row["answer"]), passage=passage)
        if row["seen_in_training"]:
            shown.append(replace(question))
            thoughts[question.prompt] = str(row["fact"])
        else:
            questions.append(question)
    asked_prompts = {question.prompt for question in questions}
    exemplars = tuple(question for question in shown if question.prompt not in asked_prompts)[:n_shots]
    return _tasks("invented world", questions, exemplars, thoughts, sizes, seed, fits)


def public_tasks(files: list[Path], sizes: tuple[int, int, int, int], n_shots: int, *, seed: int, fits: Fits) -> Tasks:
    """Return MMLU questions with notes, and exemplars of pysteer's own; parameters as `embedded_tasks`."""
    notes = json.loads((MATERIAL / "notes.json").read_text("utf-8"))
    with warnings.catch_warnings():  # questions that a file holds twice are its own matter
        warnings.simplefilter("ignore", DroppedDataWarning)
        loaded = load_questions(*files)
    questions = []
    for number, question in enumerate(without_repeats(loaded)):
        told = notes["fact"].format(question=question.prompt.strip(), answer=question.choices[question.answer])
        passage = _passage(told, notes["beside"], [seed, number])
        questions.append(replace(question, passage=passage, subject=""))
    records = json.loads((MATERIAL / "exemplars.json").read_text("utf-8"))["questions"]
    exemplars = tuple(own_exemplar(record, notes) for record in records[:n_shots])
    thoughts = {str(record["question"]): str(record["thought"]) for record in records}
    return _tasks("mmlu", questions, exemplars, thoughts, sizes, seed, fits)


def without_repeats(questions: Iterable[Question]) -> list[Question]:
    """Return the first of those questions that ask the same with the same choices, whatever file or subject."""
    first: dict[tuple[str, tuple[str, ...]], Question] = {}
    for question in questions:
        first.setdefault((question.prompt, question.choices), question)
    return list(first.values())


def own_exemplar(record: dict[str, Any], notes: dict[str, Any]) -> Question:
    """Return a worked example of `material/exemplars.json`, with its passage."""
    told = notes["fact"].format(question=record["question"], answer=record["choices"][LETTERS.index(record["answer"])])
    return Question(record["question"], tuple(record["choices"]), LETTERS.index(record["answer"]), passage=told)


def _tasks(
    name: str,
    questions: list[Question],
    exemplars: tuple[Question, ...],
    thoughts: dict[str, str],
    sizes: tuple[int, int, int, int],
    seed: int,
    fits: Fits,
) -> Tasks:
    order = np.random.default_rng(seed).permutation(len(questions)).tolist()
    n_asked, n_scored, n_validation, n_judged = sizes
    n_measured = max(n_scored, n_asked)
    kept: list[Question] = []
    n_left_out = 0
    for index in order:
        if len(kept) == n_validation + n_measured + n_judged:
            break
        if fits(questions[index], exemplars, thoughts):
            kept.append(questions[index])
        else:
            n_left_out += 1
    if len(kept) < _FEWEST + n_validation:
        raise DataError(
            f"{name}: {len(kept)} of {len(questions)} questions fit the model's context with exemplars and passage; at "
            f"least {_FEWEST + n_validation} are needed: take a model with a longer context, or a smaller preset"
        )
    validation, others = kept[:n_validation], kept[n_validation:]
    n_own = min(n_judged, max(len(others) - n_measured, len(others) // 4))
    rest, own = others[: min(len(others) - n_own, n_measured)], others[len(others) - n_own :]
    scored = QuestionSet(tuple(rest), f"{name}.scored", exemplars)
    return Tasks(
        QuestionSet(tuple(rest[:n_asked]), f"{name}.asked", exemplars),
        scored,
        QuestionSet(tuple(validation), f"{name}.validation"),
        QuestionSet(tuple(own), f"{name}.capability"),
        {exemplar.prompt: thoughts[exemplar.prompt] for exemplar in exemplars},
        n_left_out,
    )


def _passage(told: str, others: list[str], seed: list[int]) -> str:
    generator = np.random.default_rng(seed)
    beside = [others[index] for index in generator.permutation(len(others))[:_N_BESIDE].tolist()]
    sentences = [told, *beside]
    return " ".join(sentences[index] for index in generator.permutation(len(sentences)).tolist())
