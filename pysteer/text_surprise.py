"""How surprising are written texts to the model as it is, without steering?

Mean negative log-likelihood of a text's tokens after its prompt. Word salad and broken grammar surprise a language
model, so this is a proxy for fluency that needs no judge and works for the smallest models. What it cannot see: endless
repetition surprises nobody, and a rare but sound sentence does. Read it beside the repetition metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.answer_jobs import TextSession, longest_text, run_all, text_session
from pysteer.arrays import Float64Array
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.tree_run import Job


def text_surprise(
    model: Model,
    prompts: Sequence[str],
    tokens: Sequence[Sequence[int]],
    *,
    session: TextSession = None,
    progress: Progress = silent,
) -> Float64Array:
    """Return the mean negative log-likelihood of each text's tokens, nats, (n_texts,).

    Parameters
    ----------
    prompts : sequence of str
        What each text was written after, rendered (with the chat template, where there is one).
    tokens : sequence of (sequence of int)
        The written tokens themselves: a text that is tokenised anew can come out as others.
    session : Session, or a function that returns one, optional
        See `TextSession`. Its steering is left out: this is the unsteered model's opinion.

    Returns
    -------
    float64
        NaN for an empty text, and for one that does not fit the model's context.
    """
    limit = longest_text(model, session)
    rendered = {prompt: model.tokenize(prompt).ids for prompt in dict.fromkeys(prompts)}
    jobs: dict[int, Job] = {}
    for index, (prompt, written) in enumerate(zip(prompts, tokens, strict=True)):
        before = rendered[prompt]
        ids = np.concatenate([before, np.asarray(written, dtype=np.int32)]).astype(np.int32)
        if len(written) and len(before) and len(ids) <= limit:
            scored = tuple(range(len(before) - 1, len(ids) - 1))
            jobs[index] = Job(ids[:-1], score=scored, targets=tuple(int(token) for token in ids[len(before) :]))
    values = np.full(len(prompts), np.nan)
    if jobs:
        with text_session(model, session, max(len(job.tokens) for job in jobs.values()) + 1) as own:
            results = run_all(own, list(jobs.values()), n_items=len(jobs), progress=progress)
        values[list(jobs)] = [-result.log_prob.astype(np.float64).mean() for result in results]
    return values
