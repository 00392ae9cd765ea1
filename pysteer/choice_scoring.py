"""How probable is each choice of a question, by its letter or as the ending of the text?

    letters    log p(letter) of every choice, at the token that decides between them, after the prompt with all choices
               (MMLU by logits: Hendrycks et al. 2020, arXiv:2009.03300)
    endings    sum over its tokens of log p(token), for every choice as what follows the prompt, which does not show
               them (HellaSwag: Zellers et al. 2019, arXiv:1905.07830; TruthfulQA MC1 and MC2: Lin et al. 2021,
               arXiv:2109.07958)

All strengths are computed side by side: what comes before the first steered token, once for all of them, and what the
choices, the exemplars or the questions have in common, once for these.

A question that is longer than the model's context is not measured: its numbers are NaN under every steering, and it
counts as a failure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pysteer.answer_jobs import TextSession, decision_job, longest_text, run_all, text_session, whole_answer_job
from pysteer.arrays import Float64Array
from pysteer.errors import DataError, MeasurementError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pair_text import Answered, answered
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.question_prompts import PromptPlan
from pysteer.questions import Question, QuestionSet
from pysteer.session import Session
from pysteer.steering_program import Compiled, compile_interventions
from pysteer.tree_run import Job, JobResult, RunCount


@dataclass(frozen=True, eq=False)
class ScoringPlan:
    """The texts to run for some questions, and which of them are measured.

    Parameters
    ----------
    jobs_of : tuple of (tuple of Job)
        For each question the jobs of one steering, without any; empty where it does not fit the model's context.
    """

    jobs_of: tuple[tuple[Job, ...], ...]

    @property
    def fitting(self) -> list[int]:
        """Questions that are measured."""
        return [item for item, jobs in enumerate(self.jobs_of) if jobs]

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return max((len(job.tokens) for jobs in self.jobs_of for job in jobs), default=1)

    def jobs(self, compiled: Sequence[Compiled]) -> list[Job]:
        """Return all jobs: by question, then by steering."""
        return [
            replace(job, steering=steering)
            for item in self.fitting
            for steering in compiled
            for job in self.jobs_of[item]
        ]

    def run(
        self,
        session: Session,
        steerings: Sequence[Sequence[Intervention]],
        *,
        progress: Progress = silent,
        count: RunCount | None = None,
    ) -> dict[tuple[int, int], list[JobResult]]:
        """Return the results of each (question, steering); steering in force comes first."""
        if not steerings:
            raise MeasurementError("no steering to measure: give at least one coefficient")
        compiled = [session.steering + compile_interventions(steering) for steering in steerings]
        done = iter(run_all(session, self.jobs(compiled), n_items=len(self.fitting), progress=progress, count=count))
        return {
            (item, place): [next(done) for _ in self.jobs_of[item]]
            for item in self.fitting
            for place in range(len(compiled))
        }


@dataclass(frozen=True, eq=False)
class EndingScores:
    """Endings as the model sees them.

    Parameters
    ----------
    log_prob : float64, shape (n_questions, n_steerings, n_choices)
        Nats, summed over the ending's tokens. -inf where a question has fewer choices, NaN where it was too long.
    n_bytes : int64, shape (n_questions, n_choices)
        Length of each ending in UTF-8, without a blank before it; 0 where there is none.
    """

    log_prob: Float64Array
    n_bytes: npt.NDArray[np.int64]


def letter_plan(
    model: Model, questions: QuestionSet, prompts: PromptPlan, *, n_shots: int = 0, longest: int | None = None
) -> ScoringPlan:
    """Return what has to be run for `letter_log_probs`; texts above ``longest`` tokens are left out."""
    sides = [
        prompts.letters(model, question, questions.shots(question, n_shots) if n_shots else ())
        for question in questions
    ]
    return ScoringPlan(
        tuple(
            (decision_job(options, (), f"question set {questions.name!r}, question {item}"),)
            if _fits(options, longest or model.n_ctx_train)
            else ()
            for item, options in enumerate(sides)
        )
    )


def letter_log_probs(
    model: Model,
    questions: QuestionSet,
    steerings: Sequence[Sequence[Intervention]],
    *,
    prompts: PromptPlan,
    n_shots: int = 0,
    session: TextSession = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> Float64Array:
    """Return the log-probability of every choice's letter, nats, (n_questions, n_steerings, n_choices).

    Parameters
    ----------
    steerings : sequence of (sequence of Intervention)
        An empty one is the unsteered model.
    prompts : PromptPlan
        The form of the questions, and what stands around them.
    n_shots : int
        Worked examples before each question, of its subject: see `QuestionSet.shots`.
    session : Session, or a function that returns one, optional
        Used instead of one made for the purpose: see `TextSession`. Its sequences are dropped; steering in force comes
        before each of ``steerings``.

    Returns
    -------
    float64
        Over the whole vocabulary: the letters' probabilities do not add up to 1. -inf where a question has fewer
        choices than others, NaN where it is longer than the model's context.

    Raises
    ------
    DataError
        The tokenizer merges letters with what surrounds them so that no single token decides; an open book without
        passages; too few exemplars.
    """
    plan = letter_plan(model, questions, prompts, n_shots=n_shots, longest=longest_text(model, session))
    table = _empty(questions, len(steerings))
    with text_session(model, session, plan.longest) as own:
        for (item, place), [result] in plan.run(own, steerings, progress=progress, count=count).items():
            table[item, place] = -np.inf
            table[item, place, : len(result.log_prob)] = result.log_prob
    return table


def ending_plan(
    model: Model,
    questions: QuestionSet,
    *,
    template: str = "{prompt}",
    setting: PromptSetting | None = None,
    raw: bool = False,
    longest: int | None = None,
) -> ScoringPlan:
    """Return what has to be run for `ending_log_probs`; texts above ``longest`` tokens are left out."""
    if "{prompt}" not in template:
        raise DataError(f"template: expected {{prompt}} in it, got {template!r}")
    if raw and setting is not None:
        raise DataError(f"setting {setting.name!r} cannot be applied: raw prompts are taken as they are")
    jobs_of: list[tuple[Job, ...]] = []
    for question in questions:
        options = _endings(model, question, template, setting, raw)
        n_prompt = max(1, min(side.n_prompt for side in options))
        fits = _fits(options, longest or model.n_ctx_train)
        jobs_of.append(tuple(whole_answer_job(side, (), n_prompt) for side in options) if fits else ())
    return ScoringPlan(tuple(jobs_of))


def ending_log_probs(
    model: Model,
    questions: QuestionSet,
    steerings: Sequence[Sequence[Intervention]],
    *,
    template: str = "{prompt}",
    setting: PromptSetting | None = None,
    raw: bool = False,
    session: TextSession = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> EndingScores:
    """Return the log-probability of every choice as the text that follows the prompt.

    Parameters
    ----------
    template : str
        What the prompt is put into, with ``{prompt}``; such as "Q: {prompt}\\nA:" for raw prompts.
    setting : PromptSetting, optional
        System message and persona around the prompt.
    raw : bool
        The text is continued as it stands, after a blank. Otherwise the prompt is the user's turn of a chat and the
        choices are answers.

    Other parameters and errors as in `letter_log_probs`.
    """
    plan = ending_plan(
        model, questions, template=template, setting=setting, raw=raw, longest=longest_text(model, session)
    )
    log_prob = _empty(questions, len(steerings))
    with text_session(model, session, plan.longest) as own:
        for (item, place), results in plan.run(own, steerings, progress=progress, count=count).items():
            log_prob[item, place] = -np.inf
            sums = [result.log_prob.astype(np.float64).sum() for result in results]
            log_prob[item, place, : len(sums)] = sums
    n_bytes = np.zeros((len(questions), questions.n_choices), dtype=np.int64)
    for item, question in enumerate(questions):
        n_bytes[item, : len(question.choices)] = [len(choice.encode("utf-8")) for choice in question.choices]
    return EndingScores(log_prob, n_bytes)


def _empty(questions: QuestionSet, n_steerings: int) -> Float64Array:
    return np.full((len(questions), n_steerings, questions.n_choices), np.nan)


def _fits(options: Sequence[Answered], longest: int) -> bool:
    return max(len(side.tokens) for side in options) <= longest


def _endings(
    model: Model, question: Question, template: str, setting: PromptSetting | None, raw: bool
) -> list[Answered]:
    prompt = template.replace("{prompt}", question.prompt)
    if raw:
        blank = "" if prompt[-1].isspace() else " "
        return [answered(model, prompt, blank + choice.lstrip(" "), joined=False) for choice in question.choices]
    text = model.chat(prompt) if setting is None else setting.render(model, prompt)
    return [answered(model, text, choice, joined=True) for choice in question.choices]
