"""What does steering do to the texts that the model writes?

Texts are written to the same prompts at all strengths, and measured with every metric of `pysteer.metrics` that takes
texts: diversity (distinct-n), repetition, n-gram entropy (arXiv:2310.15213 and its followers), proxies for sentiment,
toxicity and refusal. *Surprise* is how improbable a text is to the model as it is (`pysteer.text_surprise`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pysteer.formats.texts import Texts
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.written_texts import prompts_of, stop_failures, writing_plan, writing_work, written
from pysteer.metrics import metrics
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.text_surprise import text_surprise


@measurements.register("text_quality")
@dataclass(frozen=True)
class TextQuality(Measurement):
    """Diversity, repetition, proxies and surprise of written texts, and their length.

    Parameters
    ----------
    max_tokens : int
        Longest text.
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
        "pysteer.text_surprise",
        "pysteer.answer_jobs",
    )
    max_tokens: int = 64
    temperature: float = 0.0

    def measure(
        self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        prompts = prompts_of(data)
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        rows = written(subject, prompts, steerings, plan, progress)
        rendered = [plan.prompt_text(subject.model, prompt) for prompt in prompts]
        surprise = text_surprise(
            subject.model,
            [prompt for prompt in rendered for _ in steerings],
            [text.tokens for row in rows for text in row],
            session=subject.session_for_texts,
        ).reshape(len(prompts), len(steerings))
        measured = []
        for place in range(len(steerings)):
            texts = [row[place] for row in rows]
            n_tokens = np.array([len(text.tokens) for text in texts])
            measured.append(
                Measured(
                    {"surprise": surprise[:, place], "n_tokens": n_tokens},
                    details={"prompts": prompts, "texts": [text.text for text in texts]},
                    failures={**stop_failures(texts), "empty": int((n_tokens == 0).sum())},
                )
            )
        return measured

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        texts, before = measured.details["texts"], base.details["texts"]
        results: list[Result] = []
        for name in metrics:
            needs = metrics.facts(name)["needs"]
            if needs == ("texts",):
                results.append(scored(name, about, n_items=len(texts), texts=texts))
            elif needs == ("texts", "base_texts"):
                results.append(scored(name, about, n_items=len(texts), texts=texts, base_texts=before))
        change = measured.values["surprise"] - base.values["surprise"]
        return [
            *results,
            about.mean("surprise", measured.values["surprise"], unit="nats per token", better="lower"),
            about.mean("surprise_change", change, unit="nats per token", better="lower"),
            about.mean("text_tokens", measured.values["n_tokens"], unit="tokens", better="neither"),
        ]

    def work(self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering]) -> Work:
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        work = writing_work(subject, prompts_of(data), steerings, plan)
        # What was written is read once more, without steering.
        return replace(work, n_tokens=2 * work.n_tokens + work.n_generated, n_outputs=work.n_outputs + work.n_generated)
