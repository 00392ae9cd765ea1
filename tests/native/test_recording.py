"""Recorded activations: any site, any token, any order, under steering, equal to the NumPy oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import NOISE, add, exact_session, numpy_hook, random_tokens, random_vector

from pysteer.errors import ContextFullError, DataError, SiteError, TokenizeError
from pysteer.model import Model
from pysteer.recording import record, record_moments
from pysteer.session import Session
from pysteer.site import Site
from pysteer.tree_run import RunCount

TEXTS = ("Hello there", "Hello you and me", "the thing", "Hello there", "H")
SITES = [Site(component, layer) for layer in range(4) for component in ("resid_post", "resid_mid", "head_out")]
SITES += [Site("attn_out", 2), Site("mlp_out", 0), Site("final_norm", 3)]


@pytest.fixture(scope="module")
def session(tiny_wide_head: Path) -> Session:
    return exact_session(tiny_wide_head)


@pytest.fixture(scope="module")
def oracle(tiny_wide_head: Path) -> NumpyTransformer:
    return NumpyTransformer(tiny_wide_head)


def expected_rows(oracle: NumpyTransformer, tokens: np.ndarray, site: Site, hook: object = None) -> np.ndarray:
    array = getattr(oracle.forward(tokens, hook), site.component)  # type: ignore[arg-type]
    return np.asarray(array if site.component == "final_norm" else array[site.layer])


def assert_rows(ours: np.ndarray, expected: np.ndarray) -> None:
    assert ours.dtype == np.float32
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= 1e-4 * np.abs(expected).max()


def test_all_tokens_of_all_texts_at_all_sites_equal_numpy(session: Session, oracle: NumpyTransformer) -> None:
    results = record(session.model, TEXTS, SITES, session=session)
    assert [list(result) for result in results] == [SITES] * len(TEXTS)
    for text, result in zip(TEXTS, results, strict=True):
        tokens = session.model.tokenize(text).ids
        for site in SITES:
            assert_rows(result[site], expected_rows(oracle, tokens, site))


def test_positions_come_in_the_order_asked_for_counted_from_either_end(
    session: Session, oracle: NumpyTransformer
) -> None:
    tokens = random_tokens(8, seed=1)
    positions = [[-1, 0, 3, 3, -8, 7], [2], [-2, -3]]
    site = Site("resid_post", 2)
    results = record(session.model, [tokens] * 3, [site], positions=positions, session=session)
    rows = expected_rows(oracle, tokens, site)
    for result, wanted in zip(results, positions, strict=True):
        assert_rows(result[site], rows[wanted])


def test_token_ids_are_taken_as_they_are(session: Session) -> None:
    text = "Hello there"
    site = Site("resid_post", 1)
    ids = session.model.tokenize(text).ids
    by_text, by_ids, by_list = record(session.model, [text, ids, ids.tolist()], [site], session=session)
    np.testing.assert_array_equal(by_ids[site], by_text[site])
    np.testing.assert_array_equal(by_list[site], by_text[site])


def test_recorded_values_are_those_after_the_edit(session: Session, oracle: NumpyTransformer) -> None:
    tokens = random_tokens(7, seed=2)
    given = [add(random_vector(1), 1.0, "2:5"), add(random_vector(2, component="mlp_out"), 1.0, "all", "ablate")]
    sites = [Site("resid_post", 1), Site("mlp_out", 2), Site("resid_post", 3)]
    with session.steer(given):
        [result] = record(session.model, [tokens], sites, session=session)
    hook = numpy_hook(given, len(tokens))
    for site in sites:
        assert_rows(result[site], expected_rows(oracle, tokens, site, hook))


def test_recording_leaves_the_models_answers_unchanged(session: Session) -> None:
    tokens = random_tokens(9, seed=3)
    before = session.logits(tokens)
    record(session.model, TEXTS, SITES, session=session)
    np.testing.assert_array_equal(session.logits(tokens), before)


def test_common_beginnings_are_computed_once(session: Session) -> None:
    ids = [session.model.tokenize(text).ids for text in TEXTS]
    count = RunCount()
    record(session.model, TEXTS, [Site("resid_post", 0)], positions=[[-1]] * 5, session=session, count=count)
    assert count.tokens == len({tuple(tokens[: n + 1]) for tokens in ids for n in range(len(tokens))})


def test_a_session_of_its_own_gives_the_same(session: Session) -> None:
    site = Site("resid_post", 3)
    own = record(session.model, TEXTS, [site])
    for ours, theirs in zip(own, record(session.model, TEXTS, [site], session=session), strict=True):
        # The session made for the purpose keeps keys and values as float16.
        np.testing.assert_allclose(ours[site], theirs[site], rtol=0, atol=2e-2)


def test_many_texts_in_many_groups_come_back_in_their_order(tiny_wide_head: Path, oracle: NumpyTransformer) -> None:
    texts = [random_tokens(4 + k % 5, seed=k) for k in range(30)]
    site = Site("resid_post", 1)
    with exact_session(tiny_wide_head, n_sequences=4) as session:
        results = record(session.model, texts, [site], session=session)
    for tokens, result in zip(texts, results, strict=True):
        expected = expected_rows(oracle, tokens, site)
        np.testing.assert_allclose(result[site], expected, rtol=0, atol=NOISE * np.abs(expected).max())


def test_moments_are_those_of_the_recorded_rows(session: Session) -> None:
    sites = [Site("resid_post", 1), Site("head_out", 2)]
    positions = [[0, -1], [1, 2, -1], [3], [-2, 1], [0]]
    rows = record(session.model, TEXTS, sites, positions=positions, session=session)
    moments = record_moments(session.model, TEXTS, sites, positions=positions, covariance=True, session=session)
    for site in sites:
        stacked = np.concatenate([result[site] for result in rows]).astype(np.float64)
        assert moments[site].count == len(stacked) == 9
        np.testing.assert_allclose(moments[site].mean, stacked.mean(axis=0), rtol=0, atol=1e-9)
        np.testing.assert_allclose(moments[site].covariance(), np.cov(stacked.T), rtol=0, atol=1e-9)


def test_progress_counts_texts(session: Session) -> None:
    seen: list[int] = []
    record(session.model, TEXTS, SITES, session=session, progress=lambda done, total: seen.append(done))
    assert seen[0] == 0
    assert seen[-1] == len(TEXTS)


def test_an_exception_in_progress_stops_the_work_and_leaves_the_session_usable(session: Session) -> None:
    def stop(done: int, total: int) -> None:
        if done:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        record(session.model, TEXTS, SITES, session=session, progress=stop)
    assert len(record(session.model, TEXTS, SITES, session=session)) == len(TEXTS)


@pytest.mark.parametrize(
    ("site", "what_there_is"),
    [
        (Site("resid_post", 4), "4 blocks, so layers run from 0 to 3"),
        (Site("head_out", 99), "4 blocks, so layers run from 0 to 3"),
        (Site("final_norm", 0), "resid_post.*head_out.*final_norm"),
    ],
)
def test_a_site_that_is_not_there_is_refused_with_those_that_are(
    session: Session, site: Site, what_there_is: str
) -> None:
    with pytest.raises(SiteError, match=what_there_is):
        record(session.model, TEXTS, [site], session=session)


def test_what_cannot_be_recorded_is_refused(session: Session, tiny_gpt2: Path) -> None:
    model, site = session.model, Site("resid_post", 1)
    for texts, sites in (([], [site]), (TEXTS, [])):
        with pytest.raises(DataError, match="nothing to record"):
            record(model, texts, sites)
    with pytest.raises(DataError, match="text 1: no position"):
        record(model, TEXTS[:2], [site], positions=[[0], []])
    with pytest.raises(DataError, match="text 0: position 12 is outside its 12 tokens"):
        record(model, TEXTS[:1], [site], positions=[[12]])
    with pytest.raises(DataError, match="got 1 for 2 texts"):
        record(model, TEXTS[:2], [site], positions=[[0]])
    with pytest.raises(DataError, match="text 1 has no token"):
        record(Model.load(tiny_gpt2), ["a", ""], [site])
    with pytest.raises(TokenizeError, match="9999"):
        record(model, [[9999]], [site])
    with pytest.raises(ContextFullError, match="text 0 has 600 tokens"):
        record(model, [random_tokens(600, seed=1)], [site], session=session)


def test_a_site_that_is_named_twice_is_refused(session: Session) -> None:
    with pytest.raises(SiteError, match="twice"):
        record(session.model, ["Hello"], [Site("resid_post", 1)] * 2, session=session)
