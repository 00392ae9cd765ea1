"""How well the model predicts a text, with and without steering.

The windows and the scoring are those of llama.cpp's perplexity tool: the text is tokenised as a whole (BOS first, where
the model wants one) and cut into windows of equal length that do not overlap; the first token of each window is
replaced by BOS; the second half of each window is scored, its first half is context. What is left over at the end is
dropped. Perplexity is exp of the mean negative log-likelihood of the scored tokens.

Several strengths are computed side by side with the unsteered model, so that KL(unsteered || steered) is taken between
rows of one batch and no distribution is ever stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.prefix_tree import Int32Array
from pysteer.progress import Progress, silent
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean
from pysteer.steering_program import Compiled, compile_interventions, steps

WINDOW_SIZE = 512


@dataclass(frozen=True, eq=False)
class PerplexityResult:
    """Perplexity of one text under one steering.

    Parameters
    ----------
    perplexity : float
        exp(nll).
    nll : float
        Mean negative log-likelihood of a scored token, nats.
    low, high : float
        95 % interval of the perplexity: bootstrap over windows. NaN with a single window.
    n_tokens, n_windows : int
        Tokens scored, and the windows they lie in.
    window_nll : float64, shape (n_windows,)
        Mean of each window.
    kl : float or None
        Mean KL(unsteered || steered) of a scored position, nats; None for the unsteered model itself.
    top1_agreement : float or None
        Share of scored positions at which both models would say the same token.
    entropy : float
        Mean entropy of the predictions, nats.
    """

    perplexity: float
    nll: float
    low: float
    high: float
    n_tokens: int
    n_windows: int
    window_nll: Float64Array
    kl: float | None
    top1_agreement: float | None
    entropy: float


def perplexity(
    model: Model,
    text: str | Sequence[str],
    *,
    steering: Sequence[Intervention] = (),
    window_size: int = WINDOW_SIZE,
    seed: int = 0,
    session: Session | None = None,
    progress: Progress = silent,
) -> PerplexityResult:
    """Return the perplexity of a text (with steering, also what it does to the predictions)."""
    steered = [tuple(steering)] if steering else []
    results = perplexities(model, text, steered, window_size=window_size, seed=seed, session=session, progress=progress)
    return results[-1]


def perplexities(
    model: Model,
    text: str | Sequence[str],
    steerings: Sequence[Sequence[Intervention]],
    *,
    window_size: int = WINDOW_SIZE,
    seed: int = 0,
    session: Session | None = None,
    progress: Progress = silent,
) -> list[PerplexityResult]:
    """Return the perplexity of the unsteered model, then that under each steering.

    Parameters
    ----------
    text : str or sequence of str
        One text, or several documents that are measured one by one (each at least two tokens; a document shorter than
        the window is one window of its own length).
    steerings : sequence of (sequence of Intervention)
        All of them are computed in the same batches. Windows of interventions see each window of text as a prompt.
    window_size : int
        Tokens in a window, at least 4.
    seed : int
        Of the bootstrap.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped. Steering in force applies to all runs, and
        what is called the unsteered model here is the model under it.

    Raises
    ------
    MeasurementError
        The text is shorter than one window, or there is no document.
    """
    if window_size < 4:
        raise MeasurementError(f"window_size is {window_size}; expected at least 4")
    windows = (
        _windows(model, text, window_size)
        if isinstance(text, str)
        else [window for document in text for window in _documents_windows(model, document, window_size)]
    )
    compiled = [compile_interventions(steering) for steering in steerings]
    # Steering that changes nothing is the unsteered model: exactly, and for free.
    active = [steering for steering in compiled if steering]
    if not windows:
        raise MeasurementError("there is no document to measure: give at least one text")
    longest = max(len(window) for window in windows)
    own = session or _make_session(model, longest, 1 + len(active))
    try:
        tables = [
            _measure_window(own, window, active, _first_scored(len(window), text))
            for window in _tracked(windows, progress)
        ]
    finally:
        if session is None:
            own.close()
    base = [table[0] for table in tables]
    results = [_summary(base, seed, is_base=True)]
    place = 0
    for steering in compiled:
        if steering:
            place += 1
            results.append(_summary([table[place] for table in tables], seed, is_base=False))
        else:
            results.append(_summary([_as_steered(table) for table in base], seed, is_base=False))
    return results


@dataclass(eq=False)
class _WindowTable:
    """Scored positions of one window under one steering; each (n,)."""

    nll: Float64Array
    entropy: Float64Array
    kl: Float64Array
    same: Float64Array


def _windows(model: Model, text: str, window_size: int) -> list[Int32Array]:
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


def _documents_windows(model: Model, document: str, window_size: int) -> list[Int32Array]:
    n_tokens = len(model.tokenize(document, parse_special=False))
    if n_tokens < 2:
        raise MeasurementError(f"a document of {n_tokens} tokens cannot be scored: {document[:60]!r}")
    return _windows(model, document, min(window_size, n_tokens))


def _first_scored(length: int, text: str | Sequence[str]) -> int:
    """Return the first position whose successor is scored: the middle, as llama.cpp does; 0 for documents."""
    return length // 2 if isinstance(text, str) else 0


def _tracked(windows: list[Int32Array], progress: Progress) -> Iterator[Int32Array]:
    for done, window in enumerate(windows):
        progress(done, len(windows))
        yield window
    progress(len(windows), len(windows))


def _make_session(model: Model, longest: int, n_side_by_side: int) -> Session:
    n_ctx = longest * n_side_by_side
    return Session(model, n_ctx=n_ctx, n_batch=min(n_ctx, max(512, n_side_by_side)), n_sequences=n_side_by_side)


def _measure_window(session: Session, window: Int32Array, steerings: list[Compiled], first: int) -> list[_WindowTable]:
    """Compute a window unsteered (sequence 0) and under each steering, some tokens of all of them at a time."""
    native = session.native
    n_side = 1 + len(steerings)
    if native.n_sequences < n_side:
        raise MeasurementError(f"{n_side} runs side by side need a session with as many sequences")
    session.forget()
    for sequence, steering in enumerate([(), *steerings]):
        native.set_program(sequence, steps(session.steering + steering, len(window)))
    length = len(window) - 1  # the last token is predicted, but predicts nothing that is scored
    columns: list[list[Float64Array]] = [[] for _ in range(4)]
    step = max(1, min(native.n_batch, native.n_outputs) // n_side)
    for begin in range(0, length, step):
        part = np.arange(begin, min(begin + step, length), dtype=np.int32)
        scored = part >= first
        n_scored = int(scored.sum())
        decoded = native.decode(
            np.tile(window[part], n_side).astype(np.int32),
            np.tile(part, n_side),
            np.repeat(np.arange(n_side, dtype=np.int32), len(part)),
            outputs=np.tile(scored, n_side).astype(np.uint8),
            targets=np.tile(window[part + 1][scored], n_side).astype(np.int32),
            references=np.tile(np.arange(n_scored, dtype=np.int32), n_side),
        )
        if n_scored == 0:
            continue
        top = decoded.top_id.reshape(n_side, n_scored)
        values = (-decoded.log_prob, decoded.entropy, decoded.kl, (top == top[0]).astype(np.float64))
        for column, value in zip(columns, values, strict=True):
            column.append(np.asarray(value, dtype=np.float64).reshape(n_side, n_scored))
    nll, entropy, kl, same = (np.concatenate(column, axis=1) for column in columns)
    return [_WindowTable(nll[i], entropy[i], kl[i], same[i]) for i in range(n_side)]


def _as_steered(base: _WindowTable) -> _WindowTable:
    return _WindowTable(base.nll, base.entropy, np.zeros_like(base.nll), np.ones_like(base.nll))


def _summary(tables: list[_WindowTable], seed: int, *, is_base: bool) -> PerplexityResult:
    nll = np.concatenate([table.nll for table in tables])
    weights = np.array([len(table.nll) for table in tables], dtype=np.float64)
    means = np.array([table.nll.mean() for table in tables])
    low = high = math.nan
    if len(tables) > 1:
        interval = bootstrap_mean(means * weights / weights.mean(), seed=seed)
        low, high = math.exp(interval.low), math.exp(interval.high)
    mean = float(nll.mean())
    return PerplexityResult(
        perplexity=math.exp(mean),
        nll=mean,
        low=low,
        high=high,
        n_tokens=len(nll),
        n_windows=len(tables),
        window_nll=means,
        kl=None if is_base else float(np.concatenate([table.kl for table in tables]).mean()),
        top1_agreement=None if is_base else float(np.concatenate([table.same for table in tables]).mean()),
        entropy=float(np.concatenate([table.entropy for table in tables]).mean()),
    )
