"""Questions out of records, with the record's place in every error."""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.errors import DataError
from pysteer.formats.drops import Drops
from pysteer.formats.format import Source
from pysteer.questions import LETTERS, Question, QuestionSet


class QuestionCollector:
    """Collects the questions of one file.

    Parameters
    ----------
    source : Source
    repeats_are_errors : bool
        For our own format. Elsewhere a question that is repeated, or whose right answer is repeated among its choices,
        is dropped, counted and reported.
    """

    def __init__(self, source: Source, *, repeats_are_errors: bool = False) -> None:
        self.source = source
        self.repeats_are_errors = repeats_are_errors
        self.questions: dict[Question, str] = {}
        self.drops = Drops(source.where)

    def add(
        self,
        prompt: str,
        choices: Sequence[str],
        answer: int,
        where: str,
        *,
        subject: str = "",
        passage: str = "",
        also_right: Sequence[int] = (),
    ) -> None:
        """Add one question; DataError where it breaks a rule of `Question`, or (own format) repeats another."""
        choices = tuple(choices)
        if not self.repeats_are_errors and 0 <= answer < len(choices) and choices.count(choices[answer]) > 1:
            self.drops.add("hold their right answer twice", where)
            return
        try:
            question = Question(prompt, choices, answer, subject, passage, tuple(also_right))
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        first = self.questions.setdefault(question, where)
        if first == where:
            return
        if self.repeats_are_errors:
            earlier = first.removeprefix(f"{self.source.where}, ")
            raise DataError(f"{where}: the same question as {earlier}; remove one, it would count twice")
        self.drops.add("repeat an earlier question", where)

    def question_set(self) -> QuestionSet:
        """Return the questions; warns if something was dropped, DataError if nothing is left."""
        if not self.questions:
            raise DataError(f"{self.source.where}: expected at least one question, got none")
        self.drops.warn(kept=len(self.questions))
        return QuestionSet(tuple(self.questions), self.source.name)


def choice_number(value: object, where: str) -> int:
    """Return the number, from 0, of a choice that is given as a number from 0 or as a letter.

    Raises
    ------
    DataError
        It is neither.

    Examples
    --------
    >>> choice_number("C", "line 1"), choice_number(2, "line 1"), choice_number(" c ", "line 1")
    (2, 2, 2)
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    letter = value.strip().upper() if isinstance(value, str) else ""
    if len(letter) == 1 and letter in LETTERS:
        return LETTERS.index(letter)
    if letter.isascii() and letter.isdigit() and len(letter) <= 2:
        return int(letter)
    raise DataError(f"{where}: expected the right choice as a letter or as a number from 0, got {value!r}")
