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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
class _Item:
    """Jobs of one pair at one strength: one for the letter, two (wanted, other) for the full response."""

    jobs: tuple[Job, ...]


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
    chosen = choose_variant(pairs, variant)
    compiled = [compile_interventions(steering) for steering in steerings]
    texts = [answer_pair(model, pair, raw=raw, setting=setting) for pair in pairs]
    own = session or session_for_texts(model, max(len(side.tokens) for text in texts for side in text))
    try:
        items = [
            _item(positive, negative, own.steering + steering, chosen, f"data set {pairs.name!r}, pair {number}")
            for number, (positive, negative) in enumerate(texts)
            for steering in compiled
        ]
        jobs = [job for item in items for job in item.jobs]
        results: dict[int, JobResult] = {}
        progress(0, len(pairs))
        for group in run_jobs(own, jobs, count=count):
            results.update(group)
            progress(len(results) * len(pairs) // len(jobs), len(pairs))
    finally:
        if session is None:
            own.close()
    per_item = len(items[0].jobs)
    values = [_value([results[index * per_item + k] for k in range(per_item)], chosen) for index in range(len(items))]
    return np.array(values, dtype=np.float64).reshape(len(pairs), len(compiled))


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


def _item(positive: Answered, negative: Answered, steering: Compiled, variant: str, where: str) -> _Item:
    # A whole text is all answer; its first token, which nothing predicts, stands for the prompt in windows.
    n_prompt = max(1, min(positive.n_prompt, negative.n_prompt))
    if variant == "letter":
        at = positive.letter_index()
        if at != negative.letter_index() or n_common(positive.tokens.ids, negative.tokens.ids) != at or at == 0:
            raise DataError(
                f"{where}: the two answers do not differ in their letter first, so there is no position that chooses "
                "between them with this tokenizer; use variant 'full_response'"
            )
        job = Job(
            positive.tokens.ids[:at],
            score=(at - 1, at - 1),
            targets=(int(positive.tokens.ids[at]), int(negative.tokens.ids[at])),
            steering=steering,
            n_prompt=n_prompt,
        )
        return _Item((job,))
    return _Item(tuple(_whole_answer(side, steering, n_prompt) for side in (positive, negative)))


def _whole_answer(side: Answered, steering: Compiled, n_prompt: int) -> Job:
    """Return the job that scores every token behind the prompt's."""
    ids = side.tokens.ids
    if len(ids) <= n_prompt:
        raise DataError(f"the answer {side.answer[:60]!r} has no token that could be scored")
    positions = tuple(range(n_prompt - 1, len(ids) - 1))
    targets = tuple(int(token) for token in ids[n_prompt:])
    return Job(ids[:-1], score=positions, targets=targets, steering=steering, n_prompt=n_prompt)


def _value(results: list[JobResult], variant: str) -> float:
    if variant == "letter":
        wanted, other = results[0].log_prob.astype(np.float64)
        return float(wanted - other)
    sums = [result.log_prob.astype(np.float64).sum() for result in results]
    return float(sums[0] - sums[1])
