"""Computing the parts that are missing, one after the other, each written to the run store the moment it is done.

A process that is killed, or interrupted, loses the part that it was computing and nothing else. Results are always read
back from the store, so that a resumed run and one in a single go work on the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import PysteerError, StoreError
from pysteer.measurements.measured import Work
from pysteer.store import Cell, RunStore
from pysteer.store.cell import CellHead
from pysteer.studies.parts import Part, PartResult, Task, keys_of
from pysteer.studies.study_model import StudyModel
from pysteer.tree_run import Job, run_jobs

_OVERHEAD_S = 0.05
"""Of a part, whatever it computes."""
_PROBE_TOKENS = 128


@dataclass(frozen=True)
class Speed:
    """Tokens a second: read in batches, and written one after the other."""

    read: float
    written: float

    def seconds(self, work: Work) -> float:
        """Return what a part should take."""
        return work.n_tokens / self.read + work.n_generated / self.written + _OVERHEAD_S


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Parameters
    ----------
    n_parts, n_done : int
        All parts, and those whose results are there.
    seconds : float
        For the parts that are missing.
    n_tokens, n_generated : int
        To be read and written at most.
    memory_bytes : int
        Largest need of a part: model, and keys and values.
    """

    n_parts: int
    n_done: int
    seconds: float
    n_tokens: int
    n_generated: int
    memory_bytes: int


@dataclass(frozen=True)
class RunState:
    """Where a run is.

    Parameters
    ----------
    part : str
        Being computed; empty at the end.
    n_done, n_parts : int
    share : float
        Of all the work, 0 to 1.
    seconds_left : float
        NaN before anything is known.
    """

    part: str
    n_done: int
    n_parts: int
    share: float
    seconds_left: float


Watcher = Callable[[RunState], object]


def watch_nothing(state: RunState) -> None:
    """Report to nobody."""


def run_parts(
    parts: Sequence[Part],
    store: RunStore,
    *,
    speeds: Mapping[str, Speed] | None = None,
    watcher: Watcher = watch_nothing,
) -> dict[str, PartResult]:
    """Return the result of every part by its name; compute and store those that are missing.

    Parameters
    ----------
    speeds : mapping of str to Speed, optional
        By model label, for the time left; see `probe_speed`. The time left is corrected by what parts really take.

    Raises
    ------
    StoreError
        The store cannot be written. What was finished stays.
    PysteerError
        A part failed; the message begins with its name.
    """
    keys = keys_of(parts)
    missing = set(store.missing(list(keys.values())))
    clock = _Clock([(part.name, _expected(part, speeds)) for part in parts if keys[part.name] in missing])
    results: dict[str, PartResult] = {}
    n_done = sum(keys[part.name] not in missing for part in parts)
    for part in parts:
        key = keys[part.name]
        if key in missing:
            watcher(clock.state(part.name, 0.0, n_done, len(parts)))

            def progress(done: int, total: int, name: str = part.name, finished: int = n_done) -> None:
                watcher(clock.state(name, done / total if total else 0.0, finished, len(parts)))

            began = time.monotonic()
            found = _compute(part, {alias: results[name] for alias, name in part.needs.items()}, progress)
            seconds = time.monotonic() - began
            head = CellHead(key, part.identity(keys), _labels(part), seconds, found.failures)
            store.put([Cell(head, found.arrays, found.content)])
            clock.finish(part.name, seconds)
            missing.discard(key)
            n_done += 1
        results[part.name] = _stored(store, key, part.name)
    watcher(RunState("", len(parts), len(parts), 1.0, 0.0))
    return results


def estimate(parts: Sequence[Part], store: RunStore, speeds: Mapping[str, Speed]) -> Estimate:
    """Return what `run_parts` would take; computes nothing."""
    keys = keys_of(parts)
    missing = set(store.missing(list(keys.values())))
    todo = [part for part in parts if keys[part.name] in missing]
    return Estimate(
        len(parts),
        len(parts) - len(todo),
        sum(_expected(part, speeds) for part in todo),
        sum(part.work.n_tokens for part in todo),
        sum(part.work.n_generated for part in todo),
        max((_memory(part) for part in todo), default=0),
    )


def probe_speed(model: StudyModel) -> Speed:
    """Return how fast the model reads and writes here, from a second or so of each."""
    subject = model.subject(raw=True)
    session = subject.session_for_texts(_PROBE_TOKENS)
    words = model.loaded.tokenize("the ", add_special=False).ids
    n_tokens = min(_PROBE_TOKENS, model.loaded.n_ctx_train - 1)

    def read() -> float:
        texts = [np.resize(np.append(words, words[:1] + k), n_tokens).astype(np.int32) for k in range(4)]
        began = time.monotonic()
        for _ in run_jobs(session, [Job(text, score=(n_tokens - 1,), targets=(-1,)) for text in texts]):
            pass
        return 4 * n_tokens / (time.monotonic() - began)

    def write() -> float:
        began = time.monotonic()
        written = session.generate("Once upon a time", max_tokens=24, raw=True)
        return max(1, len(written.tokens)) / (time.monotonic() - began)

    read()  # the first run also makes buffers
    return Speed(read(), write())


class _Clock:
    """Time left, from what parts were expected to take and what they took."""

    def __init__(self, expected: Sequence[tuple[str, float]]) -> None:
        self._expected = dict(expected)
        self._total = sum(self._expected.values()) or 1.0
        self._done_expected = self._done_real = 0.0
        self._began = time.monotonic()

    def state(self, part: str, share: float, n_done: int, n_parts: int) -> RunState:
        inside = share * self._expected[part]
        left = self._total - self._done_expected - inside
        # A part that is under way says something, too, once the run has lasted a while.
        real, expected = time.monotonic() - self._began, self._done_expected + inside
        factor = real / expected if expected > 0.0 and real > 2.0 else 1.0
        return RunState(part, n_done, n_parts, (self._done_expected + inside) / self._total, left * factor)

    def finish(self, part: str, seconds: float) -> None:
        self._done_expected += self._expected[part]
        self._done_real += seconds


def _expected(part: Part, speeds: Mapping[str, Speed] | None) -> float:
    label = "" if part.model is None else part.model.root.label
    speed = (speeds or {}).get(label, Speed(1000.0, 50.0))
    return speed.seconds(part.work)


def _compute(part: Part, inputs: Mapping[str, PartResult], progress: Callable[[int, int], object]) -> PartResult:
    try:
        return part.compute(Task(part.settings, part.data, inputs, progress, part.model))
    except PysteerError as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (f"{part.name}: {error.args[0]}", *error.args[1:])
        raise


def _stored(store: RunStore, key: str, name: str) -> PartResult:
    cell = store.get(key)
    if cell is None:
        raise StoreError(f"part {name!r} is not in the run store: run the study first")
    return PartResult(cell.content, cell.arrays, cell.head.failures)


def _labels(part: Part) -> dict[str, str]:
    labels = {"part": part.name, "data": ", ".join(data.name for data in part.data.values())}
    return labels if part.model is None else {**labels, "model": part.model.label}


def _memory(part: Part) -> int:
    """Bytes of the model's file, and of keys and values in the part's session."""
    if part.model is None:
        return 0
    root, bytes_each = part.model.root, 4 if part.model.options.kv_type == "f32" else 2
    model = root.loaded
    kv_width = 2 * model.n_heads_kv * (model.d_model // max(1, model.n_heads))
    return root.size + (part.work.n_ctx or 4096) * model.n_layers * kv_width * bytes_each
