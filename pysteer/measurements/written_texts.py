"""Texts that a subject writes: what measurements of generated text share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pysteer.batch_generation import WritingPlan, check_finished, write_texts, writing_room
from pysteer.formats.texts import Texts
from pysteer.generation import Generation
from pysteer.measurements.measured import Work
from pysteer.measurements.measurement import Steering
from pysteer.measurements.subject import Subject
from pysteer.pairs import Dataset
from pysteer.progress import Progress
from pysteer.sampling import Sampling
from pysteer.steering_program import compile_interventions

STOPPED = {
    "length": "stopped at max_tokens",
    "context": "stopped at the model's context",
    "too long": "prompt longer than the model's context",
}
"""Names of failures, by ``stop_reason``."""


def prompts_of(data: Texts | Dataset) -> list[str]:
    """Return what is answered: the texts, or the prompts of pairs, each once."""
    return list(data) if isinstance(data, Texts) else list(dict.fromkeys(pair.prompt for pair in data if pair.prompt))


def writing_plan(
    subject: Subject, *, max_tokens: int, temperature: float, stop: tuple[str, ...] = (), raw: bool | None = None
) -> WritingPlan:
    """Return how a subject writes, with its setting and seed."""
    sampling = Sampling(temperature=temperature, seed=subject.seed)
    is_raw = subject.raw if raw is None else raw
    return WritingPlan(max_tokens, sampling, stop, setting=None if is_raw else subject.setting, raw=is_raw)


def written(
    subject: Subject, prompts: Sequence[str], steerings: Sequence[Steering], plan: WritingPlan, progress: Progress
) -> list[list[Generation]]:
    """Return the texts, ``[prompt][steering]``; KeyboardInterrupt where they were not all finished."""
    texts = write_texts(
        subject.model,
        prompts,
        steerings,
        plan=plan,
        session=lambda n_ctx, n_sequences: subject.session(n_ctx=n_ctx, n_sequences=n_sequences),
        progress=progress,
    )
    check_finished(texts)
    return texts


def stop_failures(texts: Sequence[Generation]) -> dict[str, int]:
    """Return how many texts were stopped by something else than the model itself or a stop string."""
    counts = Counter(text.stop_reason for text in texts)
    return {name: counts[reason] for reason, name in STOPPED.items()}


def writing_work(subject: Subject, prompts: Sequence[str], steerings: Sequence[Steering], plan: WritingPlan) -> Work:
    """Return the work, if every text is written to the end: prompts once for each different steering of theirs."""
    compiled = [compile_interventions(steering) for steering in steerings]
    n_different = sum(bool(steering) for steering in compiled) + any(not steering for steering in compiled)
    lengths = [len(subject.model.tokenize(plan.prompt_text(subject.model, prompt))) for prompt in prompts]
    n_texts = len(prompts) * n_different
    n_ctx, n_sequences = writing_room(subject.model, max(lengths), plan.max_tokens, n_texts=n_texts)
    n_tokens = n_different * sum(lengths)
    return Work(
        n_tokens, n_generated=n_texts * plan.max_tokens, n_outputs=n_texts, n_ctx=n_ctx, n_sequences=n_sequences
    )
