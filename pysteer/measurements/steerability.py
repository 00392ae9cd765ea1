"""How far does steering move the preference for the wanted answer, item by item?

Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404; see
`pysteer.propensity` for propensity, and `pysteer.metrics` for all that is made of its curve over the strengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.subject import Subject
from pysteer.measurements.tree_work import tree_work
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.propensity import VARIANTS, PropensityJobs, propensity_jobs, run_propensities
from pysteer.steering_program import compile_interventions


@measurements.register("steerability")
@dataclass(frozen=True)
class Steerability(Measurement):
    """Propensity at every strength, and its slope: steerability, anti-steerable share, linearity.

    Parameters
    ----------
    variant : str
        Propensity: "letter", "full_response", or "auto" (letter when all answers are letters).
    """

    data_types = (Dataset,)
    most_steerings = 63  # sequences of the session, but one for what all texts begin with
    depends_on = ("pysteer.propensity", "pysteer.answer_jobs", "pysteer.pair_text")
    variant: str = "auto"

    def __post_init__(self) -> None:
        if self.variant not in ("auto", *VARIANTS):
            raise MeasurementError(f"unknown propensity {self.variant!r}; expected 'letter', 'full_response' or 'auto'")

    def measure(
        self, subject: Subject, data: Dataset, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        plan = self._plan(subject, data, steerings)
        session = subject.session_for_texts(plan.longest)
        values = run_propensities(session, plan, progress=progress)
        return [Measured({"propensity": column}, details={"variant": plan.variant}) for column in values.T]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        return [about.mean("propensity", measured.values["propensity"], unit="nats", better="higher")]

    def curves(self, coefficients: Sequence[float], measured: Sequence[Measured], about: About) -> list[Result]:
        """Every metric of propensities, over the items that have a number at all strengths."""
        at = np.asarray(coefficients, dtype=np.float64)
        table = np.stack([each.values["propensity"] for each in measured], axis=1)
        whole = np.isfinite(table).all(axis=1)
        return about.metrics_of(coefficients=at, propensities=table[whole], failures=int((~whole).sum()))

    def check(self, subject: Subject, data: Dataset) -> None:
        self._plan(subject, data, [()])

    def work(self, subject: Subject, data: Dataset, steerings: Sequence[Steering]) -> Work:
        plan = self._plan(subject, data, steerings)
        return tree_work(plan.jobs, subject)

    def _plan(self, subject: Subject, data: Dataset, steerings: Sequence[Steering]) -> PropensityJobs:
        return propensity_jobs(
            subject.model,
            data,
            [compile_interventions(steering) for steering in steerings],
            variant=self.variant,
            raw=subject.raw,
            setting=subject.setting,
        )
