"""Jobs that score answers: at the one token that decides between them, or over all their tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.pair_text import Answered, n_common
from pysteer.progress import Progress, silent
from pysteer.session import Session, session_for_texts
from pysteer.steering_program import Compiled
from pysteer.tree_run import Job, JobResult, RunCount, run_jobs

TextSession: TypeAlias = "Session | Callable[[int], Session] | None"
"""Where texts are computed: in this session; in the one that the function returns for the longest text's number of
tokens, which stays open; or (None) in one made for the purpose."""


def decision_job(options: Sequence[Answered], steering: Compiled, where: str) -> Job:
    """Return the job that scores every option at the first token in which they differ.

    The result's ``log_prob`` has one entry for each option.

    Raises
    ------
    DataError
        The options do not all differ there, so no single token chooses between them.
    """
    first = options[0].tokens.ids
    at = min(n_common(first, option.tokens.ids) for option in options[1:])
    targets = tuple(int(option.tokens.ids[at]) if at < len(option.tokens) else -1 for option in options)
    if at == 0 or -1 in targets or len(set(targets)) < len(targets):
        shown = ", ".join(repr(option.answer[:20]) for option in options[:4])
        raise DataError(
            f"{where}: no single token chooses between the answers {shown} with this tokenizer; use another form of "
            "answer, or score whole answers"
        )
    n_prompt = max(1, min(option.n_prompt for option in options))
    return Job(first[:at], score=(at - 1,) * len(targets), targets=targets, steering=steering, n_prompt=n_prompt)


def whole_answer_job(side: Answered, steering: Compiled, n_prompt: int) -> Job:
    """Return the job that scores every token behind the prompt's; DataError where there is none."""
    ids = side.tokens.ids
    if len(ids) <= n_prompt:
        raise DataError(f"the answer {side.answer[:60]!r} has no token that could be scored")
    positions = tuple(range(n_prompt - 1, len(ids) - 1))
    targets = tuple(int(token) for token in ids[n_prompt:])
    return Job(ids[:-1], score=positions, targets=targets, steering=steering, n_prompt=n_prompt)


def longest_text(model: Model, session: TextSession) -> int:
    """Return how many tokens a text may have: what the model was trained for, or the session's memory if less."""
    return min(model.n_ctx_train, session.native.n_ctx) if isinstance(session, Session) else model.n_ctx_train


@contextmanager
def text_session(model: Model, session: TextSession, longest: int) -> Iterator[Session]:
    """Yield the session for texts of at most ``longest`` tokens; one made for the purpose is closed again."""
    if session is None:
        with session_for_texts(model, longest) as own:
            yield own
    else:
        yield session if isinstance(session, Session) else session(longest)


def run_all(
    session: Session, jobs: Sequence[Job], *, n_items: int, progress: Progress = silent, count: RunCount | None = None
) -> list[JobResult]:
    """Return the results in the order of the jobs; ``progress`` counts items, of which each has as many jobs."""
    results: dict[int, JobResult] = {}
    progress(0, n_items)
    if jobs:
        for group in run_jobs(session, jobs, count=count):
            results.update(group)
            progress(len(results) * n_items // len(jobs), n_items)
    return [results[index] for index in range(len(jobs))]
