"""Many prompts, each answered under many steerings, with the session's sequences kept full.

Sequences are filled as they become free (`pysteer.generation_queue`), and no text is cut off because of its neighbours.
Prompts share what they begin with.

Every prompt has a seed of its own, the same for all steerings, so that steered and unsteered texts differ by the
steering and not by the dice; steering that changes nothing is written once, and is the unsteered text exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from pysteer.chat_template import Message, join_answer
from pysteer.errors import DataError, MeasurementError
from pysteer.generation import Generation, Request
from pysteer.generation_queue import generate_queued
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.sampling import GREEDY, Sampling
from pysteer.session import Session
from pysteer.steering_program import Compiled, compile_interventions

N_SEQUENCES = 32
"""Texts written at once in a session made for the purpose."""
MEMORY = 8192
"""Tokens in its memory, unless one text needs more."""
TOO_LONG = "too long"
"""``stop_reason`` of a prompt that leaves no room for a token in the model's context."""

WritingSession: TypeAlias = "Session | Callable[[int, int], Session] | None"
"""Where texts are written: in this session; in the one that the function returns for a number of tokens and one of
sequences, which stays open; or (None) in one made for the purpose."""
OnText = Callable[[int, int, Generation], object]
"""Called with (prompt, steering, text) when a text is finished."""


@dataclass(frozen=True)
class WritingPlan:
    """How texts are written.

    Parameters
    ----------
    max_tokens : int
    sampling : Sampling
        Its seed is where the prompts' own seeds come from.
    stop : tuple of str
        End before any of these.
    begin : str
        What every answer begins with: put behind the prompt, and not part of the text that comes back.
    setting : PromptSetting, optional
        System message and persona around every prompt.
    raw : bool
        Prompts as they are, without the chat template.
    """

    max_tokens: int
    sampling: Sampling = GREEDY
    stop: tuple[str, ...] = ()
    begin: str = ""
    setting: PromptSetting | None = None
    raw: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise MeasurementError(f"max_tokens is {self.max_tokens}; expected at least 1")
        if self.raw and self.setting is not None:
            raise DataError(f"setting {self.setting.name!r} cannot be applied: raw prompts are taken as they are")

    def prompt_text(self, model: Model, prompt: str | Sequence[Message]) -> str:
        """Return the text that is continued.

        Raises
        ------
        DataError
            A raw prompt that is not text.
        ModelError
            The model has no chat template, or it does not take the setting's system message.
        """
        if self.raw:
            if not isinstance(prompt, str):
                raise DataError("a raw prompt must be a text, not messages")
            return prompt + self.begin
        text = model.chat(prompt) if self.setting is None else self.setting.render(model, prompt)
        return join_answer(text, self.begin)


def item_seed(seed: int, index: int) -> int:
    """Return the seed of prompt ``index``, 32 bits; independent of how many prompts there are.

    >>> item_seed(0, 0) == item_seed(0, 0), item_seed(0, 0) == item_seed(0, 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint32)[0])


def write_texts(
    model: Model,
    prompts: Sequence[str | Sequence[Message]],
    steerings: Sequence[Sequence[Intervention]],
    *,
    plan: WritingPlan,
    session: WritingSession = None,
    progress: Progress = silent,
    on_text: OnText | None = None,
) -> list[list[Generation]]:
    """Return the text of every prompt under every steering: ``texts[prompt][steering]``.

    Parameters
    ----------
    steerings : sequence of (sequence of Intervention)
        An empty one is the unsteered model.
    session : Session, or a function that returns one, optional
        Used instead of one made for the purpose: see `WritingSession`. Steering in force comes before each of
        ``steerings``.
    progress : Progress
        In texts.
    on_text : callable, optional
        Gets each text as soon as it is finished, so that an interrupted run can keep what it has.

    Ctrl-C ends the run: texts that were not finished have ``stop_reason`` "interrupted". A text has "context" where the
    model's context ended it before ``max_tokens``, and "too long" where the prompt left no room at all.

    Raises
    ------
    MeasurementError
        No prompt or no steering.
    """
    if not prompts or not steerings:
        raise MeasurementError("nothing to write: give at least one prompt and one steering")
    texts = [plan.prompt_text(model, prompt) for prompt in prompts]
    lengths = [len(model.tokenize(text)) for text in texts]
    compiled = [compile_interventions(steering) for steering in steerings]
    n_ctx, n_sequences = writing_room(model, max(lengths), plan.max_tokens, n_texts=len(texts) * len(compiled))
    results: dict[tuple[int, int], Generation] = {}
    with _session(model, session, n_ctx, n_sequences) as own, suppress(KeyboardInterrupt):
        progress(0, len(texts) * len(compiled))
        for (item, place), text in _written(own, texts, lengths, compiled, plan):
            for same in _alike(compiled, place):
                results[item, same] = text
                if on_text is not None and text.stop_reason != "interrupted":
                    on_text(item, same, text)
            progress(len(results), len(texts) * len(compiled))
    missing = Generation("", (), "interrupted", 0)
    return [[results.get((item, place), missing) for place in range(len(compiled))] for item in range(len(texts))]


@contextmanager
def _session(model: Model, session: WritingSession, n_ctx: int, n_sequences: int) -> Iterator[Session]:
    if session is None:
        with Session(model, n_ctx=n_ctx, n_sequences=n_sequences) as own:
            yield own
    else:
        yield session if isinstance(session, Session) else session(n_ctx, n_sequences)


def writing_room(model: Model, longest_prompt: int, max_tokens: int, *, n_texts: int) -> tuple[int, int]:
    """Return (tokens of memory, sequences) of a session that writes texts of at most that length."""
    longest = min(longest_prompt + max_tokens, model.n_ctx_train)
    n_sequences = max(1, min(N_SEQUENCES, n_texts, max(1, MEMORY // longest)))
    return longest * n_sequences, n_sequences


def check_finished(texts: Sequence[Sequence[Generation]]) -> None:
    """Raise KeyboardInterrupt where a run was interrupted, so that nobody averages over half of the texts."""
    if any(text.stop_reason == "interrupted" for row in texts for text in row):
        raise KeyboardInterrupt


def _limit(session: Session) -> int:
    return min(session.model.n_ctx_train, session.native.n_ctx)


def _alike(compiled: Sequence[Compiled], place: int) -> list[int]:
    """Return the steerings whose texts are those of ``place``: all that change nothing are the unsteered model."""
    return [place] if compiled[place] else [k for k, steering in enumerate(compiled) if not steering]


def _written(
    session: Session, texts: Sequence[str], lengths: Sequence[int], compiled: Sequence[Compiled], plan: WritingPlan
) -> Iterator[tuple[tuple[int, int], Generation]]:
    """Yield ((prompt, steering), text) as texts are finished; not of steerings that are copies of an earlier one."""
    limit = _limit(session)
    requests: dict[tuple[int, int], Request] = {}
    for item, (text, n_prompt) in enumerate(zip(texts, lengths, strict=True)):
        sampling = replace(plan.sampling, seed=item_seed(plan.sampling.seed, item))
        n_tokens = min(plan.max_tokens, limit - n_prompt)
        for place in range(len(compiled)):
            if _alike(compiled, place)[0] != place:
                continue
            if n_tokens < 1:
                yield (item, place), Generation("", (), TOO_LONG, n_prompt)
            else:
                requests[item, place] = Request(text, compiled[place], sampling, plan.stop, n_tokens, raw=True)
    keys = list(requests)
    for index, written in generate_queued(session, list(requests.values())):
        is_cut = written.stop_reason == "length" and requests[keys[index]].max_tokens < plan.max_tokens
        yield keys[index], replace(written, stop_reason="context") if is_cut else written
