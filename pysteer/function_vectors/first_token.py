"""How well does a model, steered or not, say the first token of an answer? Rank, probability, top-k accuracy.

Source: Todd et al. 2023, arXiv:2310.15213. A prompt counts as solved at k when fewer than k tokens are more probable
than the first token of its answer. This is not exact match: an answer of several tokens counts by its first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import ContextFullError, MeasurementError, SessionError
from pysteer.function_vectors.icl_prompts import IclPrompt, Question, tokenize_prompt
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.prompt_conditions import decided
from pysteer.session import Session
from pysteer.statistics import Interval, wilson_interval
from pysteer.steering_program import Compiled, compile_interventions, steps


@dataclass(frozen=True, eq=False)
class FirstTokenResult:
    """The first token of each answer under one steering.

    Parameters
    ----------
    rank : int, shape (n,)
        How many tokens are more probable; 0 is best.
    probability : float64, shape (n,)
    n_blank : int
        Answers whose first token is a bare blank: their ranks say nothing about the answer.
    """

    rank: npt.NDArray[np.int32]
    probability: Float64Array
    n_blank: int

    def accuracy(self, k: int = 1, *, confidence: float = 0.95) -> Interval:
        """Return the share of prompts with rank below ``k``, with its Wilson score interval (Wilson 1927).

        Unlike the bootstrap, it has a width where no prompt or every prompt is right.
        """
        if k < 1 or not 0.0 < confidence < 1.0:
            raise MeasurementError(f"top-k accuracy needs k of at least 1 and a confidence in (0, 1), got {k}")
        return wilson_interval(int((self.rank < k).sum()), len(self.rank), confidence=confidence)


def first_token_results(
    model: Model,
    prompts: Sequence[IclPrompt],
    steerings: Sequence[Sequence[Intervention] | Compiled],
    *,
    session: Session | None = None,
    progress: Progress = silent,
) -> list[FirstTokenResult]:
    """Return one result for each steering, all measured in the same batches.

    What comes before the first steered token is computed once for all steerings. The empty steering ``()`` is the
    model as it is.

    Raises
    ------
    MeasurementError
        No prompt or no steering.
    ContextFullError
        A prompt does not fit the session once for each steering.
    TokenizeError
        As `tokenize_prompt`.
    """
    if not prompts or not steerings:
        raise MeasurementError(f"expected prompts and steerings, got {len(prompts)} and {len(steerings)}")
    questions = [tokenize_prompt(model, prompt) for prompt in prompts]
    compiled = [_compiled(steering) for steering in steerings]
    own = session or _session(model, questions, len(compiled))
    ranks = np.zeros((len(compiled), len(questions)), dtype=np.int32)
    log_probs = np.zeros((len(compiled), len(questions)))
    try:
        progress(0, len(questions))
        for begin, end in _groups(own, questions, len(compiled)):
            ranks[:, begin:end], log_probs[:, begin:end] = _measure(own, questions[begin:end], compiled)
            progress(end, len(questions))
    finally:
        own.close() if session is None else own.forget()
    n_blank = sum(question.is_blank for question in questions)
    return [FirstTokenResult(rank, np.exp(log_prob), n_blank) for rank, log_prob in zip(ranks, log_probs, strict=True)]


def solved_prompts(
    model: Model,
    prompts: Sequence[IclPrompt],
    *,
    k: int = 1,
    session: Session | None = None,
    progress: Progress = silent,
) -> list[IclPrompt]:
    """Return the prompts that the model answers with a rank below ``k``; may be none."""
    (result,) = first_token_results(model, prompts, [()], session=session, progress=progress)
    return [prompt for prompt, rank in zip(prompts, result.rank, strict=True) if rank < k]


def _compiled(steering: Sequence[Intervention] | Compiled) -> Compiled:
    interventions = [item for item in steering if isinstance(item, Intervention)]
    compiled = tuple(item for item in steering if not isinstance(item, Intervention))
    return compile_interventions(interventions) + compiled


def _session(model: Model, questions: Sequence[Question], n_steerings: int) -> Session:
    longest = max(len(question.tokens) for question in questions)
    return Session(model, n_ctx=max(2048, longest * n_steerings), n_sequences=max(32, n_steerings), kv_type="f32")


def _groups(session: Session, questions: Sequence[Question], n_steerings: int) -> list[tuple[int, int]]:
    """Return (begin, end) of consecutive questions that fit the session under every steering, a batch at most.

    More at once would be slower: in a common memory every token looks over the keys of all sequences.
    """
    native = session.native
    if n_steerings > native.n_sequences:
        raise SessionError(f"{n_steerings} steerings side by side need as many sequences, got {native.n_sequences}")
    groups: list[tuple[int, int]] = []
    begin, used, in_batch = 0, 0, 0
    for place, question in enumerate(questions):
        length = len(question.tokens)
        need = length * n_steerings
        if need > native.n_ctx:
            raise ContextFullError(
                f"a prompt of {length} tokens under {n_steerings} steerings does not fit a context of "
                f"{native.n_ctx}; use a larger n_ctx"
            )
        is_full = (
            used + need > native.n_ctx
            or in_batch + length > native.n_batch
            or (place - begin + 1) * n_steerings > native.n_sequences
        )
        if place > begin and is_full:
            groups.append((begin, place))
            begin, used, in_batch = place, 0, 0
        used, in_batch = used + need, in_batch + length
    return [*groups, (begin, len(questions))]


def _measure(
    session: Session, questions: Sequence[Question], steerings: Sequence[Compiled]
) -> tuple[npt.NDArray[np.int32], Float64Array]:
    """Return rank and log-probability of the targets, (n_steerings, n_questions) each."""
    native, n = session.native, len(questions)
    session.forget()
    given = [session.steering + steering for steering in steerings for _ in questions]
    chosen = decided(session, given, [question.tokens for _ in steerings for question in questions])
    ranks, log_probs = [], []
    for number in range(len(steerings)):
        tokens, positions, sequences, outputs = [], [], [], []
        for place, question in enumerate(questions):
            length, sequence = len(question.tokens), number * n + place
            native.set_program(sequence, steps(chosen[sequence], length))
            shared = native.share(place, sequence, length - 1) if number and length > 1 else 0
            tokens.append(question.tokens[shared:])
            positions.append(np.arange(shared, length, dtype=np.int32))
            sequences.append(np.full(length - shared, sequence, dtype=np.int32))
            outputs.append(np.arange(shared, length) == length - 1)
        decoded = native.decode(
            np.concatenate(tokens),
            np.concatenate(positions),
            np.concatenate(sequences),
            outputs=np.concatenate(outputs).astype(np.uint8),
            targets=np.array([question.target for question in questions], dtype=np.int32),
        )
        ranks.append(decoded.rank)
        log_probs.append(decoded.log_prob.astype(np.float64))
    return np.stack(ranks), np.stack(log_probs)
