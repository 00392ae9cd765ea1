"""Features picked by an instruction or by two lists of texts: one that was planted is found, the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from python_runs import exact_session

from pysteer.dictionaries import SparseDictionary
from pysteer.errors import DataError, SteeringError
from pysteer.feature_contrast import contrast_texts, select_features
from pysteer.intervention import Intervention
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site

SITE = Site("resid_post", 2)
PROMPTS = ["Hello there", "the thing", "a cat sat", "you and me", "one two three", "over the hill"]
INSTRUCTION = "Now {description}!"
PLANTED = 11


@pytest.fixture(scope="module")
def session(tiny_llama: Path) -> Session:
    return exact_session(tiny_llama)


def planted(difference: np.ndarray, middle: np.ndarray, site: Site | None = SITE) -> SparseDictionary:
    """Random directions, and one feature that is how far a row lies along a difference, from a middle."""
    w_dec = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    w_dec[PLANTED] = difference
    w_dec /= np.linalg.norm(w_dec, axis=1, keepdims=True)
    return SparseDictionary(
        w_dec.T, np.zeros(40), w_dec, np.zeros(64), "relu", Provenance("planted"), site=site, b_pre=middle
    )


def rows_of(session: Session, texts: list[str], positions: slice) -> np.ndarray:
    recorded = record(session.model, texts, [SITE], session=session)
    return np.stack([item[SITE][positions].mean(axis=0) for item in recorded])


def test_the_feature_that_an_instruction_turns_on_is_found(session: Session) -> None:
    asked = [f"{prompt}\n\nNow be loud!" for prompt in PROMPTS]
    with_, without = (rows_of(session, texts, slice(-1, None)) for texts in (asked, PROMPTS))
    d = planted((with_ - without).mean(axis=0), (with_ + without).mean(axis=0) / 2)
    arguments = {"instruction": INSTRUCTION, "place": "prompt", "read": "prompt", "raw": True, "session": session}
    found = [
        select_features(session.model, d, "be loud", PROMPTS, n_features=3, strength=0.4, **arguments)  # type: ignore[arg-type]
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0].features[0] == PLANTED
    assert found[0].weights[0] > 0
    assert len(found[0].weights) == 3
    mean_norm = np.linalg.norm(without, axis=1).mean()
    assert found[0].mean_norm == pytest.approx(mean_norm, rel=1e-4)
    vector = found[0].vector(d)
    np.testing.assert_allclose(np.linalg.norm(vector[SITE]), 0.4 * mean_norm, rtol=1e-4)
    Intervention(vector, coefficient=1.0)


def test_the_feature_that_sets_texts_apart_is_found(session: Session) -> None:
    loud = [f"{prompt}!! HEY!! {prompt}!!" for prompt in PROMPTS]
    with_, without = (rows_of(session, texts, slice(1, None)) for texts in (loud, PROMPTS))
    d = planted((with_ - without).mean(axis=0), (with_ + without).mean(axis=0) / 2)
    found = contrast_texts(
        session.model, d, loud, PROMPTS, description="loud", n_features=2, strength=0.5, session=session
    )
    assert found.features[0] == PLANTED
    turned = contrast_texts(
        session.model, d, PROMPTS, loud, description="quiet", n_features=2, strength=0.5, session=session
    )
    np.testing.assert_allclose(turned.weights[0], -found.weights[0] * turned.mean_norm / found.mean_norm, rtol=1e-3)


def test_answers_are_read_behind_the_plain_prompt(session: Session) -> None:
    model = session.model
    d = planted(np.ones(64), np.zeros(64))
    found = select_features(
        model, d, "be loud", PROMPTS[:3], n_features=40, strength=1.0, instruction=INSTRUCTION, place="prompt",
        max_tokens=5, raw=True, session=session,
    )  # fmt: skip
    sides: list[list[np.ndarray]] = [[], []]
    for prompt in PROMPTS[:3]:
        for side, begun in zip(sides, (f"{prompt}\n\nNow be loud!", prompt), strict=True):
            answer = session.generate(begun, raw=True, max_tokens=5).tokens
            tokens = [*(int(token) for token in model.tokenize(prompt).ids), *answer]
            [recorded] = record(model, [tokens], [SITE], session=session)
            side.append(d.encode(recorded[SITE][-len(answer) :]).mean(axis=0))
    expected = np.mean(sides[0], axis=0) - np.mean(sides[1], axis=0)
    np.testing.assert_allclose(found.differences, expected[list(found.features)], atol=1e-4)


def test_what_cannot_be_contrasted_is_refused(session: Session) -> None:
    model, d = session.model, planted(np.ones(64), np.zeros(64))
    good = {"n_features": 2, "strength": 0.5, "raw": True, "place": "prompt", "read": "prompt", "session": session}
    with pytest.raises(DataError, match="at least two prompts, got 1"):
        select_features(model, d, "be loud", PROMPTS[:1], **good)  # type: ignore[arg-type]
    with pytest.raises(SteeringError, match="expected place of"):
        select_features(model, d, "be loud", PROMPTS, **{**good, "place": "system"})  # type: ignore[arg-type]
    with pytest.raises(SteeringError, match="expected place of"):
        select_features(model, d, "be loud", PROMPTS, **{**good, "read": "mind"})  # type: ignore[arg-type]
    with pytest.raises(SteeringError, match="description"):
        select_features(model, d, " ", PROMPTS, **good)  # type: ignore[arg-type]
    with pytest.raises(SteeringError, match="does not say where"):
        select_features(model, planted(np.ones(64), np.zeros(64), None), "be loud", PROMPTS, **good)  # type: ignore[arg-type]
    texts = {"description": "x", "n_features": 2, "strength": 0.5, "session": session}
    with pytest.raises(DataError, match="at least two texts"):
        contrast_texts(model, d, PROMPTS, PROMPTS[:1], **texts)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no feature differs"):
        contrast_texts(model, d, PROMPTS, PROMPTS, **texts)  # type: ignore[arg-type]
