"""Does the steered model still know what fills a blank? How well each choice goes with what follows it.

Source: Trinh & Le 2018, "A Simple Method for Commonsense Reasoning", arXiv:1806.02847 (partial scoring); WinoGrande:
Sakaguchi et al. 2019, arXiv:1907.10641. What is scored is what follows the blank, which is the same for all choices,
given the text with each of them: a choice that is rare in itself is no worse for that. Raw text, no chat template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.answer_jobs import whole_answer_job
from pysteer.choice_scoring import ScoringPlan
from pysteer.formats.winogrande import BLANK
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import measured_choices, measured_rows, scored
from pysteer.measurements.multiple_choice import TOO_LONG
from pysteer.measurements.subject import Subject
from pysteer.measurements.tree_work import choices_work
from pysteer.pair_text import answered
from pysteer.progress import Progress, silent
from pysteer.questions import Question, QuestionSet
from pysteer.tree_run import Job


@measurements.register("blank_choice")
@dataclass(frozen=True)
class BlankChoice(Measurement):
    """Share of sentences with a blank ("_") whose right filling makes what follows it most probable."""

    data_types = (QuestionSet,)
    uses_setting = False
    depends_on = (
        "pysteer.choice_scoring",
        "pysteer.answer_jobs",
        "pysteer.pair_text",
        "pysteer.formats.winogrande",
    )

    def accepts(self, data: object) -> bool:
        """Questions with one blank each."""
        return isinstance(data, QuestionSet) and all(question.prompt.count(BLANK) == 1 for question in data)

    def measure(
        self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        plan = self._plan(subject, data)
        table = np.full((len(data), len(steerings), data.n_choices), np.nan)
        session = subject.session_for_texts(plan.longest)
        for (item, place), results in plan.run(session, steerings, progress=progress).items():
            table[item, place] = -np.inf
            sums = [result.log_prob.astype(np.float64).sum() for result in results]
            table[item, place, : len(sums)] = sums
        n_long = int((~measured_rows(table)).sum())
        answers = np.array([question.answer for question in data])
        return [
            Measured({"log_probs": table[:, place], "answers": answers}, failures={TOO_LONG: n_long})
            for place in range(len(steerings))
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        _, given = measured_choices(measured.values)
        return [scored("choice_accuracy", about, **given)]

    def check(self, subject: Subject, data: QuestionSet) -> None:
        self._plan(subject, data)

    def work(self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering]) -> Work | None:
        return choices_work(self._plan(subject, data), subject, steerings)

    def _plan(self, subject: Subject, data: QuestionSet) -> ScoringPlan:
        return ScoringPlan(tuple(_jobs(subject, question) for question in data))


def _jobs(subject: Subject, question: Question) -> tuple[Job, ...]:
    """Return a job for each choice; none where the text is longer than the model's context or the memory."""
    before, _, after = question.prompt.partition(BLANK)
    sides = [answered(subject.model, before + choice, after, joined=False) for choice in question.choices]
    if max(len(side.tokens) for side in sides) > subject.longest_text:
        return ()
    return tuple(whole_answer_job(side, (), max(1, side.n_prompt)) for side in sides)
