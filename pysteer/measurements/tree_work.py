"""How many tokens a run over a prefix tree computes, counted without running it."""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.choice_scoring import ScoringPlan
from pysteer.measurements.measured import Work
from pysteer.measurements.measurement import Steering
from pysteer.measurements.subject import Subject
from pysteer.prefix_tree import Branch, order_branches
from pysteer.steering_program import changes_at, compile_interventions
from pysteer.tree_run import Job


def choices_work(plan: ScoringPlan, subject: Subject, steerings: Sequence[Steering]) -> Work | None:
    """Return the work of scoring the choices of a plan under all steerings; None where no question fits."""
    jobs = plan.jobs([compile_interventions(steering) for steering in steerings])
    return tree_work(jobs, subject) if jobs else None


def tree_work(jobs: Sequence[Job], subject: Subject) -> Work:
    """Return the work of `pysteer.tree_run.run_jobs` on ``jobs``, in the session of `Subject.session_for_texts`.

    Shared tokens are counted once, as if the whole tree fitted the session; where it does not, groups of branches
    compute what they share again, which adds a few percent.
    """
    lengths = [1 + max((*job.record, *job.score), default=len(job.tokens) - 1) for job in jobs]
    branches = [
        Branch(job.tokens[:length], tuple(changes_at(job.steering, job.prompt_length)))
        for job, length in zip(jobs, lengths, strict=True)
    ]
    order, shared = order_branches(branches)
    n_tokens = sum(lengths[index] - same for index, same in zip(order, shared, strict=True))
    n_outputs = sum(
        len({position for position in jobs[index].score if position >= same})
        for index, same in zip(order, shared, strict=True)
    )
    n_ctx = subject.room_for_texts(max(len(job.tokens) for job in jobs))
    return Work(n_tokens, n_outputs=n_outputs, n_ctx=n_ctx, n_sequences=64)
