"""Does the steered model still know the answer? Multiple choice, read off the probabilities of the letters.

Source: Hendrycks et al. 2020, arXiv:2009.03300 (MMLU); as the cheap variant of the capability side of "Mind the
Performance Gap", arXiv:2602.04903, whose arms few-shot and open book are settings here. Nothing is generated: one
position a question decides, at all strengths side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pysteer.choice_scoring import ScoringPlan, letter_log_probs, letter_plan
from pysteer.measurements.exemplars import exemplars_key, with_exemplars
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import measured_rows, scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.tree_work import choices_work
from pysteer.metrics.choices import is_best
from pysteer.progress import Progress, silent
from pysteer.question_prompts import PromptPlan, form_named
from pysteer.questions import LETTERS, QuestionSet

TOO_LONG = "longer than the model's context"


@measurements.register("multiple_choice")
@dataclass(frozen=True)
class MultipleChoice(Measurement):
    """Accuracy and probability of the right letter, and which letters are chosen.

    Parameters
    ----------
    form : str
        How questions are put: a name in `pysteer.question_prompts.FORMS`.
    n_shots : int
        Worked examples before each question, of its subject: the first ones of the data's exemplars.
    exemplars : str, optional
        File of questions that are used as exemplars instead (`QuestionSet.with_exemplars`).
    open_book : bool
        The question's passage stands before it.
    """

    data_types = (QuestionSet,)
    depends_on = ("pysteer.choice_scoring", "pysteer.question_prompts", "pysteer.answer_jobs", "pysteer.pair_text")
    form: str = "letter"
    n_shots: int = 0
    exemplars: str | None = None
    open_book: bool = False

    def __post_init__(self) -> None:
        form_named(self.form)

    def settings(self) -> dict[str, Any]:
        """As they stand in the key: the exemplars by what their file holds."""
        return {**super().settings(), "exemplars": exemplars_key(self.exemplars)}

    def measure(
        self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        table = letter_log_probs(
            subject.model,
            with_exemplars(data, self.exemplars),
            steerings,
            prompts=self._prompts(subject),
            n_shots=self.n_shots,
            session=subject.session_for_texts,
            progress=progress,
        )
        answers = np.array([question.answer for question in data])
        n_long = int((~measured_rows(table)).sum())
        return [
            Measured({"log_probs": table[:, place], "answers": answers}, failures={TOO_LONG: n_long})
            for place in range(len(steerings))
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        table, answers = measured.values["log_probs"], measured.values["answers"].astype(np.int64)
        known = measured_rows(table)
        n, failures = int(known.sum()), int((~known).sum())
        given: dict[str, Any] = {"log_probs": table[known], "answers": answers[known]}
        results = [
            scored(name, about, n_items=n, failures=failures, **given)
            for name in ("choice_accuracy", "choice_probability")
        ]
        change = np.full(len(table), np.nan)
        if n:
            hits, before = (is_best(each.values["log_probs"][known], answers[known]) for each in (measured, base))
            change[known] = hits.astype(np.float64) - before
        results.append(about.mean("choice_accuracy_change", change, unit="share of items", better="higher"))
        chosen = np.where(known, np.where(np.isnan(table), -np.inf, table).argmax(axis=1), np.nan)
        for index in range(table.shape[1]):
            share = np.where(known, chosen == index, np.nan)
            results.append(about.mean(f"chose_{LETTERS[index]}", share, unit="share of items", better="neither"))
        return results

    def check(self, subject: Subject, data: QuestionSet) -> None:
        self._plan(subject, data)

    def work(self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering]) -> Work | None:
        return choices_work(self._plan(subject, data), subject, steerings)

    def _prompts(self, subject: Subject) -> PromptPlan:
        return PromptPlan(form_named(self.form), self.open_book, subject.setting, subject.raw)

    def _plan(self, subject: Subject, data: QuestionSet) -> ScoringPlan:
        shown = with_exemplars(data, self.exemplars)
        return letter_plan(subject.model, shown, self._prompts(subject), n_shots=self.n_shots)
