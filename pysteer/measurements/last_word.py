"""Can the steered model still say the last word of a passage?

Source: Paperno et al. 2016, arXiv:1606.06031 (LAMBADA). Raw text, no chat template. See `pysteer.last_word`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.formats.texts import Texts
from pysteer.last_word import last_word_jobs, last_words
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.tree_work import tree_work
from pysteer.progress import Progress, silent
from pysteer.steering_program import compile_interventions


@measurements.register("last_word")
@dataclass(frozen=True)
class LastWord(Measurement):
    """Share of last words that greedy decoding says, and their log-probability."""

    data_types = (Texts,)
    uses_setting = False
    depends_on = ("pysteer.last_word", "pysteer.answer_jobs", "pysteer.pair_text")

    def measure(
        self, subject: Subject, data: Texts, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        found = last_words(subject.model, data, steerings, session=subject.session_for_texts, progress=progress)
        return [
            Measured(
                {
                    "log_prob": found.log_prob[:, place],
                    "is_said": found.is_said[:, place].astype(np.float64),
                    "n_tokens": found.n_tokens.astype(np.float64),
                },
                failures={"begin left out to fit the model's context": found.n_cut},
            )
            for place in range(len(steerings))
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        values = measured.values
        change = values["is_said"] - base.values["is_said"]
        return [
            # Ranks as the metric wants them: it asks only whether each is 0.
            scored("last_word_accuracy", about, n_items=len(change), word_ranks=1.0 - values["is_said"]),
            about.mean("last_word_log_prob", values["log_prob"], unit="nats per word", better="higher"),
            about.mean("last_word_accuracy_change", change, unit="share of passages", better="higher"),
        ]

    def work(self, subject: Subject, data: Texts, steerings: Sequence[Steering]) -> Work:
        jobs = last_word_jobs(subject.model, data, [compile_interventions(steering) for steering in steerings])
        return tree_work(jobs, subject)
