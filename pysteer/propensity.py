"""How strongly a model prefers the wanted answer, item by item, at several strengths of steering.

Definitions of "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404:

    letter           log p(letter of the wanted answer) - log p(letter of the other one), after the prompt and what both
                     answers begin with. The same for logits and log-probabilities: the normaliser cancels.
    full_response    sum over all tokens of the answers of log p(wanted) - log p(other). Includes what follows the
                     letter; in log-probabilities, as steering-bench has it, not in raw logits.

An item's prompt is computed once. Where steering begins at the last prompt token or later (window "answer"), all
multipliers go on from there in one batch of a few tokens each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pysteer.answer_jobs import decision_job, whole_answer_job
from pysteer.arrays import Float64Array
from pysteer.errors import DataError, MeasurementError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pair_text import Answered, answer_pair, is_letter, n_common
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.session import Session, session_for_texts
from pysteer.steering_program import Compiled, compile_interventions
from pysteer.tree_run import Job, JobResult, RunCount, run_jobs

VARIANTS = ("letter", "full_response")


@dataclass(frozen=True, eq=False)
class PropensityJobs:
    """The texts to run for the propensity of some pairs under some steerings, and how their results become numbers.

    Parameters
    ----------
    jobs : tuple of Job
        By pair, then by steering; for each one job (letter) or two (full response: wanted, other).
    n_pairs, n_steerings : int
    variant : str
        "letter" or "full_response".
    """

    jobs: tuple[Job, ...]
    n_pairs: int
    n_steerings: int
    variant: str

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max(len(job.tokens) for job in self.jobs)

    def values(self, results: Mapping[int, JobResult]) -> Float64Array:
        """Return the propensities, nats, (n_pairs, n_steerings)."""
        per_value = len(self.jobs) // (self.n_pairs * self.n_steerings)
        groups = [[results[first + k] for k in range(per_value)] for first in range(0, len(self.jobs), per_value)]
        values = [_value(group, self.variant) for group in groups]
        return np.array(values, dtype=np.float64).reshape(self.n_pairs, self.n_steerings)


def propensity_jobs(
    model: Model,
    pairs: Dataset,
    compiled: Sequence[Compiled],
    *,
    variant: str = "auto",
    raw: bool = False,
    setting: PromptSetting | None = None,
) -> PropensityJobs:
    """Return what has to be run; parameters and errors as `propensities`."""
    chosen = choose_variant(pairs, variant)
    texts = [answer_pair(model, pair, raw=raw, setting=setting) for pair in pairs]
    jobs = [
        job
        for number, (positive, negative) in enumerate(texts)
        for job in _item_jobs(positive, negative, compiled, chosen, f"data set {pairs.name!r}, pair {number}")
    ]
    return PropensityJobs(tuple(jobs), len(pairs), len(compiled), chosen)


def propensities(
    model: Model,
    pairs: Dataset,
    steerings: Sequence[Sequence[Intervention]],
    *,
    variant: str = "auto",
    raw: bool = False,
    setting: PromptSetting | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> Float64Array:
    """Return the propensity of every pair under every steering, nats, (n_pairs, n_steerings).

    Parameters
    ----------
    steerings : sequence of (sequence of Intervention)
        An empty one is the unsteered model.
    variant : str
        "letter", "full_response", or "auto": letter when all answers are letters.
    setting : PromptSetting, optional
        System message and persona around every prompt.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped. Steering in force comes before each of
        ``steerings``.

    Raises
    ------
    DataError
        "letter" with answers that are not letters, or that do not differ in their letter alone.
    """
    if not steerings:
        raise MeasurementError("no steering to measure: give at least one coefficient")
    outer = () if session is None else session.steering
    compiled = [outer + compile_interventions(steering) for steering in steerings]
    plan = propensity_jobs(model, pairs, compiled, variant=variant, raw=raw, setting=setting)
    own = session or session_for_texts(model, plan.longest)
    try:
        return run_propensities(own, plan, progress=progress, count=count)
    finally:
        if session is None:
            own.close()


def run_propensities(
    session: Session, plan: PropensityJobs, *, progress: Progress = silent, count: RunCount | None = None
) -> Float64Array:
    """Return the propensities of a plan, nats, (n_pairs, n_steerings)."""
    results: dict[int, JobResult] = {}
    progress(0, plan.n_pairs)
    for group in run_jobs(session, plan.jobs, count=count):
        results.update(group)
        progress(len(results) * plan.n_pairs // len(plan.jobs), plan.n_pairs)
    return plan.values(results)


def choose_variant(pairs: Dataset, variant: str) -> str:
    """Return "letter" or "full_response"; see `propensities`."""
    letters = all(is_letter(pair.positive) and is_letter(pair.negative) for pair in pairs)
    if variant == "auto":
        return "letter" if letters else "full_response"
    if variant not in VARIANTS:
        raise MeasurementError(f"unknown propensity {variant!r}; expected 'letter', 'full_response' or 'auto'")
    if variant == "letter" and not letters:
        raise DataError(f"data set {pairs.name!r}: propensity 'letter' needs answers such as '(A)' in every pair")
    return variant


def _item_jobs(
    positive: Answered, negative: Answered, compiled: Sequence[Compiled], variant: str, where: str
) -> list[Job]:
    if variant == "letter":
        if positive.letter_index() != n_common(positive.tokens.ids, negative.tokens.ids):
            raise DataError(
                f"{where}: the two answers do not differ in their letter first, so there is no position that chooses "
                "between them with this tokenizer; use variant 'full_response'"
            )
        unsteered = [decision_job((positive, negative), (), where)]
    else:
        # A whole text is all answer; its first token, which nothing predicts, stands for the prompt in windows.
        n_prompt = max(1, min(positive.n_prompt, negative.n_prompt))
        unsteered = [whole_answer_job(side, (), n_prompt) for side in (positive, negative)]
    return [replace(job, steering=steering) for steering in compiled for job in unsteered]


def _value(results: list[JobResult], variant: str) -> float:
    if variant == "letter":
        wanted, other = results[0].log_prob.astype(np.float64)
        return float(wanted - other)
    sums = [result.log_prob.astype(np.float64).sum() for result in results]
    return float(sums[0] - sums[1])
