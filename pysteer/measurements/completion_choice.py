"""Does the steered model still know how things go on? The right ending against wrong ones, by their probabilities.

Source: Zellers et al. 2019, arXiv:1905.07830 (HellaSwag); also PIQA, ARC and other questions whose choices are put as
endings. Raw text, no chat template: the benchmark's convention, so the prompt setting does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.choice_scoring import ScoringPlan, ending_log_probs, ending_plan
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import measured_choices, measured_rows, scored
from pysteer.measurements.multiple_choice import TOO_LONG
from pysteer.measurements.subject import Subject
from pysteer.measurements.tree_work import choices_work
from pysteer.progress import Progress, silent
from pysteer.questions import QuestionSet


@measurements.register("completion_choice")
@dataclass(frozen=True)
class CompletionChoice(Measurement):
    """Share of questions whose right ending is the most probable one, as a sum and per byte.

    Parameters
    ----------
    template : str
        What the prompt is put into, such as "Question: {prompt} Answer:". A backslash and an n make a line break.
    """

    data_types = (QuestionSet,)
    uses_setting = False
    depends_on = ("pysteer.choice_scoring", "pysteer.answer_jobs", "pysteer.pair_text")
    template: str = "{prompt}"

    def measure(
        self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        found = ending_log_probs(
            subject.model,
            data,
            steerings,
            template=self._template,
            raw=True,
            session=subject.session_for_texts,
            progress=progress,
        )
        n_long = int((~measured_rows(found.log_prob)).sum())
        answers = np.array([question.answer for question in data])
        return [
            Measured(
                {
                    "log_probs": found.log_prob[:, place],
                    "lengths": found.n_bytes.astype(np.float64),
                    "answers": answers,
                },
                failures={TOO_LONG: n_long},
            )
            for place in range(len(steerings))
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        values = measured.values
        known, given = measured_choices(values)
        return [
            scored("completion_accuracy", about, lengths=values["lengths"][known], **given),
            scored("choice_accuracy", about, name="completion_accuracy_by_sum", **given),
        ]

    def check(self, subject: Subject, data: QuestionSet) -> None:
        self._plan(subject, data)

    def work(self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering]) -> Work | None:
        return choices_work(self._plan(subject, data), subject, steerings)

    @property
    def _template(self) -> str:
        return self.template.replace("\\n", "\n")

    def _plan(self, subject: Subject, data: QuestionSet) -> ScoringPlan:
        return ending_plan(subject.model, data, template=self._template, raw=True)
