"""Activations of texts at any sites and tokens, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.moments import Moments
from pysteer.progress import Progress, silent
from pysteer.session import Session, session_for_texts
from pysteer.site import Site
from pysteer.tree_run import Job, RunCount, run_jobs


def record(
    model: Model,
    texts: Sequence[str | Sequence[int]],
    sites: Iterable[Site],
    *,
    positions: Sequence[Sequence[int]] | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> list[dict[Site, Float32Array]]:
    """Return what each site holds at the wanted tokens of each text.

    Texts that begin alike are computed once as far as they do, and nothing is computed behind the last site.

    Parameters
    ----------
    texts : sequence of str or of token ids
        Texts are tokenised as they are, BOS included; no chat template.
    positions : one sequence of int a text, optional
        Token indices, negative ones counted from the end, ascending order not needed. Default: all tokens.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped. Steering in force applies, and recorded
        values are those after the edits at that site.

    Returns
    -------
    list of dict of Site to float32, shape (n_positions, width)
        width is d_model, or n_heads * head_dim for head_out.

    Raises
    ------
    SiteError
        A site that this architecture does not have (the message lists what there is), or one that is named twice.
    DataError
        No text or site, a text without a token, a position outside its text, or another number of position lists.
    """
    results: list[dict[Site, Float32Array]] = [{} for _ in texts]

    def keep(index: int, rows: dict[Site, Float32Array]) -> None:
        results[index] = rows

    _run(model, texts, tuple(sites), positions, keep, session, progress, count)
    return results


def record_moments(
    model: Model,
    texts: Sequence[str | Sequence[int]],
    sites: Iterable[Site],
    *,
    positions: Sequence[Sequence[int]] | None = None,
    covariance: bool = False,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> dict[Site, Moments]:
    """Return count, mean and, if wanted, covariance of what `record` would return, in constant memory."""
    wanted = tuple(sites)
    moments: dict[Site, Moments] = {}

    def keep(index: int, rows: dict[Site, Float32Array]) -> None:
        for site, values in rows.items():
            if site not in moments:
                moments[site] = Moments(values.shape[1], covariance=covariance)
            moments[site].update(values)

    _run(model, texts, wanted, positions, keep, session, progress, count)
    return {site: moments[site] for site in wanted}


def _run(
    model: Model,
    texts: Sequence[str | Sequence[int]],
    wanted: tuple[Site, ...],
    positions: Sequence[Sequence[int]] | None,
    keep: Callable[[int, dict[Site, Float32Array]], None],
    session: Session | None,
    progress: Progress,
    count: RunCount | None,
) -> None:
    """Hand the rows of each text to ``keep``, as they are computed."""
    if not texts or not wanted:
        raise DataError("nothing to record: give at least one text and one site")
    if positions is not None and len(positions) != len(texts):
        raise DataError(f"expected one list of positions a text, got {len(positions)} for {len(texts)} texts")
    ids = [model.tokenize(text).ids if isinstance(text, str) else np.asarray(text, dtype=np.int32) for text in texts]
    places = [_absolute(len(tokens), None if positions is None else positions[i], i) for i, tokens in enumerate(ids)]
    own = session or session_for_texts(model, max(len(tokens) for tokens in ids))
    try:
        jobs = [
            Job(tokens, record=tuple(sorted(set(place))), steering=own.steering)
            for tokens, place in zip(ids, places, strict=True)
        ]
        n_done = 0
        progress(0, len(jobs))
        for group in run_jobs(own, jobs, sites=wanted, stop_early=True, count=count):
            for index, result in group:
                order = np.searchsorted(jobs[index].record, places[index])
                keep(index, {site: rows[order] for site, rows in result.rows.items()})
            n_done += len(group)
            progress(n_done, len(jobs))
    finally:
        if session is None:
            own.close()


def _absolute(length: int, positions: Sequence[int] | None, text: int) -> list[int]:
    if length == 0:
        raise DataError(f"text {text} has no token")
    if positions is None:
        return list(range(length))
    if not positions:
        raise DataError(f"text {text}: no position to record")
    for position in positions:
        if not -length <= position < length:
            raise DataError(f"text {text}: position {position} is outside its {length} tokens")
    return [position % length for position in positions]
