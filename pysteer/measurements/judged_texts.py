"""How does a local judge rate the texts that the steered model writes: coherence, and how much of the behaviour?

Source: the two ratings of "Mind the Performance Gap", arXiv:2602.04903 (1 to 5), and of Rimsky et al. 2023,
arXiv:2312.06681 (0 to 10), with a local model as judge: `pysteer.judge`. Every text is rated twice, the second time
with the scale written upside down, and compared with the unsteered model's text in both orders; the two kinds of
consistency stand beside the ratings. A judge that fails them says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.file_hash import file_hash
from pysteer.formats.texts import Texts
from pysteer.generation import Generation
from pysteer.judge import Judge
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.written_texts import prompts_of, stop_failures, writing_plan, writing_work, written
from pysteer.metrics.open_behaviour_rate import displays_of
from pysteer.metrics.rating_scales import SCALES
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.rubrics import Rubric, behaviour, coherence

_PROXIES = {
    "sentiment": "Is this text friendly and positive?",
    "toxicity": "Is this text rude, insulting or hateful?",
}
"""Yes-or-no questions about every text; the answers' log-odds are proxies, as the word lists of `text_quality` are."""


@measurements.register("judged_texts")
@dataclass(frozen=True)
class JudgedTexts(Measurement):
    """Ratings of written texts by a local judge, the judge's consistency, and the rate of the behaviour.

    Parameters
    ----------
    behaviour : str
        What the behaviour is, such as "the writer is cheerful". Empty: only coherence is rated.
    judge : str, optional
        Path of the judge's GGUF file. Default: the measured model itself, without steering.
    scale : str
        "1-5", "0-10" or "0-100".
    min_mass : float
        Least probability that the judge gives to all ratings together; below it a text counts as not rated.
    max_tokens : int
        Longest text.
    temperature : float
        Of the texts; 0 takes the most probable token. Ratings are expected values and not sampled.
    """

    data_types = (Texts, Dataset)
    uses_seed = True
    beside_base = True
    generates = True
    depends_on = (
        "pysteer.batch_generation",
        "pysteer.generation_queue",
        "pysteer.measurements.written_texts",
        "pysteer.judge",
        "pysteer.rubrics",
        "pysteer.answer_jobs",
        "pysteer.metrics.rating_scales",
    )
    behaviour: str = ""
    judge: str | None = None
    scale: str = "1-5"
    min_mass: float = 0.5
    max_tokens: int = 64
    temperature: float = 0.0

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise MeasurementError(f"unknown scale {self.scale!r}; expected one of {', '.join(SCALES)}")

    def settings(self) -> dict[str, Any]:
        """As they stand in the key: the judge by what its file holds, wherever it lies."""
        given = super().settings()
        return {**given, "judge": None if self.judge is None else file_hash(Path(self.judge))}

    def measure(
        self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        prompts = prompts_of(data)
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        rows = written(subject, prompts, steerings, plan, progress)
        texts = [text.text for row in rows for text in row]
        asked = [prompt for prompt in prompts for _ in steerings]
        judge = self._judge(subject)
        shape = (len(prompts), len(steerings))
        tables: dict[str, Float64Array] = {}
        for rubric in self._rubrics():
            first, again = (
                judge.rate(texts, rubric, prompts=asked, descending=descending, min_mass=self.min_mass)
                for descending in (False, True)
            )
            tables[rubric.name] = first.value.reshape(shape)
            tables[f"{rubric.name}_again"] = again.value.reshape(shape)
            tables[f"{rubric.name}_mass"] = first.mass.reshape(shape)
            tables[f"{rubric.name}_readable"] = first.is_readable.astype(np.float64).reshape(shape)
        for name, question in _PROXIES.items():
            tables[name] = judge.says_yes(texts, question)[0].reshape(shape)
        tables["preference"], tables["swapped_preference"] = self._preferences(judge, rows)
        return [
            Measured(
                {name: table[:, place] for name, table in tables.items()},
                details={"prompts": prompts, "texts": [row[place].text for row in rows], "judge": judge.model.name},
                failures={
                    **stop_failures([row[place] for row in rows]),
                    "not rated": int(np.isnan(np.stack([tables[r.name][:, place] for r in self._rubrics()])).sum()),
                },
            )
            for place in range(len(steerings))
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        values, results = measured.values, []
        for rubric in self._rubrics():
            name, ratings, again = rubric.name, values[rubric.name], values[f"{rubric.name}_again"]
            n, unrated = len(ratings), int(np.isnan(ratings).sum())
            results += [
                scored("mean_rating", about, n_items=n, unusable=unrated, name=name, ratings=ratings),
                about.mean(f"{name}_change", ratings - base.values[name], unit="rating", better="higher"),
                scored(
                    "repeat_difference",
                    about,
                    n_items=n,
                    unusable=int(np.isnan(ratings + again).sum()),
                    name=f"{name}_repeat_difference",
                    ratings=ratings,
                    repeated_ratings=again,
                ),
                about.mean(f"{name}_mass", values[f"{name}_mass"], unit="probability", better="higher"),
                about.mean(f"{name}_readable", values[f"{name}_readable"], unit="share of texts", better="higher"),
            ]
            if name == "behaviour":
                displays = displays_of(ratings, threshold=(rubric.lowest + rubric.highest) / 2)
                results.append(scored("open_behaviour_rate", about, n_items=n, unusable=unrated, displays=displays))
        preferences, swapped = values["preference"], values["swapped_preference"]
        given: dict[str, Any] = {"preferences": preferences, "swapped_preferences": swapped}
        n, alike = len(preferences), int(np.isnan(preferences + swapped).sum())
        for name in _PROXIES:
            results.append(about.mean(f"{name}_judge_proxy", values[name], unit="log-odds, nats", better="neither"))
        return [
            *results,
            about.mean("preferred", (preferences + 1.0 - swapped) / 2.0, unit="probability", better="higher"),
            *(
                scored(name, about, n_items=n, unusable=alike, **given)
                for name in ("swap_consistency", "first_position_bias")
            ),
        ]

    def work(self, subject: Subject, data: Texts | Dataset, steerings: Sequence[Steering]) -> Work:
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=self.temperature)
        work = writing_work(subject, prompts_of(data), steerings, plan)
        n_texts = work.n_generated // self.max_tokens
        # Each text is read twice for every rubric, once for every proxy, and twice beside the unsteered text.
        asked = [rubric.question("") for rubric in self._rubrics() for _ in range(2)] + [*_PROXIES.values()]
        n_asked = sum(len(subject.model.tokenize(question)) + self.max_tokens for question in asked)
        return replace(work, n_tokens=work.n_tokens + n_texts * (n_asked + 2 * (2 * self.max_tokens + 30)))

    def _rubrics(self) -> list[Rubric]:
        rubrics = [coherence(self.scale)]
        return [*rubrics, behaviour(self.behaviour, self.scale)] if self.behaviour else rubrics

    def _preferences(self, judge: Judge, rows: Sequence[Sequence[Generation]]) -> tuple[Float64Array, Float64Array]:
        """Return the preference of each text over the unsteered one, in both orders; NaN where they are alike."""
        preference, swapped = np.full((2, len(rows), len(rows[0])), np.nan)
        places = [(i, k) for i, row in enumerate(rows) for k in range(len(row)) if row[k].text != row[0].text]
        if places:
            first, second, _ = judge.prefer(
                [rows[i][k].text for i, k in places],
                [rows[i][0].text for i, _ in places],
                f"shows more of this: {self.behaviour}" if self.behaviour else "is more coherent",
            )
            for (i, k), ours, theirs in zip(places, first, second, strict=True):
                preference[i, k], swapped[i, k] = ours, theirs
        return preference, swapped

    def _judge(self, subject: Subject) -> Judge:
        if self.judge is None:
            return Judge(subject.model, raw=subject.raw, session=subject.session_for_texts)
        model = _loaded(self.judge)
        return Judge(model, raw=not model.has_chat_template)


@lru_cache(maxsize=1)
def _loaded(path: str) -> Model:
    """Return the judge; the last one is kept, because every vector's cells ask for it."""
    return Model.load(path)
