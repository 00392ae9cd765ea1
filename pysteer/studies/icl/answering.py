"""Questions of a functional task put to the model under many steerings: what it writes, and its first token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.batch_generation import WritingPlan
from pysteer.errors import TokenizeError
from pysteer.function_vectors.first_token import first_token_results
from pysteer.function_vectors.icl_prompts import IclPrompt, prompts_for_queries, tokenize_prompt
from pysteer.function_vectors.mediation import MOST_ROWS
from pysteer.measurements.written_texts import written
from pysteer.model import Model
from pysteer.progress import silent
from pysteer.studies.icl.answers import finished, measure_answers, unfinished
from pysteer.studies.icl.making import Steering, study_session
from pysteer.studies.parts import Task


def bare(task: Task, side: str) -> list[IclPrompt]:
    """Return the questions of a side without an example."""
    asked = task.data[side]
    return prompts_for_queries(asked, asked, n_shots=0, seed=int(task.settings["seed"]))


def answers(
    task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering], left_out: Counter[str]
) -> Float64Array:
    """Return the measures of written answers and of their first tokens, (n_measures, n_items, n_steerings).

    Texts that could not be finished have no numbers, and are counted in ``left_out``.
    """
    targets = [prompt.query.output for prompt in prompts]
    tokens = first_tokens(task, prompts, steerings)
    texts = written_answers(task, prompts, steerings, left_out)
    return measure_answers(texts, targets, tokens, keep_case=bool(task.settings["keep_case"]))


def written_answers(
    task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering], left_out: Counter[str]
) -> list[list[str | None]]:
    """Return what the model writes, greedily, ``[steering][prompt]``; None where it could not be finished."""
    plan = WritingPlan(int(task.settings["max_tokens"]), raw=True)
    rows = written(task.model.subject(raw=True), [prompt.text for prompt in prompts], steerings, plan, silent)
    left_out.update(unfinished([text for row in rows for text in row]))
    return [[finished(row[place]) for row in rows] for place in range(len(steerings))]


def has_first_token(model: Model, prompt: IclPrompt) -> bool:
    """Return whether the answer does not change how the prompt is tokenised."""
    try:
        tokenize_prompt(model, prompt)
    except TokenizeError:
        return False
    return True


def first_tokens(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> Float64Array:
    """Return rank and probability of the answers' first tokens, (2, n_items, n_steerings).

    An answer whose first token is a bare blank has none (NaN): any word could follow.
    """
    model = task.model.loaded
    questions = [tokenize_prompt(model, prompt) for prompt in prompts]
    longest = max(len(question.tokens) for question in questions)
    ranks, probabilities = [], []
    for begin in range(0, len(steerings), MOST_ROWS):
        some = steerings[begin : begin + MOST_ROWS]
        with study_session(task, n_ctx=max(4096, longest * len(some)), n_sequences=max(64, len(some))) as session:
            for result in first_token_results(model, prompts, some, session=session):
                ranks.append(result.rank)
                probabilities.append(result.probability)
    found = np.stack([np.stack(ranks, axis=1), np.stack(probabilities, axis=1)]).astype(np.float64)
    found[:, [question.is_blank for question in questions]] = np.nan
    return found


def right_and_probable(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> Float64Array:
    """Return whether the first token is the most probable one, and its probability, (2, n_items, n_steerings).

    NaN as in `first_tokens`.
    """
    found = first_tokens(task, prompts, steerings)
    return np.stack([np.where(np.isnan(found[0]), np.nan, found[0] == 0.0), found[1]])
