"""Rows of one site over any amount of text, window by window, in memory that does not grow with the text.

A text that is longer than the model's context is cut into windows. The first tokens of each are left out: whatever they
are, models use them as a place to rest attention on, and their rows are many times longer than all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array
from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.recording import record
from pysteer.session import Session, session_for_texts
from pysteer.site import Site

_AT_ONCE = 64
"""Windows that are computed together."""


@dataclass(frozen=True, eq=False)
class TextWindow:
    """Part of a text.

    Parameters
    ----------
    text : int
        Which text it is of, counted from 0.
    n_done : int
        Texts that are computed as a whole when this window is.
    tokens : int32, shape (n,)
    positions : range
        Its tokens that have a row.
    """

    text: int
    n_done: int
    tokens: npt.NDArray[np.int32]
    positions: range


def row_windows(
    model: Model,
    texts: Iterable[str],
    site: Site,
    *,
    skip_first: int = 1,
    session: Session | None = None,
) -> Iterator[tuple[TextWindow, Float32Array]]:
    """Yield each window of the texts, in order, with its rows, float32, (n_positions, width).

    Parameters
    ----------
    texts : iterable of str
        Tokenised as they are, without chat template; read as far as needed, never kept.
    skip_first : int
        Tokens at the begin of each window that have no row. Windows of no more than these are left out.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped, and steering in force applies.

    Raises
    ------
    DataError
        ``skip_first`` is negative.
    SiteError
        The model has no such site.
    """
    if skip_first < 0:
        raise DataError(f"expected a number of tokens to leave out, got {skip_first}")
    own = session or session_for_texts(model, model.n_ctx_train, n_ctx=max(1024, 2 * _longest(model)))
    try:
        waiting: list[TextWindow] = []
        for window in _windows(model, texts, min(_longest(model), own.native.n_ctx), skip_first):
            waiting.append(window)
            if len(waiting) == _AT_ONCE:
                yield from _computed(own, waiting, site)
                waiting = []
        if waiting:
            yield from _computed(own, waiting, site)
    finally:
        if session is None:
            own.close()


def record_rows(
    model: Model,
    texts: Iterable[str],
    site: Site,
    *,
    n_rows: int | None = None,
    skip_first: int = 1,
    session: Session | None = None,
    progress: Progress = silent,
) -> Float32Array:
    """Return rows of one site over many texts, float32, (n, width), in the order of the texts.

    Parameters
    ----------
    n_rows : int, optional
        How many; the texts are read only so far. Default: all there are.
    progress : Progress
        In rows, or without ``n_rows`` in texts.

    Raises
    ------
    DataError
        The texts have fewer rows than wanted, or none.
    """
    if n_rows is not None and n_rows < 1:
        raise DataError(f"expected a positive number of rows, got {n_rows}")
    parts: list[Float32Array] = []
    found = 0
    n_texts = len(texts) if isinstance(texts, Sized) else 0
    for window, rows in row_windows(model, texts, site, skip_first=skip_first, session=session):
        parts.append(rows if n_rows is None else rows[: n_rows - found])
        found += len(parts[-1])
        progress(*((window.n_done, max(n_texts, window.n_done)) if n_rows is None else (found, n_rows)))
        if found == n_rows:
            break
    if not parts or (n_rows is not None and found < n_rows):
        raise DataError(f"expected texts of {n_rows or 'some'} tokens (without the first of each), got {found}")
    return np.concatenate(parts)


def _longest(model: Model) -> int:
    """Tokens of a window: the model's context, as far as a large one is useful."""
    return min(model.n_ctx_train, 1024)


def _windows(model: Model, texts: Iterable[str], size: int, skip_first: int) -> Iterator[TextWindow]:
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {index}: expected text, got {type(text).__name__}")
        tokens = model.tokenize(text).ids
        for begin in range(0, len(tokens), size):
            part = tokens[begin : begin + size]
            if len(part) > skip_first:
                is_last = begin + size >= len(tokens)
                yield TextWindow(index, index + is_last, part, range(skip_first, len(part)))


def _computed(session: Session, windows: list[TextWindow], site: Site) -> Iterator[tuple[TextWindow, Float32Array]]:
    positions = [window.positions for window in windows]
    recorded = record(session.model, [w.tokens for w in windows], [site], positions=positions, session=session)  # type: ignore[misc]
    for window, rows in zip(windows, recorded, strict=True):
        yield window, rows[site]
