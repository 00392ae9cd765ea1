"""Text from a session: several requests in one batch, each with its own steering, sampling and stop strings.

Prompts that begin alike are computed once, as far as their steering is alike too.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pysteer.chat_template import Message
from pysteer.errors import ContextFullError, SessionError
from pysteer.intervention import Intervention
from pysteer.native import core
from pysteer.prompt_conditions import decided
from pysteer.sampling import GREEDY, Sampling
from pysteer.steering_program import Compiled, compile_interventions

if TYPE_CHECKING:
    from pysteer.session import Session


@dataclass(frozen=True)
class Request:
    """One text to generate.

    Parameters
    ----------
    prompt : str or messages
        A plain text is one user message; with ``raw`` it is continued as it stands.
    interventions : sequence of Intervention, or their compiled form
        Steering of this request alone.
    stop : tuple of str
        End before any of these.
    """

    prompt: str | Sequence[Message]
    interventions: Sequence[Intervention] | Compiled = ()
    sampling: Sampling = GREEDY
    stop: tuple[str, ...] = ()
    max_tokens: int = 128
    raw: bool = False


@dataclass(frozen=True)
class Generation:
    """A generated text.

    Parameters
    ----------
    text : str
        Without the stop string.
    tokens : tuple of int
        What was sampled, without the end token.
    stop_reason : str
        "end" (end token), "stop" (stop string), "length" (max_tokens), "context" (memory full), "interrupted" (Ctrl-C).
    n_prompt : int
        Tokens of the prompt.
    """

    text: str
    tokens: tuple[int, ...]
    stop_reason: str
    n_prompt: int


@dataclass
class Running:
    """A request on its way."""

    sequence: int
    prompt: list[int]
    steering: Compiled
    sampler: core.Sampler
    request: Request
    report: Callable[[str], object]
    tokens: list[int] = field(default_factory=list)
    text: str = ""
    n_reported: int = 0
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )
    stop_reason: str = ""

    def take(self, model: core.Model, token: int) -> None:
        """Add a sampled token, and see whether this was the end."""
        if model.is_end(token):
            self.finish("end")
            return
        self.tokens.append(token)
        self.text += self.decoder.decode(model.token_bytes(token, False))
        found = [at for at in (self.text.find(stop) for stop in self.request.stop) if at >= 0]
        if found:
            self.text = self.text[: min(found)]
            self.finish("stop", flush=False)
        elif len(self.tokens) >= self.request.max_tokens:
            self.finish("length")
        else:
            self._report(self._n_certain())

    def finish(self, reason: str, *, flush: bool = True) -> None:
        if flush:
            self.text += self.decoder.decode(b"", final=True)
        self.stop_reason = reason
        self._report(len(self.text))

    def _n_certain(self) -> int:
        """Characters that cannot be the beginning of a stop string any more."""
        for length in range(min(len(self.text), max(map(len, self.request.stop), default=0)), 0, -1):
            if any(stop.startswith(self.text[-length:]) for stop in self.request.stop):
                return len(self.text) - length
        return len(self.text)

    def _report(self, n_certain: int) -> None:
        if n_certain > self.n_reported:
            begin, self.n_reported = self.n_reported, n_certain  # first: Ctrl-C in `report` must not report it again
            self.report(self.text[begin:n_certain])

    def result(self) -> Generation:
        return Generation(self.text, tuple(self.tokens), self.stop_reason, len(self.prompt))


def generate_many(
    session: Session, requests: Sequence[Request], *, on_text: Callable[[int, str], object] | None = None
) -> list[Generation]:
    """Return one `Generation` for each request, in order. More requests than sequences are done in rounds.

    After Ctrl-C, requests that were not begun are "interrupted" too, with no text and ``n_prompt`` 0.

    Raises
    ------
    ContextFullError
        A prompt does not fit into the session's memory.
    """
    results: list[Generation] = []
    n_sequences = session.native.n_sequences
    for begin in range(0, len(requests), n_sequences):
        results += _generate_round(session, requests[begin : begin + n_sequences], begin, on_text)
        if any(result.stop_reason == "interrupted" for result in results):
            break
    return results + [Generation("", (), "interrupted", 0)] * (len(requests) - len(results))


def _generate_round(
    session: Session, requests: Sequence[Request], first: int, on_text: Callable[[int, str], object] | None
) -> list[Generation]:
    running = [start(session, i, request, first + i, on_text) for i, request in enumerate(requests)]
    rest = sum(len(run.prompt) for run in running) - _shared(running)
    if rest > session.native.n_ctx:
        raise ContextFullError(
            f"prompts of {rest} tokens do not fit a context of {session.native.n_ctx}; use a larger n_ctx"
        )
    try:
        steerings = [session.steering + run.steering for run in running]
        for run, steering in zip(running, decided(session, steerings, [run.prompt for run in running]), strict=True):
            run.steering = steering
        _compute_prompts(session, running)
        while active := [run for run in running if not run.stop_reason]:
            _step(session, active)
    except KeyboardInterrupt:
        for run in running:
            if not run.stop_reason:
                run.finish("interrupted")
    return [run.result() for run in running]


def start(
    session: Session, sequence: int, request: Request, index: int, on_text: Callable[[int, str], object] | None
) -> Running:
    """Return a request on its way in a sequence, with its steering but not that in force; nothing is computed yet."""
    model = session.model
    if request.max_tokens < 1:
        raise SessionError(f"max_tokens is {request.max_tokens}; expected at least 1")
    if "" in request.stop:
        raise SessionError("a stop string is empty: every text would end before its first character")
    text = request.prompt if request.raw else model.chat(request.prompt)
    if not isinstance(text, str):
        raise SessionError("a raw prompt must be a text, not messages")
    prompt = [int(token) for token in model.tokenize(text).ids]
    if not prompt:
        raise SessionError("the prompt is empty: there is no token to go on from")
    s = request.sampling
    sampler = core.Sampler(
        model.native,
        temperature=s.temperature,
        top_k=s.top_k,
        top_p=s.top_p,
        min_p=s.min_p,
        repetition_penalty=s.repetition_penalty,
        penalty_window=s.penalty_window,
        seed=s.seed,
    )
    if s.repetition_penalty != 1.0:
        for token in prompt:
            sampler.accept(token)
    given = tuple(request.interventions)
    plain = [item for item in given if isinstance(item, Intervention)]
    compiled = compile_interventions(plain) if plain else given
    report = (lambda piece: on_text(index, piece)) if on_text else (lambda piece: None)
    return Running(sequence, prompt, compiled, sampler, request, report)  # type: ignore[arg-type]


def common_length(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many leading tokens two sequences have in common."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


def _shared(running: Sequence[Running]) -> int:
    """Tokens that need no room of their own because an earlier prompt begins with them (at best)."""
    return sum(
        max((common_length(run.prompt, other.prompt) for other in running[:i]), default=0)
        for i, run in enumerate(running)
    )


def _compute_prompts(session: Session, running: Sequence[Running]) -> None:
    """Compute what each prompt does not share with an earlier one, and sample the first tokens."""
    native = session.native
    # What earlier requests left must be gone before anything is computed: all sequences share one memory.
    for sequence in range(len(running), native.n_sequences):
        native.trim(sequence, 0)
    all_kept = [session.prepare(run.sequence, run.prompt, run.steering) for run in running]
    for i, (run, kept) in enumerate(zip(running, all_kept, strict=True)):
        candidates = [(common_length(run.prompt[:-1], other.prompt), other) for other in running[:i]]
        best, source = max(candidates, key=lambda item: item[0], default=(0, run))
        if best > kept:
            kept = native.share(source.sequence, run.sequence, min(best, native.length(source.sequence)))
            session.adopt(run.sequence, run.prompt[:kept])
        # All but the last token now, so that later requests can share them; the last ones go together below.
        decode_runs(session, [(run, token) for token in run.prompt[kept:-1]], sample=False)
    decode_runs(session, [(run, run.prompt[-1]) for run in running], sample=True)


def _step(session: Session, active: Sequence[Running]) -> None:
    """Compute one more token of each; where there is no room for all of them, the longest end."""
    try:
        decode_runs(session, [(run, run.tokens[-1]) for run in active], sample=True)
    except ContextFullError:
        lengths = [session.native.length(run.sequence) for run in active]
        for run, length in zip(active, lengths, strict=True):
            if length == max(lengths):
                run.finish("context")


def decode_runs(session: Session, work: Sequence[tuple[Running, int]], *, sample: bool) -> None:
    """Compute one token list; with ``sample``, each is the last of its sequence and the next one is drawn."""
    if not work:
        return
    native = session.native
    tokens = np.array([token for _, token in work], dtype=np.int32)
    sequences = np.array([run.sequence for run, _ in work], dtype=np.int32)
    if sample:
        positions = np.array([native.length(run.sequence) for run, _ in work], dtype=np.int32)
    else:  # one sequence
        positions = native.length(work[0][0].sequence) + np.arange(len(work), dtype=np.int32)
    native.decode(tokens, positions, sequences, outputs=np.full(len(work), sample, dtype=np.uint8), scored=False)
    for run, token in work:
        session.note(run.sequence, [token])
    if sample:
        for row, (run, _) in enumerate(work):
            run.take(session.model.native, native.sample(run.sampler, row))
