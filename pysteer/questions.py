"""Questions with several answers to choose from, of which one is right.

A `QuestionSet` is frozen and has been checked, as `pysteer.pairs.Dataset` is: it is not empty, every question has at
least two choices, the right one occurs once among them, and no question occurs twice. Files are read by
`load_questions` in `pysteer.question_files`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from pysteer.errors import DataError

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Question:
    """One question.

    Parameters
    ----------
    prompt : str
        The question, or the begin of a text that the choices end.
    choices : tuple of str
        2 to 26.
    answer : int
        Index of the right choice, from 0; the best one, where several are right.
    subject : str
        What the question is about, for tables by subject.
    passage : str
        A text that holds the answer, for the open-book arm of an experiment.
    also_right : tuple of int
        Further choices that are true (TruthfulQA), ascending, without ``answer``.

    Raises
    ------
    DataError
        A field is not text that UTF-8 can hold, prompt or choice is blank, too few or too many choices, an index that
        there is not, or a right choice that is repeated among the wrong ones.
    """

    prompt: str
    choices: tuple[str, ...]
    answer: int
    subject: str = ""
    passage: str = ""
    also_right: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "choices", tuple(self.choices))
        object.__setattr__(self, "also_right", tuple(self.also_right))
        texts = [("prompt", self.prompt), ("subject", self.subject), ("passage", self.passage)]
        for field, text in (*texts, *((f"choice {i}", choice) for i, choice in enumerate(self.choices))):
            if not isinstance(text, str):
                raise DataError(f"{field}: expected text, got {type(text).__name__}")
            try:
                text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise DataError(f"{field}: half of a UTF-16 surrogate pair at character {error.start}") from error
            if field not in ("subject", "passage") and not text.strip():
                raise DataError(f"{field}: expected a text that is not blank, got {text!r}")
        n = len(self.choices)
        if not 2 <= n <= len(LETTERS):
            raise DataError(f"choices: expected 2 to {len(LETTERS)}, got {n}")
        for index in self.right:
            if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n:
                raise DataError(f"answer: expected the number of a choice, 0 to {n - 1}, got {index!r}")
        if sorted(set(self.also_right) - {self.answer}) != list(self.also_right):
            raise DataError(f"also_right: expected ascending numbers without {self.answer}, got {self.also_right}")
        wrong = {choice for i, choice in enumerate(self.choices) if i not in self.right}
        repeated = [self.choices[i] for i in self.right if self.choices[i] in wrong]
        if repeated or len({self.choices[i] for i in self.right}) < len(self.right):
            raise DataError(f"choices: the right answer {(repeated or [self.choices[self.answer]])[0]!r} occurs twice")

    @property
    def right(self) -> tuple[int, ...]:
        """All right choices, the best one first."""
        return (self.answer, *self.also_right)

    @property
    def letter(self) -> str:
        """Letter of the right choice."""
        return LETTERS[self.answer]


@dataclass(frozen=True)
class QuestionSet:
    """Questions in a fixed order.

    Parameters
    ----------
    questions : tuple of Question
        At least one, no two equal.
    name : str
        For reports; not part of `content_hash`.
    exemplars : tuple of Question
        Worked examples for few-shot prompts, such as MMLU's development questions.

    Raises
    ------
    DataError
        No question, a question that occurs twice, or one whose prompt is an exemplar's.

    Examples
    --------
    >>> capitals = QuestionSet(tuple(Question(f"Capital {i}?", ("X", "Y"), 0, "ab"[i % 2]) for i in range(6)), "demo")
    >>> [question.prompt for question in capitals.of_subject("b")]
    ['Capital 1?', 'Capital 3?', 'Capital 5?']
    """

    questions: tuple[Question, ...]
    name: str
    exemplars: tuple[Question, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "questions", tuple(self.questions))
        object.__setattr__(self, "exemplars", tuple(self.exemplars))
        if not self.questions:
            raise DataError(f"question set {self.name!r} holds no question")
        first_at: dict[Question, int] = {}
        for index, question in enumerate(self.questions):
            if not isinstance(question, Question):
                raise DataError(f"question set {self.name!r}, question {index}: expected a Question, got {question!r}")
            if first_at.setdefault(question, index) != index:
                raise DataError(
                    f"question set {self.name!r}: questions {first_at[question]} and {index} are the same "
                    f"({question.prompt[:60]!r}); remove one, it would count twice"
                )
        asked = {question.prompt for question in self.questions}
        leaked = [exemplar.prompt for exemplar in self.exemplars if exemplar.prompt in asked]
        if leaked:
            raise DataError(
                f"question set {self.name!r}: {len(leaked)} exemplars ask what is measured, the first is "
                f"{leaked[0][:60]!r}; a question must not be answered by its own exemplar"
            )

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the questions and their order.

        Taken over the UTF-8 bytes of ``[[prompt,[choice,...],answer,subject,passage,[also_right,...]],...]`` as JSON
        without blanks or escapes beyond those that JSON demands. With exemplars, over ``[questions,exemplars]``, both
        written so.
        """
        asked, shown = (
            [[q.prompt, q.choices, q.answer, q.subject, q.passage, q.also_right] for q in questions]
            for questions in (self.questions, self.exemplars)
        )
        rows = [asked, shown] if shown else asked
        canonical = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject, in the order of its first question."""
        return tuple(dict.fromkeys(question.subject for question in self.questions))

    @property
    def n_choices(self) -> int:
        """Choices of the question that has most."""
        return max(len(question.choices) for question in self.questions)

    def select(self, indices: Sequence[int], name: str) -> QuestionSet:
        """Return some questions, in the order of ``indices``, with the same exemplars."""
        return replace(self, questions=tuple(self.questions[index] for index in indices), name=name)

    def of_subject(self, *subjects: str) -> QuestionSet:
        """Return the questions of some subjects; DataError where there is none."""
        unknown = [subject for subject in subjects if subject not in self.subjects]
        if unknown:
            raise DataError(f"question set {self.name!r} has no subject {unknown[0]!r}; it has {list(self.subjects)}")
        kept = [index for index, question in enumerate(self.questions) if question.subject in subjects]
        return self.select(kept, f"{self.name}.{'+'.join(subjects)}")

    def draw(self, n: int, *, seed: int) -> QuestionSet:
        """Return ``n`` questions drawn without replacement, in the order of the set."""
        if not 0 < n <= len(self):
            raise DataError(f"question set {self.name!r} has {len(self)} questions; cannot draw {n}")
        chosen = sorted(np.random.default_rng(seed).permutation(len(self))[:n].tolist())
        return self.select(chosen, f"{self.name}.draw-{n}")

    def with_exemplars(self, examples: QuestionSet) -> QuestionSet:
        """Return the set with the questions of another one as worked examples."""
        return replace(self, exemplars=examples.questions)

    def shots(self, question: Question, n: int) -> tuple[Question, ...]:
        """Return the first ``n`` exemplars of a question's subject; DataError where there are fewer."""
        of_subject = [exemplar for exemplar in self.exemplars if exemplar.subject == question.subject]
        if n < 0 or len(of_subject) < n:
            raise DataError(
                f"question set {self.name!r} has {len(of_subject)} exemplars of subject {question.subject!r}, {n} are "
                "wanted; give it more with with_exemplars"
            )
        return tuple(of_subject[:n])

    def __len__(self) -> int:
        return len(self.questions)

    def __iter__(self) -> Iterator[Question]:
        return iter(self.questions)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> QuestionSet: ...
    def __getitem__(self, index: int | slice) -> Question | QuestionSet:
        """Return one question, or a slice as a set of the same name (an empty slice is a DataError)."""
        return replace(self, questions=self.questions[index]) if isinstance(index, slice) else self.questions[index]


def check_questions_disjoint(train: QuestionSet, test: QuestionSet) -> None:
    """Raise DataError where both sets ask the same: what is measured was an example, or was tuned on."""
    asked = {question.prompt for question in train}
    shared = [index for index, question in enumerate(test) if question.prompt in asked]
    if shared:
        raise DataError(
            f"{len(shared)} of {len(test)} questions of {test.name!r} are asked in {train.name!r}, too, the first is "
            f"question {shared[0]}; leave them out"
        )
