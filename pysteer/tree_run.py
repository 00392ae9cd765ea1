"""Compute many branches with as few tokens as possible; record activations and score tokens on the way.

Branches are ordered so that neighbours share most and done in groups that fit the session. Within a group the prefix
tree is computed level by level, each level one batch; what all branches begin with stays in a trunk sequence for the
whole run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array
from pysteer.errors import ContextFullError, SessionError
from pysteer.prefix_tree import Branch, Int32Array, build_tree, order_branches
from pysteer.prompt_conditions import decided
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import Compiled, changes_at, steps

_FULL_BATCHES = 2
"""Batches that are enough for a group. Every token attends to the memory of all sequences, masked or not, so that a
larger group costs time, unless its branches have much in common."""
_NEARLY_ALL = 0.75
"""A branch with more of its tokens new than this may as well begin another group."""


@dataclass(frozen=True, eq=False)
class Job:
    """One text to run through the model.

    Parameters
    ----------
    tokens : int32, shape (n,)
    record : tuple of int
        Positions whose activations are wanted, ascending.
    score : tuple of int
        Positions after which the next token is scored, ascending.
    targets : tuple of int
        For each position in ``score``, the token whose log-probability is wanted; -1: none.
    steering : Compiled
    n_prompt : int
        Where the prompt ends, for the steering's windows. 0: everything is prompt.
    """

    tokens: Int32Array
    record: tuple[int, ...] = ()
    score: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    steering: Compiled = ()
    n_prompt: int = 0

    @property
    def prompt_length(self) -> int:
        return self.n_prompt or len(self.tokens)


@dataclass(eq=False)
class JobResult:
    """What was measured for one job.

    Parameters
    ----------
    rows : dict of Site to float32, shape (n_record, width)
    log_prob : float32, shape (n_score,)
        Of the targets; NaN without one.
    candidates : float32, shape (n_score, n_candidates)
        Log-probabilities of the run's candidate tokens.
    top : int32, shape (n_score,)
        The most probable next token.
    """

    rows: dict[Site, Float32Array]
    log_prob: Float32Array
    candidates: Float32Array
    top: Int32Array = field(default_factory=lambda: np.empty(0, dtype=np.int32))


@dataclass
class RunCount:
    """How much was computed, for estimates and benchmarks."""

    tokens: int = 0
    batches: int = 0
    naive_tokens: int = field(default=0)
    """Tokens that one full pass a job would have computed."""


def run_jobs(
    session: Session,
    jobs: Sequence[Job],
    *,
    sites: Sequence[Site] = (),
    candidates: Sequence[int] = (),
    stop_early: bool = False,
    count: RunCount | None = None,
) -> Iterator[list[tuple[int, JobResult]]]:
    """Yield (job index, result) in groups, as they are done; the order is not that of the jobs.

    Parameters
    ----------
    session : Session
        Its sequences are dropped. At least two of them are needed.
    sites : sequence of Site
        Recorded at each job's ``record`` positions.
    candidates : sequence of int
        Tokens whose log-probabilities are wanted at every scored position.
    stop_early : bool
        Do not compute what lies behind the last site (then nothing can be scored).

    Raises
    ------
    ContextFullError
        A job is longer than the session's context.
    """
    if session.native.n_sequences < 2:
        raise SessionError("shared prefixes need a session with at least two sequences (n_sequences)")
    if any(item.condition is not None for job in jobs for item in job.steering):
        jobs = _decided(session, jobs)
    runner = _Runner(session, jobs, tuple(sites), np.array(candidates, dtype=np.int32), stop_early, count or RunCount())
    try:
        yield from runner.groups()
    finally:
        session.forget()


def _decided(session: Session, jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with the steering that is left after their prompts were read."""
    steerings = decided(session, [job.steering for job in jobs], [job.tokens[: job.prompt_length] for job in jobs])
    return [replace(job, steering=steering) for job, steering in zip(jobs, steerings, strict=True)]


class _Runner:
    def __init__(
        self,
        session: Session,
        jobs: Sequence[Job],
        sites: tuple[Site, ...],
        candidates: Int32Array,
        stop_early: bool,
        count: RunCount,
    ) -> None:
        self.session, self.native = session, session.native
        self.jobs, self.sites, self.candidates = jobs, sites, candidates
        self.stop_early, self.count = stop_early, count
        for site in sites:
            self.native.site_width(site.component, site.layer)  # refuse early what this model does not have
        for index, job in enumerate(jobs):
            if not 0 < len(job.tokens) <= self.native.n_ctx:
                raise ContextFullError(
                    f"text {index} has {len(job.tokens)} tokens; expected 1 to {self.native.n_ctx} (n_ctx)"
                )
        # Nothing behind the last token that is wanted needs to be computed.
        self.lengths = [1 + max((*job.record, *job.score), default=len(job.tokens) - 1) for job in jobs]
        self.changes = [tuple(changes_at(job.steering, job.prompt_length)) for job in jobs]
        self.order, self.shared = order_branches(
            [
                Branch(job.tokens[:length], changes)
                for job, length, changes in zip(jobs, self.lengths, self.changes, strict=True)
            ]
        )
        self.results: dict[int, JobResult] = {}

    def groups(self) -> Iterator[list[tuple[int, JobResult]]]:
        self.session.forget()
        self.count.naive_tokens += sum(len(job.tokens) for job in self.jobs)
        trunk = self._compute_trunk(min([*self.shared[1:], *self.lengths], default=0) if len(self.jobs) > 1 else 0)
        begin = 0
        while begin < len(self.order):
            end = self._group_end(begin, trunk)
            yield self._compute_group(begin, end, trunk)
            begin = end

    def _compute_trunk(self, length: int) -> int:
        """Compute what all jobs begin with in sequence 0, unless one of them wants something from there."""
        wanted = min((position for job in self.jobs for position in (*job.record, *job.score)), default=length)
        length = min(length, wanted)
        if length == 0:
            return 0
        first = self.jobs[self.order[0]]
        self._steer(0, first)
        self._decode([(0, first.tokens[:length], 0, [])])
        return length

    def _group_end(self, begin: int, trunk: int) -> int:
        """Return where the group that starts at ``begin`` must end to fit sequences and memory."""
        room = self.native.n_ctx - trunk
        enough = _FULL_BATCHES * self.native.n_batch
        used, end = 0, begin
        while end < len(self.order) and end - begin < self.native.n_sequences - 1:
            alone = self.lengths[self.order[end]] - trunk
            new = self.lengths[self.order[end]] - max(self.shared[end], trunk) if end > begin else alone
            if end > begin and (used + new > room or (used + new > enough and new > _NEARLY_ALL * alone)):
                break
            used += new
            end += 1
        if used > room:  # a single job beside the trunk: give the trunk up for it
            self.native.trim(0, 0)
        return end

    def _compute_group(self, begin: int, end: int, trunk: int) -> list[tuple[int, JobResult]]:
        indices = self.order[begin:end]
        trunk = min(trunk, self.native.length(0))
        self.results = {index: self._empty(index) for index in indices}
        sequence = {index: place + 1 for place, index in enumerate(indices)}
        for index in indices:
            self._steer(sequence[index], self.jobs[index])
        tree = build_tree(indices, self.shared[begin:end], [self.lengths[i] for i in indices], trunk)
        for level in tree.levels():
            work = []
            for node, parent in level:
                source = 0 if parent is None else sequence[parent.owner]
                target = sequence[node.owner]
                if source != target and node.begin > 0:
                    self.native.share(source, target, node.begin)
                start = self.native.length(target)  # a model with recurrent state cannot share
                tokens = self.jobs[node.owner].tokens[start : node.end]
                if len(tokens):
                    work.append((target, tokens, start, node.leaves))
            self._decode(work)
        for place in range(1, len(indices) + 1):
            self.native.trim(place, 0)
        return list(self.results.items())

    def _steer(self, sequence: int, job: Job) -> None:
        self.native.set_program(sequence, steps(job.steering, job.prompt_length))

    def _empty(self, index: int) -> JobResult:
        job = self.jobs[index]
        widths = {site: self.native.site_width(site.component, site.layer) for site in self.sites}
        return JobResult(
            {site: np.full((len(job.record), width), np.nan, dtype=np.float32) for site, width in widths.items()},
            np.full(len(job.score), np.nan, dtype=np.float32),
            np.full((len(job.score), len(self.candidates)), np.nan, dtype=np.float32),
            np.full(len(job.score), -1, dtype=np.int32),
        )

    def _decode(self, work: Sequence[tuple[int, Int32Array, int, Sequence[int]]]) -> None:
        """Compute one batch: for each entry (sequence, tokens, first position, jobs whose results these are)."""
        if not work:
            return
        tokens = np.concatenate([entry[1] for entry in work]).astype(np.int32)
        positions = np.concatenate([np.arange(entry[2], entry[2] + len(entry[1])) for entry in work]).astype(np.int32)
        sequences = np.concatenate([np.full(len(entry[1]), entry[0]) for entry in work]).astype(np.int32)
        recorded = np.zeros(len(tokens), dtype=np.uint8)
        outputs = np.zeros(len(tokens), dtype=np.uint8)
        wanted_rows: list[tuple[int, int, int]] = []  # (batch row, job, place in record)
        wanted_scores: list[tuple[int, int, int]] = []
        offset = 0
        for _, part, start, leaves in work:
            for leaf in leaves:
                job = self.jobs[leaf]
                for place, position in enumerate(job.record):
                    if start <= position < start + len(part):
                        wanted_rows.append((offset + position - start, leaf, place))
                for place, position in enumerate(job.score):
                    if start <= position < start + len(part):
                        wanted_scores.append((offset + position - start, leaf, place))
            offset += len(part)
        recorded[[row for row, *_ in wanted_rows]] = 1
        outputs[[row for row, *_ in wanted_scores]] = 1
        output_of = np.cumsum(outputs) - 1
        lookups = [
            (output_of[row], self.jobs[leaf].targets[place], leaf, place)
            for row, leaf, place in wanted_scores
            if self.jobs[leaf].targets and self.jobs[leaf].targets[place] >= 0
        ]
        decoded = self.native.decode(
            tokens,
            positions,
            sequences,
            outputs=outputs,
            recorded=recorded if self.sites else None,
            sites=[(site.component, site.layer) for site in self.sites],
            stop_early=self.stop_early and bool(self.sites),
            candidates=self.candidates,
            lookups=(
                np.array([output for output, *_ in lookups], dtype=np.int32),
                np.array([token for _, token, *_ in lookups], dtype=np.int32),
            ),
        )
        self.count.tokens += len(tokens)
        self.count.batches += decoded.n_parts
        self._store_rows(recorded, wanted_rows, decoded.recordings)
        for row, leaf, place in wanted_scores:
            self.results[leaf].candidates[place] = decoded.candidate_log_probs[output_of[row]]
            self.results[leaf].top[place] = decoded.top_id[output_of[row]]
        for (_, _, leaf, place), log_prob in zip(lookups, decoded.lookup_log_probs, strict=True):
            self.results[leaf].log_prob[place] = log_prob

    def _store_rows(
        self, recorded: npt.NDArray[np.uint8], wanted: Sequence[tuple[int, int, int]], recordings: list[Float32Array]
    ) -> None:
        index_of = np.cumsum(recorded) - 1
        for site, rows in zip(self.sites, recordings, strict=True):
            for row, leaf, place in wanted:
                self.results[leaf].rows[site][place] = rows[index_of[row]]
