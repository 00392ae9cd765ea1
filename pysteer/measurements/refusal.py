"""Does steering make the model refuse more, or less?

Refusal drift of an experiment on side effects: the same requests with and without steering, harmful and harmless ones
as data sets of their own. Refusals are found by stock phrases (`pysteer.metrics.refusal_phrases`), which is a proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.formats.texts import Texts
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.written_texts import prompts_of, stop_failures, writing_plan, writing_work, written
from pysteer.metrics.refusal_phrases import is_refusal
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent


@measurements.register("refusal")
@dataclass(frozen=True)
class Refusal(Measurement):
    """Share of answers that refuse, by their phrases, and its change by steering.

    Parameters
    ----------
    max_tokens : int
        Tokens of each answer that are written; a refusal shows at its begin.
    temperature : float
        0 takes the most probable token.
    """

    data_types = (Texts, Dataset)
    uses_seed = True
    generates = True
    depends_on = (
        "pysteer.batch_generation",
        "pysteer.generation_queue",
        "pysteer.measurements.written_texts",
        "pysteer.metrics.refusal_phrases",
    )
    max_tokens: int = 40
    temperature: float = 0.0

    def measure(
        self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        rows = written(subject, prompts_of(data), steerings, plan, progress)
        measured = []
        for place in range(len(steerings)):
            texts = [row[place] for row in rows]
            failures = stop_failures(texts)
            failures.pop("stopped at max_tokens")  # the begin is all that is wanted
            refuses = np.array([float(is_refusal(text.text)) for text in texts])
            measured.append(
                Measured({"refuses": refuses}, details={"texts": [text.text for text in texts]}, failures=failures)
            )
        return measured

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        texts, before = measured.details["texts"], base.details["texts"]
        return [
            scored("refusal_rate", about, n_items=len(texts), texts=texts),
            scored("refusal_drift", about, n_items=len(texts), texts=texts, base_texts=before),
        ]

    def work(self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering]) -> Work:
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        return writing_work(subject, prompts_of(data), steerings, plan)
