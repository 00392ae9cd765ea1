"""Windows of text under several strengths of steering, computed side by side with the unsteered model.

Every scored position gives a negative log-likelihood, an entropy, and what steering did to it: KL(unsteered || steered)
and whether both would say the same token. These are taken between rows of one batch; no distribution is ever stored.
What comes before the first steered token is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.model import Model
from pysteer.prefix_tree import Int32Array
from pysteer.progress import Progress, silent
from pysteer.prompt_conditions import decided
from pysteer.session import Session
from pysteer.steering_program import Compiled, steps


@dataclass(frozen=True, eq=False)
class TextWindow:
    """Tokens that are computed together, from an empty memory.

    Parameters
    ----------
    tokens : int32, shape (n,)
        At least two.
    first : int
        First position whose successor is scored.
    n_prompt : int
        Where the prompt ends, for the windows of interventions.
    """

    tokens: Int32Array
    first: int
    n_prompt: int

    @property
    def n_scored(self) -> int:
        return len(self.tokens) - 1 - self.first


@dataclass(frozen=True, eq=False)
class WindowTable:
    """Scored positions of one window under one steering; each float64, (n_scored,). nll, entropy and kl in nats."""

    nll: Float64Array
    entropy: Float64Array
    kl: Float64Array
    same: Float64Array

    def as_steered(self) -> WindowTable:
        """Return the table of steering that changes nothing, from that of the unsteered model."""
        return WindowTable(self.nll, self.entropy, np.zeros_like(self.nll), np.ones_like(self.nll))


def text_windows(model: Model, text: str, window_size: int) -> list[TextWindow]:
    """Return the windows of llama.cpp's perplexity tool; of each, the second half is scored.

    Raises
    ------
    MeasurementError
        The text is shorter than one window.
    """
    return [TextWindow(window, len(window) // 2, len(window)) for window in _cut(model, text, window_size)]


def document_windows(model: Model, document: str, window_size: int) -> list[TextWindow]:
    """Return the windows of a short text, scored from the second token on; shorter than the window, it is one.

    Raises
    ------
    MeasurementError
        Fewer than two tokens.
    """
    n_tokens = len(model.tokenize(document, parse_special=False))
    if n_tokens < 2:
        raise MeasurementError(f"a document of {n_tokens} tokens cannot be scored: {document[:60]!r}")
    return [TextWindow(window, 0, len(window)) for window in _cut(model, document, min(window_size, n_tokens))]


def _cut(model: Model, text: str, window_size: int) -> list[Int32Array]:
    tokens = model.tokenize(text, parse_special=False).ids
    n_windows = len(tokens) // window_size
    if n_windows == 0:
        raise MeasurementError(
            f"the text has {len(tokens)} tokens, fewer than one window of {window_size}: "
            "give a longer text or a smaller window_size (--window-size)"
        )
    windows = tokens[: n_windows * window_size].reshape(n_windows, window_size).copy()
    bos = model.native.special_token("bos")
    if bos is not None and model.native.adds_bos:
        windows[:, 0] = bos
    return list(windows)


def measure_windows(
    session: Session, windows: Sequence[TextWindow], steerings: Sequence[Compiled], *, progress: Progress = silent
) -> Iterator[list[WindowTable]]:
    """Yield each window's tables: that of the unsteered model, then one for each steering.

    The session's sequences are dropped; it needs one for the unsteered model and one for each steering.
    """
    for done, window in enumerate(windows):
        progress(done, len(windows))
        yield _measure(session, window, steerings)
    progress(len(windows), len(windows))


def _measure(session: Session, window: TextWindow, steerings: Sequence[Compiled]) -> list[WindowTable]:
    native = session.native
    n_side = 1 + len(steerings)
    if native.n_sequences < n_side:
        raise MeasurementError(f"{n_side} runs side by side need a session with as many sequences")
    session.forget()
    given = [session.steering + steering for steering in [(), *steerings]]
    prompts = [window.tokens[: window.n_prompt]] * n_side
    programs = [steps(steering, window.n_prompt) for steering in decided(session, given, prompts)]
    for sequence, program in enumerate(programs):
        native.set_program(sequence, program)
    length = len(window.tokens) - 1  # the last token is predicted, but predicts nothing that is scored
    own_steps = (step for program in programs[1:] for step in program[len(programs[0]) :])
    alike = min((step.begin for step in own_steps), default=0)
    run = _SideBySide(session, window, n_side)
    run.compute(0, min(alike, length), 1)
    if 0 < alike < length:
        for sequence in range(1, n_side):
            native.share(0, sequence, alike)
    run.compute(min(alike, length), length, n_side)
    return run.tables()


class _SideBySide:
    """One window, computed from left to right; what was scored so far."""

    def __init__(self, session: Session, window: TextWindow, n_side: int) -> None:
        self.native, self.window, self.n_side = session.native, window, n_side
        self.columns: list[list[Float64Array]] = [[] for _ in range(4)]

    def compute(self, begin: int, end: int, n_rows: int) -> None:
        """Compute tokens of the first ``n_rows`` sequences, as many at a time as fit; 1 is for all of them."""
        while begin < end:
            stop = min(end, begin + max(1, self.native.n_batch // n_rows))
            most = max(1, self.native.n_outputs // n_rows)  # scored positions at a time
            stop = min(stop, max(begin, self.window.first) + most)
            self._decode(np.arange(begin, stop, dtype=np.int32), n_rows)
            begin = stop

    def _decode(self, part: Int32Array, n_rows: int) -> None:
        tokens = self.window.tokens
        scored = part >= self.window.first
        n_scored = int(scored.sum())
        references = np.tile(np.arange(n_scored, dtype=np.int32), n_rows)
        references[:n_scored] = -1  # the unsteered model itself
        decoded = self.native.decode(
            np.tile(tokens[part], n_rows).astype(np.int32),
            np.tile(part, n_rows),
            np.repeat(np.arange(n_rows, dtype=np.int32), len(part)),
            outputs=np.tile(scored, n_rows).astype(np.uint8),
            targets=np.tile(tokens[part + 1][scored], n_rows).astype(np.int32),
            references=references if n_rows > 1 else None,
        )
        if n_scored == 0:
            return
        top = decoded.top_id.reshape(n_rows, n_scored)
        kl = np.array(decoded.kl, dtype=np.float64).reshape(n_rows, n_scored)
        kl[0] = 0.0
        values = (-decoded.log_prob, decoded.entropy, kl, top == top[0])
        for column, value in zip(self.columns, values, strict=True):
            rows = np.asarray(value, dtype=np.float64).reshape(n_rows, n_scored)
            column.append(np.broadcast_to(rows, (self.n_side, n_scored)) if n_rows == 1 else rows)

    def tables(self) -> list[WindowTable]:
        columns = [np.concatenate(column, axis=1) for column in self.columns]
        return [WindowTable(*(column[i] for column in columns)) for i in range(self.n_side)]
