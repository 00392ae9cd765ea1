"""More requests than sequences: as soon as a text is finished, the next one takes its place.

`pysteer.generation.generate_many` works in rounds, and a round lasts as long as its longest text; here every step
computes as many texts as there are sequences for. A request waits until the memory holds it even if all texts are
written to the end, so none is cut off because of the others. Its prompt is computed as far as no sequence that is there
begins alike; its last token goes with the next step of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from pysteer.generation import Generation, Request, Running, common_length, decode_runs, start
from pysteer.prompt_conditions import decided
from pysteer.session import Session


def generate_queued(session: Session, requests: Sequence[Request]) -> Iterator[tuple[int, Generation]]:
    """Yield (index, text) of every request, as they are finished.

    Each has its own steering on top of the steering in force. Ctrl-C while texts are computed ends those that are on
    their way as "interrupted"; those that wait are not yielded.

    Raises
    ------
    ContextFullError
        A request alone, prompt and ``max_tokens`` together, is larger than the session's memory and its prompt does
        not fit.
    """
    queue = _Queue(session, requests)
    while queue.waiting or queue.active:
        try:
            queue.fill()
            queue.step()
        except KeyboardInterrupt:
            for run in queue.active.values():
                if not run.stop_reason:
                    run.finish("interrupted")
            queue.waiting.clear()
        yield from queue.finished()


class _Queue:
    """Requests that wait, and those on their way, by sequence."""

    def __init__(self, session: Session, requests: Sequence[Request]) -> None:
        self.session, self.native = session, session.native
        # What a condition on the prompt decides is found out first: it needs the sequences for itself.
        runs = [start(session, 0, request, index, None) for index, request in enumerate(requests)]
        steerings = [session.steering + run.steering for run in runs]
        for run, steering in zip(runs, decided(session, steerings, [run.prompt for run in runs]), strict=True):
            run.steering = steering
        self.waiting = deque(enumerate(runs))
        self.active: dict[int, Running] = {}
        self.index_of: dict[int, int] = {}
        for sequence in range(self.native.n_sequences):
            self.native.trim(sequence, 0)

    def fill(self) -> None:
        """Give waiting requests the free sequences, and compute their prompts but for the last token."""
        free = [sequence for sequence in range(self.native.n_sequences) if sequence not in self.active]
        used = sum(map(_room, self.active.values()))
        while free and self.waiting:
            index, run = self.waiting[0]
            if self.active and used + _room(run) > self.native.n_ctx:
                break
            self.waiting.popleft()
            used += _room(run)
            run.sequence = free.pop(0)
            self.active[run.sequence], self.index_of[run.sequence] = run, index
            self._read_prompt(run)

    def _read_prompt(self, run: Running) -> None:
        kept = self.session.prepare(run.sequence, run.prompt, run.steering)
        others = [other for other in self.active.values() if other is not run]
        alike = [(common_length(run.prompt[:-1], other.prompt), other) for other in others]
        best, source = max(alike, key=lambda pair: pair[0], default=(0, run))
        if best > kept:
            kept = self.native.share(source.sequence, run.sequence, min(best, self.native.length(source.sequence)))
            self.session.adopt(run.sequence, run.prompt[:kept])
        decode_runs(self.session, [(run, token) for token in run.prompt[kept:-1]], sample=False)

    def step(self) -> None:
        """Compute one more token of every text."""
        runs = list(self.active.values())
        decode_runs(self.session, [(run, (run.tokens or run.prompt)[-1]) for run in runs], sample=True)

    def finished(self) -> Iterator[tuple[int, Generation]]:
        """Yield the texts that ended; their sequences are free, and empty."""
        for sequence, run in list(self.active.items()):
            if run.stop_reason:
                del self.active[sequence]
                self.native.trim(sequence, 0)
                yield self.index_of.pop(sequence), run.result()


def _room(run: Running) -> int:
    return len(run.prompt) + run.request.max_tokens
