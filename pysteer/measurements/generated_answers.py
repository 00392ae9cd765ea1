"""Does the steered model still give the right answer when it has to write it?

Source: "Mind the Performance Gap", arXiv:2602.04903: an answer between ``<answer>`` tags, after reasoning or at once.
There a missing tag is a wrong answer; here the miss rate, and accuracy among the answers that can be read, stand beside
it, and texts that were cut off are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pysteer.batch_generation import WritingPlan
from pysteer.errors import DataError, MeasurementError
from pysteer.generation import Generation
from pysteer.measurements.exemplars import exemplars_key, with_exemplars
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.written_texts import stop_failures, writing_plan, writing_work, written
from pysteer.metrics.answer_tags import answer_hits
from pysteer.progress import Progress, silent
from pysteer.question_prompts import PromptPlan, form_named
from pysteer.questions import LETTERS, QuestionSet

_END = "</answer>"


@measurements.register("generated_answers")
@dataclass(frozen=True)
class GeneratedAnswers(Measurement):
    """Accuracy of written answers, miss rate, and accuracy among those that can be read.

    Parameters
    ----------
    form : str
        How questions are put: a name in `pysteer.question_prompts.FORMS` whose answer stands in tags.
    max_tokens : int
        Longest answer, reasoning included.
    temperature : float
        0 takes the most probable token.
    n_shots : int
        Worked examples before each question, of its subject: the first ones of the data's exemplars.
    exemplars : str, optional
        File of questions that are used as exemplars instead (`QuestionSet.with_exemplars`).
    open_book : bool
        The question's passage stands before it.
    """

    data_types = (QuestionSet,)
    uses_seed = True
    generates = True
    depends_on = (
        "pysteer.batch_generation",
        "pysteer.generation_queue",
        "pysteer.measurements.written_texts",
        "pysteer.question_prompts",
        "pysteer.metrics.answer_tags",
    )
    form: str = "reason"
    max_tokens: int = 256
    temperature: float = 0.0
    n_shots: int = 0
    exemplars: str | None = None
    open_book: bool = False

    def __post_init__(self) -> None:
        if _END not in form_named(self.form).answer:
            raise MeasurementError(
                f"form {self.form!r} has no answer in <answer> tags, so a written answer cannot be found; take "
                "'reason', 'think' or 'tags', or measure multiple_choice"
            )

    def settings(self) -> dict[str, Any]:
        """As they stand in the key: the exemplars by what their file holds."""
        return {**super().settings(), "exemplars": exemplars_key(self.exemplars)}

    def measure(
        self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        texts = written(subject, self._prompts(subject, data), steerings, self._plan(subject), progress)
        gold = [question.letter for question in data]
        letters = LETTERS[: data.n_choices]
        return [self._measured([row[place] for row in texts], gold, letters) for place in range(len(steerings))]

    def _measured(self, texts: Sequence[Generation], gold: list[str], letters: str) -> Measured:
        # The stop string is not part of a text, but of the answer's form.
        said = [text.text + (_END if text.stop_reason == "stop" else "") for text in texts]
        hits = answer_hits(said, gold, letters=letters)
        return Measured(
            {"is_right": hits, "n_tokens": np.array([len(text.tokens) for text in texts])},
            details={
                "texts": said,
                "gold_letters": gold,
                "letters": letters,
                "stop_reasons": [text.stop_reason for text in texts],
            },
            failures={"no readable answer": int(np.isnan(hits).sum()), **stop_failures(texts)},
        )

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        given = {name: measured.details[name] for name in ("texts", "gold_letters", "letters")}
        n, hits = len(given["texts"]), measured.values["is_right"]
        unreadable = {"parsed_answer_accuracy": int(np.isnan(hits).sum())}
        change = np.nan_to_num(hits) - np.nan_to_num(base.values["is_right"])
        return [
            *(
                scored(metric, about, n_items=n, unusable=unreadable.get(metric, 0), **given)
                for metric in ("answer_accuracy", "answer_miss_rate", "parsed_answer_accuracy")
            ),
            about.mean("answer_accuracy_change", change, unit="share of items", better="higher"),
            about.mean("answer_tokens", measured.values["n_tokens"], unit="tokens", better="neither"),
        ]

    def check(self, subject: Subject, data: QuestionSet) -> None:
        prompts = self._prompts(subject, data)
        if all(len(subject.model.tokenize(prompt)) >= subject.model.n_ctx_train for prompt in prompts):
            raise DataError(
                f"question set {data.name!r}: no question leaves room for an answer in this model's context"
            )

    def work(self, subject: Subject, data: QuestionSet, steerings: Sequence[Steering]) -> Work:
        return writing_work(subject, self._prompts(subject, data), steerings, self._plan(subject))

    def _prompts(self, subject: Subject, data: QuestionSet) -> list[str]:
        plan = PromptPlan(form_named(self.form), self.open_book, subject.setting, subject.raw)
        shown = with_exemplars(data, self.exemplars)
        return [
            plan.text(subject.model, question, shown.shots(question, self.n_shots) if self.n_shots else ())
            for question in shown
        ]

    def _plan(self, subject: Subject) -> WritingPlan:
        # The prompts are rendered already.
        return writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature, stop=(_END,), raw=True)
