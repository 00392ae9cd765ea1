"""Steerability on a trained model: the library's joyful-sad vector works on held-out pairs, a random one does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mwe_items import load_mwe
from python_runs import add, exact_session, log_softmax

from pysteer.evaluation import COEFFICIENTS, measure_steerability
from pysteer.extraction import extract
from pysteer.pair_files import load_pairs
from pysteer.pair_text import answer_pair
from pysteer.propensity import propensities
from pysteer.session import Session
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector
from pysteer.vector_comparison import random_like

LIBRARY = Path(__file__).resolve().parents[2] / "vectors" / "joyful-sad"


@pytest.fixture(scope="module")
def session(tinytalk_f32: Path) -> Iterator[Session]:
    with exact_session(tinytalk_f32, n_ctx=4096, n_batch=512, n_sequences=64) as session:
        yield session


@pytest.fixture(scope="module")
def joyful(session: Session) -> SteeringVector:
    return extract(session.model, load_pairs(LIBRARY / "pairs.jsonl"), layers=5, session=session)


def test_joyful_minus_sad_steers_held_out_pairs(session: Session, joyful: SteeringVector) -> None:
    held_out = load_pairs(LIBRARY / "test.jsonl")
    result = measure_steerability(session.model, joyful, held_out, session=session)
    assert result.variant == "full_response"
    assert result.steerability.n == len(held_out) == 33
    assert result.steerability.low > 0.0
    assert result.anti_steerable.value < 0.2
    random = measure_steerability(
        session.model, random_like(joyful, seed=0), held_out, coefficients=(-1.5, 1.5), session=session
    )
    assert abs(random.steerability.value) < result.steerability.value / 3


def test_letter_propensities_of_seven_strengths_equal_full_passes(session: Session, data_dir: Path) -> None:
    pairs = load_mwe(data_dir / "mwe" / "xrisk_human" / "power-seeking-inclination.jsonl", 12)
    short = [pair for pair in pairs if len(answer_pair(session.model, pair)[0].tokens) < 250]
    pairs = type(pairs)(tuple(short[:4]), "short")
    vector = extract(session.model, pairs, layers=[3, 5], session=session)
    count = RunCount()
    result = measure_steerability(session.model, vector, pairs, session=session, count=count)
    assert result.variant == "letter"
    for row, pair in zip(result.propensities, pairs, strict=True):
        positive, negative = answer_pair(session.model, pair)
        at, n = positive.letter_index(), positive.n_prompt
        for value, c in zip(row, COEFFICIENTS, strict=True):
            with session.steer(vector, coefficient=c, window=f"{n - 1}:"):
                log_probs = log_softmax(session.logits(positive.tokens.ids[:at])[-1])
            naive = log_probs[positive.tokens.ids[at]] - log_probs[negative.tokens.ids[at]]
            # The engine's noise between a run alone and one in a batch, F32 keys and values, is 2e-3 on this model.
            assert value == pytest.approx(naive, abs=5e-3)
    assert count.tokens < count.naive_tokens / 3


def test_unsteered_propensities_do_not_depend_on_the_company(session: Session, data_dir: Path) -> None:
    pairs = load_mwe(data_dir / "mwe" / "persona" / "interest-in-art.jsonl", 10)
    vector = extract(session.model, pairs, layers=4, session=session)
    steered = [add(vector, c, "answer") for c in (-2.0, 2.0)]
    together = propensities(session.model, pairs, [[steered[0]], [], [steered[1]]], session=session)
    alone = propensities(session.model, pairs, [[]], session=session)
    np.testing.assert_allclose(together[:, 1], alone[:, 0], rtol=0, atol=5e-3)
