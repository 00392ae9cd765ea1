"""Does a run over the prefix tree give what each text gives alone, with as few tokens as the tree has?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_runs import NOISE, CountedDecodes, add, exact_session, log_softmax, random_tokens, random_vector

from pysteer.errors import ContextFullError, SessionError, SiteError
from pysteer.model import Model
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import compile_interventions, steps
from pysteer.tree_run import Job, JobResult, RunCount, run_jobs

SITES = (Site("resid_post", 1), Site("mlp_out", 2), Site("final_norm", 3))
CANDIDATES = (5, 77, 200)
VECTOR = random_vector(0, 2)
STEERINGS = [
    compile_interventions([]),
    compile_interventions([add(VECTOR, 1.0)]),
    compile_interventions([add(VECTOR, -0.5, "answer")]),
    compile_interventions([add(VECTOR, 2.0, "2:5"), add(VECTOR, 1.0, "generation", "norm_preserving_add")]),
]


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def alone(model: Model) -> Session:
    return exact_session(model)


@pytest.fixture(scope="module")
def together(model: Model) -> Session:
    return exact_session(model, n_sequences=8)


def run(session: Session, jobs: Sequence[Job], **wants: object) -> list[JobResult]:
    found = {index: result for group in run_jobs(session, jobs, **wants) for index, result in group}  # type: ignore[arg-type]
    return [found[index] for index in range(len(jobs))]


def naive(session: Session, job: Job, sites: Sequence[Site] = ()) -> JobResult:
    """The job alone: a full pass over its tokens in an empty session, everything read off the logits."""
    session.forget()
    native, n = session.native, len(job.tokens)
    native.set_program(0, steps(job.steering, job.prompt_length))
    decoded = native.decode(
        job.tokens,
        np.arange(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        outputs=np.ones(n, dtype=np.uint8),
        recorded=np.ones(n, dtype=np.uint8) if sites else None,
        sites=[(site.component, site.layer) for site in sites],
        logits=True,
    )
    log_probs = log_softmax(decoded.logits)[list(job.score)]
    targets = [job.targets[k] if job.targets else -1 for k in range(len(job.score))]
    rows = {site: array[list(job.record)] for site, array in zip(sites, decoded.recordings, strict=True)}
    wanted = [log_probs[k, target] if target >= 0 else np.nan for k, target in enumerate(targets)]
    return JobResult(rows, np.array(wanted), log_probs[:, list(CANDIDATES)])


def assert_same(ours: JobResult, theirs: JobResult) -> None:
    for site, rows in theirs.rows.items():
        np.testing.assert_allclose(ours.rows[site], rows, rtol=0, atol=NOISE * max(1.0, np.abs(rows).max(initial=0)))
    np.testing.assert_allclose(ours.log_prob, theirs.log_prob, rtol=0, atol=10 * NOISE)  # logits of about 10
    if ours.candidates.size:
        np.testing.assert_allclose(ours.candidates, theirs.candidates, rtol=0, atol=10 * NOISE)


def job_with(
    tokens: Sequence[int], record: Sequence[int], score: Sequence[int], steering: int, n_prompt: int, targets: bool
) -> Job:
    wanted = tuple((7 * position) % 250 if position % 3 else -1 for position in score) if targets else ()
    return Job(np.array(tokens, dtype=np.int32), tuple(record), tuple(score), wanted, STEERINGS[steering], n_prompt)


@st.composite
def jobs_strategy(draw: st.DrawFn) -> Job:
    tokens = draw(st.lists(st.integers(60, 62), min_size=4, max_size=10))
    places = st.lists(st.integers(0, len(tokens) - 1), max_size=4, unique=True).map(sorted)
    n_prompt = draw(st.integers(3, len(tokens)))
    steering = draw(st.integers(0, len(STEERINGS) - 1))
    return job_with(tokens, draw(places), draw(places), steering, n_prompt, draw(st.booleans()))


# The sessions are emptied at the start of every run, so sharing them between examples is safe.
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(jobs_strategy(), min_size=1, max_size=12))
def test_every_job_gives_what_it_gives_alone(alone: Session, together: Session, jobs: list[Job]) -> None:
    for job, ours in zip(jobs, run(together, jobs, sites=SITES, candidates=CANDIDATES), strict=True):
        assert_same(ours, naive(alone, job, SITES))


def family(n_jobs: int, *, n_common: int = 12, n_own: int = 5) -> list[Job]:
    """Jobs with a common beginning, every two of them with a longer one, under different steering."""
    common = random_tokens(n_common, seed=1)
    jobs = []
    for k in range(n_jobs):
        middle, end = random_tokens(4, seed=10 + k // 2), random_tokens(n_own, seed=100 + k)
        tokens = np.concatenate([common, middle, end])
        n = len(tokens)
        jobs.append(job_with(tokens.tolist(), (n - 3, n - 1), (n - 2, n - 1), k % len(STEERINGS), n - 2, True))
    return jobs


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"n_sequences": 2}, id="one job a group"),
        pytest.param({"n_sequences": 4}, id="more jobs than sequences"),
        pytest.param({"n_sequences": 8, "n_batch": 8}, id="batches that do not fit at once"),
        pytest.param({"n_sequences": 64, "n_ctx": 256}, id="small memory"),
    ],
)
def test_small_sessions_give_the_same_in_groups(model: Model, alone: Session, options: dict[str, int]) -> None:
    jobs = family(40)
    with exact_session(model, **options) as session:
        for job, ours in zip(jobs, run(session, jobs, sites=SITES, candidates=CANDIDATES), strict=True):
            assert_same(ours, naive(alone, job, SITES))


def test_jobs_as_long_as_the_memory_take_turns(model: Model, alone: Session) -> None:
    jobs = family(3, n_common=200, n_own=52)
    assert len(jobs[0].tokens) == 256
    with exact_session(model, n_ctx=256, n_sequences=8) as session:
        for job, ours in zip(jobs, run(session, jobs, sites=SITES), strict=True):
            assert_same(ours, naive(alone, job, SITES))


def test_a_trunk_and_a_job_that_need_more_than_the_memory_are_still_computed(model: Model, alone: Session) -> None:
    common = random_tokens(10, seed=1).tolist()
    steered = [job_with(common + random_tokens(240, seed=k).tolist(), (249,), (), k, 240, False) for k in range(4)]
    with exact_session(model, n_ctx=256, n_sequences=8) as session:
        for job, ours in zip(steered, run(session, steered, sites=SITES), strict=True):
            assert_same(ours, naive(alone, job, SITES))


def test_stopping_early_records_the_same_and_computes_no_deeper_block(model: Model, alone: Session) -> None:
    site = Site("resid_post", 1)
    late = (STEERINGS[0], STEERINGS[2])  # steering from the first token on would leave no common trunk
    jobs = [
        Job(job.tokens, job.record, steering=late[k % 2], n_prompt=job.n_prompt) for k, job in enumerate(family(20))
    ]
    with exact_session(model, n_sequences=8) as session:
        depths = []
        results = {}
        for group in run_jobs(session, jobs, sites=[site], stop_early=True):
            depths.append(session.native.depth(0))
            results.update(group)
        assert set(depths) == {2}  # the trunk has keys and values of blocks 0 and 1 only
        for index, job in enumerate(jobs):
            assert_same(results[index], naive(alone, job, [site]))


def test_tokens_are_counted_and_as_few_as_distinct_prefixes(model: Model) -> None:
    jobs = [Job(job.tokens, job.record) for job in family(20)]
    n_distinct = len({tuple(job.tokens[: n + 1]) for job in jobs for n in range(len(job.tokens))})
    with exact_session(model, n_sequences=64) as session:
        decodes, count = CountedDecodes(session), RunCount()
        run(session, jobs, sites=SITES[:1], count=count)
    assert count.tokens == sum(decodes.n_tokens) == n_distinct
    assert count.naive_tokens == sum(len(job.tokens) for job in jobs)


def test_steered_jobs_share_what_lies_before_the_steering(model: Model) -> None:
    tokens = random_tokens(30, seed=3)
    steerings = [compile_interventions([add(VECTOR, c, "answer")]) for c in (-1.0, 0.0, 1.0, 2.0)]
    jobs = [Job(tokens, score=(29,), targets=(5,), steering=steering, n_prompt=28) for steering in steerings]
    count = RunCount()
    with exact_session(model) as session:
        run(session, jobs, count=count)
    assert count.tokens == 27 + 4 * 3  # positions 27, 28, 29 once for each coefficient


def test_the_session_is_empty_and_unsteered_after_a_run(model: Model, together: Session) -> None:
    run(together, family(10), sites=SITES)
    assert [together.native.length(sequence) for sequence in range(8)] == [0] * 8
    tokens = random_tokens(6, seed=1)
    with exact_session(model, n_sequences=8) as fresh:
        np.testing.assert_array_equal(together.logits(tokens), fresh.logits(tokens))


def test_what_cannot_be_run_is_refused_before_anything_is_computed(model: Model, together: Session) -> None:
    job = Job(random_tokens(5, seed=1), record=(4,))
    with pytest.raises(SiteError, match="resid_post"):
        run(together, [job], sites=[Site("resid_post", 4)])
    with pytest.raises(ContextFullError, match="text 1 has 600 tokens"):
        run(together, [job, Job(random_tokens(600, seed=1))])
    with pytest.raises(ContextFullError, match="text 0 has 0 tokens"):
        run(together, [Job(np.zeros(0, dtype=np.int32))])
    with exact_session(model, n_sequences=1) as lonely, pytest.raises(SessionError, match="two sequences"):
        run(lonely, [job], sites=SITES)


def test_no_job_is_no_result(together: Session) -> None:
    assert run(together, []) == []


def test_the_same_steering_compiled_twice_is_right_though_nothing_is_shared(model: Model, alone: Session) -> None:
    tokens = random_tokens(8, seed=4)
    jobs = [Job(tokens, (7,), (7,), (5,), compile_interventions([add(VECTOR)])) for _ in range(2)]
    with exact_session(model) as session:
        first, second = run(session, jobs, sites=SITES)
    assert_same(first, second)
    assert_same(first, naive(alone, jobs[0], SITES))
