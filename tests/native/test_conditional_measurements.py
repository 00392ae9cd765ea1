"""Conditions in measurements, and conditions from labelled prompts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import NOISE, add, exact_session, random_vector

from pysteer.condition import Condition
from pysteer.condition_fit import condition_score, condition_vector, fit_condition
from pysteer.errors import MeasurementError, SteeringError
from pysteer.extraction import extract
from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors import IclPrompt, first_token_results
from pysteer.model import Model
from pysteer.pairs import ContrastPair, Dataset
from pysteer.prompt_conditions import condition_values
from pysteer.propensity import propensities
from pysteer.session import Session
from pysteer.site import Site
from pysteer.text_perplexity import perplexities, perplexity

VECTOR = random_vector(1, 3)
READ = random_vector(2, seed=7)
PROMPTS = ("Hello there, you", "The rain falls", "Is it?", "Numbers: 1 2 3 4")


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Session:
    return exact_session(model)


def ids(model: Model, prompt: str) -> list[int]:
    return model.tokenize(prompt).ids.tolist()


def middle(values: np.ndarray) -> float:
    """A threshold with half of the values on either side, and room around it."""
    ordered = np.sort(values)
    return float((ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2)


def numpy_rows(path: Path, tokens: list[int], layer: int) -> np.ndarray:
    return np.asarray(NumpyTransformer(path).forward(np.array(tokens)).resid_post[layer])


def test_propensities_are_those_of_the_steered_model_where_the_prompt_meets_the_condition(
    session: Session, model: Model
) -> None:
    data = Dataset(tuple(ContrastPair(prompt, " yes", " no") for prompt in PROMPTS), "prompts")
    values = condition_values(session, [ids(model, prompt) for prompt in PROMPTS], [Condition(READ, threshold=0.0)])
    rule = replace(add(VECTOR), condition=Condition(READ, threshold=middle(values[:, 0])))
    plain, steered, found = propensities(model, data, [[], [add(VECTOR)], [rule]], raw=True, session=session).T
    assert rule.condition is not None
    expected = np.where(values[:, 0] > rule.condition.threshold, steered, plain)
    np.testing.assert_allclose(found, expected, rtol=0, atol=20 * NOISE)
    assert 0 < (np.abs(found - plain) > 0.01).sum() < len(PROMPTS)


def test_extraction_under_a_conditional_rule_sees_the_rule(session: Session, model: Model) -> None:
    data = Dataset(tuple(ContrastPair(prompt, " yes", " no") for prompt in PROMPTS), "prompts")
    met = replace(add(VECTOR, operation="ablate"), condition=Condition(READ, threshold=-2.0))
    never = replace(met, condition=Condition(READ, threshold=2.0))
    plain = extract(model, data, layers="3", raw=True, session=session)
    with session.steer(replace(met, condition=None)):
        steered = extract(model, data, layers="3", raw=True, session=session)
    with session.steer(met):
        assert extract(model, data, layers="3", raw=True, session=session) == steered
    with session.steer(never):
        assert extract(model, data, layers="3", raw=True, session=session) == plain
    assert steered != plain


# Measurements that take interventions


def test_first_tokens_are_measured_under_the_decision_of_each_prompt(session: Session, model: Model) -> None:
    prompts = [IclPrompt(text, "a", (), WordPair("x", "a")) for text in PROMPTS]
    values = condition_values(session, [ids(model, prompt) for prompt in PROMPTS], [Condition(READ, threshold=0.0)])
    rule = replace(add(VECTOR), condition=Condition(READ, threshold=middle(values[:, 0])))
    plain, steered, found = first_token_results(model, prompts, [(), [add(VECTOR)], [rule]], session=session)
    assert rule.condition is not None
    expected = np.where(values[:, 0] > rule.condition.threshold, steered.probability, plain.probability)
    np.testing.assert_allclose(found.probability, expected, rtol=1e-3)
    assert not np.allclose(found.probability, steered.probability, rtol=1e-2)


@pytest.mark.parametrize("threshold", [-1.5, 1.5])
def test_perplexity_takes_each_window_of_text_as_a_prompt(session: Session, model: Model, threshold: float) -> None:
    text = " ".join(PROMPTS) * 8
    rule = replace(add(VECTOR), condition=Condition(READ, threshold=threshold))
    options = {"window_size": 32, "session": session}
    plain, steered = perplexities(model, text, [[add(VECTOR)]], **options)
    found = perplexity(model, text, steering=[rule], **options)
    assert found.nll == pytest.approx((steered if threshold < 0 else plain).nll, rel=1e-5)
    assert steered.nll != pytest.approx(plain.nll, rel=1e-2)


# From labelled prompts


def test_a_planted_condition_is_found_at_its_layer(session: Session, model: Model, tiny_llama: Path) -> None:
    """The direction at layer 1 is what tells the prompts' last tokens apart; those at other layers are random."""
    met, unmet = [f"what {n} !" for n in range(6)], [f"what {n} ?" for n in range(6)]
    last = {text: numpy_rows(tiny_llama, ids(model, text), 1)[-1] for text in (*met, *unmet)}
    planted = np.mean([last[text] for text in met], axis=0) - np.mean([last[text] for text in unmet], axis=0)
    vector = random_vector(0, 1, 2, 3, seed=30)
    given = type(vector)({**vector.directions, Site("resid_post", 1): planted}, vector.provenance)
    fitted = fit_condition(model, given, met[:4], unmet[:4], reduce="last", raw=True, session=session)
    assert fitted.score.accuracy == 1.0
    assert fitted.by_layer[1].accuracy == 1.0
    chosen = replace(fitted.condition, vector=given.select([1]), threshold=fitted.by_layer[1].threshold)
    assert condition_score(model, chosen, met[4:], unmet[4:], raw=True, session=session).accuracy == 1.0
    assert set(fitted.by_layer) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("window", "rows"), [("prompt", slice(None)), ("1:end", slice(1, None)), ("last", slice(-1, None))]
)
def test_a_condition_vector_is_the_difference_of_the_prompts_mean_rows(
    session: Session, model: Model, tiny_llama: Path, window: str, rows: slice
) -> None:
    met, unmet = PROMPTS[:2], PROMPTS[2:]
    vector = condition_vector(model, met, unmet, layers=[1, 3], window=window, raw=True, session=session)
    for layer in (1, 3):
        means = {text: numpy_rows(tiny_llama, ids(model, text), layer)[rows].mean(axis=0) for text in PROMPTS}
        expected = sum(means[text] for text in met) / 2 - sum(means[text] for text in unmet) / 2
        np.testing.assert_allclose(vector[Site("resid_post", layer)], expected, rtol=0, atol=1e-3)


def test_prompts_of_one_kind_alone_are_refused(session: Session, model: Model) -> None:
    for met, unmet in (((), PROMPTS), (PROMPTS, ())):
        with pytest.raises(MeasurementError, match="both sides"):
            condition_vector(model, met, unmet, raw=True, session=session)
        with pytest.raises(MeasurementError, match="both sides"):
            fit_condition(model, READ, met, unmet, raw=True, session=session)


def test_several_components_at_one_layer_are_refused(session: Session, model: Model) -> None:
    both = random_vector(1) + random_vector(1, component="mlp_out")
    with pytest.raises(SteeringError, match="one component"):
        fit_condition(model, both, PROMPTS[:2], PROMPTS[2:], raw=True, session=session)
