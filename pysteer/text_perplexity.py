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
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean
from pysteer.steering_program import compile_interventions
from pysteer.text_windows import TextWindow, WindowTable, document_windows, measure_windows, text_windows

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
    windows = windows_of(model, text, window_size)
    compiled = [compile_interventions(steering) for steering in steerings]
    # Steering that changes nothing is the unsteered model: exactly, and for free.
    active = [steering for steering in compiled if steering]
    n_ctx, n_batch = room_for_windows(windows, 1 + len(active))
    own = session or Session(model, n_ctx=n_ctx, n_batch=n_batch, n_sequences=1 + len(active))
    try:
        tables = list(measure_windows(own, windows, active, progress=progress))
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
            results.append(_summary([table.as_steered() for table in base], seed, is_base=False))
    return results


def windows_of(model: Model, text: str | Sequence[str], window_size: int) -> list[TextWindow]:
    """Return the windows of one text, or of several documents; errors as `perplexities`."""
    if window_size < 4:
        raise MeasurementError(f"window_size is {window_size}; expected at least 4")
    if isinstance(text, str):
        return text_windows(model, text, window_size)
    windows = [window for document in text for window in document_windows(model, document, window_size)]
    if not windows:
        raise MeasurementError("there is no document to measure: give at least one text")
    return windows


def room_for_windows(windows: Sequence[TextWindow], n_side_by_side: int) -> tuple[int, int]:
    """Return n_ctx and n_batch of a session that computes the windows."""
    n_ctx = max(len(window.tokens) for window in windows) * n_side_by_side
    return n_ctx, min(n_ctx, max(512, n_side_by_side))


def _summary(tables: Sequence[WindowTable], seed: int, *, is_base: bool) -> PerplexityResult:
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
