"""Features of a dictionary, changed inside a model, have exactly the values that were asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from python_runs import add, exact_session, random_tokens, random_vector

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.feature_edits import FeatureEdit, feature_changes
from pysteer.errors import ShapeError, SteeringError
from pysteer.feature_steering import edit_features, feature_vector, interventions_on_text
from pysteer.generation import Request
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.tree_run import Job, run_jobs

SITE = Site("resid_post", 1)
TOKENS = [5, 40, 77, 12, 90, 33]


def dictionary(site: Site | None = SITE) -> SparseDictionary:
    rng = np.random.default_rng(0)
    w_dec = rng.normal(size=(256, 64)).astype(np.float32) / 8
    return SparseDictionary(w_dec.T, np.zeros(256), w_dec, np.zeros(64), "topk", Provenance("example"), site=site, k=16)


def test_closed_forms() -> None:
    d = dictionary()
    rows = np.random.default_rng(1).normal(size=(7, 64)).astype(np.float32)
    f = d.encode(rows)
    j = int(f.sum(axis=0).argmax())
    for action, value, step in [
        ("add", 2.0, np.full(7, 2.0)),
        ("clamp", 3.0, 3.0 - f[:, j]),
        ("scale", 0.5, 0.5 * f[:, j]),
        ("ablate", 0.0, -f[:, j]),
    ]:
        changes = feature_changes(d, rows, [FeatureEdit(j, action, value)])
        np.testing.assert_allclose(changes, step[:, None] * d.w_dec[j], atol=1e-5)
    same = feature_changes(d, rows[:1], [FeatureEdit(j, "clamp", float(f[0, j]))])
    assert not same.any()


@pytest.mark.parametrize("action", ["clamp", "scale", "ablate"])
def test_edits_arrive_in_the_model(tiny_llama: Path, action: str) -> None:
    d = dictionary()
    value = {"clamp": 4.0, "scale": 1.5, "ablate": 0.0}[action]
    with exact_session(tiny_llama) as session:
        plain = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
        feature = int(d.encode(plain).sum(axis=0).argmax())
        edits = [FeatureEdit(feature, action, value)]
        before = session.logits(TOKENS)
        steering = interventions_on_text(session, d, TOKENS, edits)
        with session.steer(steering):
            changed = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
            after = session.logits(TOKENS)
    np.testing.assert_allclose(changed, plain + feature_changes(d, plain, edits), atol=1e-4)
    assert np.abs(after - before).max() > 1e-3


def test_clamping_an_absent_feature_to_zero_changes_nothing(tiny_llama: Path) -> None:
    d = dictionary()
    with exact_session(tiny_llama) as session:
        plain = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
        absent = int(np.flatnonzero(~(d.encode(plain) > 0).any(axis=0))[0])
        assert interventions_on_text(session, d, TOKENS, [FeatureEdit(absent, "clamp", 0.0)]) == ()


def test_adding_features_is_a_vector_and_wrong_edits_are_refused() -> None:
    d = dictionary()
    np.testing.assert_allclose(feature_vector(d, {3: 2.0, 5: -1.0})[SITE], 2 * d.w_dec[3] - d.w_dec[5], rtol=1e-6)
    with pytest.raises(SteeringError, match="does not say where"):
        feature_vector(dictionary(None), {3: 2.0})
    with pytest.raises(SteeringError, match="expected one of"):
        FeatureEdit(0, "double", 1.0)
    with pytest.raises(SteeringError, match="different features"):
        feature_changes(d, np.ones((1, 64), dtype=np.float32), [FeatureEdit(1, "ablate"), FeatureEdit(1, "ablate")])


EDITS = [FeatureEdit(3, "clamp", 4.0), FeatureEdit(17, "scale", 1.5), FeatureEdit(40, "ablate")]


def edited_logits(session: Session, tokens: list[int]) -> np.ndarray:
    """The oracle: all tokens at once, each with the addition that its own row asks for."""
    with session.steer(interventions_on_text(session, dictionary(), tokens, EDITS)):
        return session.logits(tokens)


def test_a_session_with_edited_features_computes_what_the_additions_of_each_token_give(tiny_llama: Path) -> None:
    with exact_session(tiny_llama) as session:
        before, expected = session.logits(TOKENS), edited_logits(session, TOKENS)
        with edit_features(session, dictionary(), EDITS):
            edited = session.logits(TOKENS)
        after = session.logits(TOKENS)
    np.testing.assert_array_equal(edited, expected)  # the same two computations
    assert np.abs(edited - before).max() > 1e-3
    np.testing.assert_array_equal(after, before)


def test_every_generated_token_is_the_best_one_after_edited_tokens(tiny_llama: Path) -> None:
    prompts = ["Hello there", "Hello you", "the thing"]  # the first two begin alike
    with exact_session(tiny_llama) as session:
        with edit_features(session, dictionary(), EDITS):
            requests = [Request(prompt, raw=True, max_tokens=6) for prompt in prompts]
            answers = session.generate_many(requests)
            again = session.generate(prompts[0], raw=True, max_tokens=6)
        plain = session.generate_many([Request(prompt, raw=True, max_tokens=6) for prompt in prompts])
        for prompt, answer in zip(prompts, answers, strict=True):
            tokens = [int(token) for token in session.model.tokenize(prompt).ids]
            for token in answer.tokens:
                logits = edited_logits(session, tokens)[-1]
                assert logits[token] >= logits.max() - 1e-3
                tokens.append(token)
    assert again.tokens == answers[0].tokens
    assert [answer.tokens for answer in plain] != [answer.tokens for answer in answers]


def test_shared_prefixes_are_edited_like_everything_else(tiny_llama: Path) -> None:
    common = random_tokens(9, seed=1)
    texts = [np.concatenate([common, random_tokens(n, seed=n)]) for n in (4, 5, 6, 3)]
    jobs = [Job(text, record=(len(text) - 1,), score=(len(text) - 2,), targets=(int(text[-1]),)) for text in texts]
    site = Site("resid_post", 3)
    with exact_session(tiny_llama, n_sequences=3) as session:
        with edit_features(session, dictionary(), EDITS):
            found = dict(item for group in run_jobs(session, jobs, sites=[site]) for item in group)
        for index, text in enumerate(texts):
            logits = edited_logits(session, [int(token) for token in text])[-2].astype(np.float64)
            log_prob = logits[text[-1]] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
            np.testing.assert_allclose(found[index].log_prob[0], log_prob, atol=1e-3)


def test_steering_elsewhere_comes_first_and_steering_at_the_site_is_refused(tiny_llama: Path) -> None:
    elsewhere, there = add(random_vector(0)), add(random_vector(1))
    with exact_session(tiny_llama) as session:
        with session.steer(elsewhere):
            expected = edited_logits(session, TOKENS)
            with edit_features(session, dictionary(), EDITS):
                edited = session.logits(TOKENS)
        np.testing.assert_allclose(edited, expected, atol=1e-4)
        with (
            edit_features(session, dictionary(), EDITS),
            session.steer(there),
            pytest.raises(SteeringError, match="something else"),
        ):
            session.logits(TOKENS)
        assert np.isfinite(session.logits(TOKENS)).all()


def test_what_cannot_be_edited_is_refused_at_once(tiny_llama: Path) -> None:
    rng = np.random.default_rng(0)
    narrow = SparseDictionary(
        rng.normal(size=(8, 20)), np.zeros(20), rng.normal(size=(20, 8)), np.zeros(8), "relu", Provenance("example"),
        site=SITE,
    )  # fmt: skip
    with exact_session(tiny_llama) as session:
        with (
            pytest.raises(ShapeError, match="64 entries, those of this dictionary 8"),
            edit_features(session, narrow, EDITS),
        ):
            pass
        with pytest.raises(SteeringError, match="different features"), edit_features(session, dictionary(), []):
            pass
        with (
            pytest.raises(ShapeError, match="no feature 256"),
            edit_features(session, dictionary(), [FeatureEdit(256, "ablate")]),
        ):
            pass
