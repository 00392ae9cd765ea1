"""Conditional steering: who decides, about which sequence, and what is left in the memory afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import NOISE, add, exact_session, numpy_hook, random_tokens, random_vector

from pysteer.condition import Condition
from pysteer.errors import ContextFullError, SiteError, SteeringError
from pysteer.generation import Request
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.prompt_conditions import condition_values
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import compile_interventions, steps
from pysteer.window import Window

VECTOR = random_vector(1, 3)
READ = random_vector(2, seed=7)
TOKENS = random_tokens(9, seed=5)
PROMPTS = ("Hello there, you", "The rain falls", "Is it?", "Numbers: 1 2 3 4")


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Session:
    return exact_session(model)


def numpy_rows(path: Path, tokens: np.ndarray, layer: int) -> np.ndarray:
    return np.asarray(NumpyTransformer(path).forward(tokens).resid_post[layer])


def ids(model: Model, prompt: str) -> list[int]:
    return model.tokenize(prompt).ids.tolist()


def middle(values: np.ndarray) -> float:
    """A threshold with half of the values on either side, and room around it."""
    ordered = np.sort(values)
    return float((ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2)


# The value of a prompt


@pytest.mark.parametrize("measure", ["cosine", "projection"])
@pytest.mark.parametrize("reduce", ["mean", "max", "min", "last"])
@pytest.mark.parametrize("window", ["prompt", "1:end", "2:4,-1:end"])
def test_the_value_of_a_prompt_is_that_of_the_numpy_rows(
    session: Session, tiny_llama: Path, measure: str, reduce: str, window: str
) -> None:
    condition = Condition(READ, threshold=0.0, measure=measure, reduce=reduce, window=Window.parse(window))
    prompts = [random_tokens(n, seed=n) for n in (5, 9, 6)]
    u = READ[Site("resid_post", 2)].astype(np.float64)
    u /= np.linalg.norm(u)
    expected = []
    for prompt in prompts:
        rows = numpy_rows(tiny_llama, prompt, 2)
        values = rows @ u / (np.linalg.norm(rows, axis=1) if measure == "cosine" else 1.0)
        picked = np.concatenate([values[begin:end] for begin, end in Window.parse(window).resolve(len(prompt))])
        expected.append({"mean": picked.mean(), "max": picked.max(), "min": picked.min(), "last": picked[-1]}[reduce])
    found = condition_values(session, prompts, [condition])
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-4, atol=1e-4)


def test_values_do_not_depend_on_how_many_prompts_and_conditions_are_read_together(model: Model) -> None:
    conditions = [
        Condition(READ, threshold=0.0),
        Condition(random_vector(0, seed=8), threshold=0.0, reduce="max", window=Window.parse("1:end")),
        Condition(random_vector(3, seed=9, component="mlp_out"), threshold=0.0, measure="projection", reduce="last"),
    ]
    prompts = [random_tokens(n, seed=n) for n in (3, 30, 7, 12, 25)]
    with exact_session(model, n_ctx=40, n_sequences=2, n_batch=16) as small:
        together = condition_values(small, prompts, conditions)
        alone = [[condition_values(small, [p], [c])[0, 0] for c in conditions] for p in prompts]
    np.testing.assert_allclose(together, alone, rtol=0, atol=10 * NOISE)


def test_the_value_is_the_unsteered_models(session: Session) -> None:
    condition = Condition(READ, threshold=0.0)
    plain = condition_values(session, [TOKENS], [condition])
    with session.steer(VECTOR, coefficient=5.0):
        np.testing.assert_array_equal(condition_values(session, [TOKENS], [condition]), plain)


# Scope "prompt"


@pytest.mark.parametrize("comparison", ["above", "below"])
def test_a_prompt_that_meets_the_condition_is_steered_and_another_is_not(session: Session, comparison: str) -> None:
    value = condition_values(session, [TOKENS], [Condition(READ, threshold=0.0)])[0, 0]
    unsteered = session.logits(TOKENS)
    with session.steer(VECTOR, coefficient=1.0):
        steered = session.logits(TOKENS)
    for threshold, is_above in ((value - 0.01, True), (value + 0.01, False)):
        condition = Condition(READ, threshold=threshold, comparison=comparison)
        with session.steer(VECTOR, coefficient=1.0, condition=condition):
            is_met = is_above == (comparison == "above")
            np.testing.assert_array_equal(session.logits(TOKENS), steered if is_met else unsteered)


def test_each_sequence_of_a_batch_has_a_decision_of_its_own(session: Session, model: Model) -> None:
    values = condition_values(session, [ids(model, prompt) for prompt in PROMPTS], [Condition(READ, threshold=0.0)])
    condition = Condition(READ, threshold=middle(values[:, 0]))
    with session.steer(VECTOR, coefficient=1.0):
        steered = [session.generate(prompt, raw=True, max_tokens=8) for prompt in PROMPTS]
    plain = [session.generate(prompt, raw=True, max_tokens=8) for prompt in PROMPTS]
    assert all(a != b for a, b in zip(steered, plain, strict=True))
    expected = [
        s if value > condition.threshold else p for s, p, value in zip(steered, plain, values[:, 0], strict=True)
    ]
    assert steered != expected != plain
    requests = [Request(prompt, max_tokens=8, raw=True) for prompt in PROMPTS]
    with session.steer(VECTOR, coefficient=1.0, condition=condition):
        assert session.generate_many(requests) == expected
    own = [replace(request, interventions=[replace(add(VECTOR), condition=condition)]) for request in requests]
    assert session.generate_many(own) == expected


def test_several_rules_decide_independently_of_each_other(session: Session, model: Model) -> None:
    prompts = [ids(model, prompt) for prompt in PROMPTS]
    readers = [Condition(random_vector(layer, seed=10 + layer), threshold=0.0) for layer in (0, 2)]
    values = condition_values(session, prompts, readers)
    rules = [
        Intervention(random_vector(1, seed=20 + i), coefficient=1.0, condition=replace(c, threshold=middle(column)))
        for i, (c, column) in enumerate(zip(readers, values.T, strict=True))
    ]
    met = np.stack([column > rule.condition.threshold for rule, column in zip(rules, values.T, strict=True)], axis=1)
    for prompt, which in zip(prompts, met, strict=True):
        with session.steer(
            [replace(rule, condition=None) for rule, is_met in zip(rules, which, strict=True) if is_met]
        ):
            expected = session.logits(prompt)
        with session.steer(rules):
            np.testing.assert_array_equal(session.logits(prompt), expected)
        with session.steer(rules[0]), session.steer(rules[1]):
            np.testing.assert_array_equal(session.logits(prompt), expected)
        with session.steer(rules[::-1]):  # both add at one site: the order of two additions is the rounding
            np.testing.assert_allclose(session.logits(prompt), expected, rtol=0, atol=NOISE * np.abs(expected).max())


def test_no_stale_keys_and_values_stay_when_the_decision_changes(session: Session, model: Model) -> None:
    """Prompts with a common beginning, decided differently, one after the other in one sequence."""
    prompts = ("Hello there, you old thing", "Hello there, you 12 34 56", "Hello there, you")
    values = condition_values(session, [ids(model, prompt) for prompt in prompts], [Condition(READ, threshold=0.0)])
    condition = Condition(READ, threshold=middle(values[:2, 0]))
    for window in ("all", "answer", "generation"):
        rule = Intervention(VECTOR, coefficient=1.5, window=Window.parse(window), condition=condition)
        for prompt in (*prompts, *prompts[::-1]):
            with exact_session(model, n_ctx=512) as fresh, fresh.steer(rule):
                expected = fresh.generate(prompt, raw=True, max_tokens=6)
            with session.steer(rule):
                assert session.generate(prompt, raw=True, max_tokens=6) == expected
            plain = session.generate(prompt, raw=True, max_tokens=6)
            with exact_session(model, n_ctx=512) as fresh:
                assert plain == fresh.generate(prompt, raw=True, max_tokens=6)


# Scope "token"


@pytest.mark.parametrize("operation", ["add", "ablate", "norm_preserving_add", "in_context"])
@pytest.mark.parametrize(("measure", "comparison"), [("cosine", "above"), ("projection", "below")])
def test_rows_are_steered_where_they_meet_the_condition_as_in_numpy(
    session: Session, tiny_llama: Path, operation: str, measure: str, comparison: str
) -> None:
    read = random_vector(1, seed=11)
    values = Condition(read, threshold=0.0, measure=measure).row_values(numpy_rows(tiny_llama, TOKENS, 1))
    threshold = middle(values)
    condition = Condition(read, threshold=threshold, comparison=comparison, measure=measure, scope="token")
    vector = random_vector(1, seed=12)
    rule = Intervention(vector, operation, coefficient=0.8, condition=condition)
    expected = NumpyTransformer(tiny_llama).forward(TOKENS, numpy_hook([rule], len(TOKENS))).logits
    with session.steer(rule):
        found = session.logits(TOKENS)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    plain = session.logits(TOKENS)
    with session.steer(replace(rule, condition=None)):
        steered = session.logits(TOKENS)
    for other in (plain, steered):
        assert np.abs(found - other).max() > 1e-2, "all rows are on one side: no test"


def test_rows_are_gated_alike_token_by_token_and_at_once(session: Session, tiny_llama: Path) -> None:
    """The memory of a gated sequence is a function of its tokens."""
    read = random_vector(1, 3, seed=11)
    values = [
        Condition(read.select([layer]), threshold=0.0).row_values(numpy_rows(tiny_llama, TOKENS, layer))
        for layer in (1, 3)
    ]
    rule = Intervention(VECTOR, coefficient=1.0, condition=Condition(read, threshold=middle(values[0]), scope="token"))
    with session.steer(rule):
        at_once = session.logits(TOKENS)
    native = session.native
    session.forget()
    native.set_program(0, steps(compile_interventions([rule]), len(TOKENS)))
    one_by_one = [
        np.array(
            native.decode(
                np.array([token], dtype=np.int32),
                np.array([at], dtype=np.int32),
                np.zeros(1, dtype=np.int32),
                outputs=np.ones(1, dtype=np.uint8),
                logits=True,
            ).logits[0]
        )
        for at, token in enumerate(TOKENS)
    ]
    session.forget()
    np.testing.assert_allclose(np.stack(one_by_one), at_once, rtol=0, atol=10 * NOISE * np.abs(at_once).max())


def test_a_gate_that_is_always_open_or_always_closed_is_none(session: Session) -> None:
    plain = session.logits(TOKENS)
    with session.steer(VECTOR, coefficient=1.0, operation="norm_preserving_add"):
        steered = session.logits(TOKENS)
    for threshold, expected in ((-1.5, steered), (1.5, plain)):
        condition = Condition(VECTOR, threshold=threshold, scope="token")
        with session.steer(VECTOR, coefficient=1.0, operation="norm_preserving_add", condition=condition):
            np.testing.assert_array_equal(session.logits(TOKENS), expected)


def test_another_threshold_is_another_program(session: Session, model: Model) -> None:
    """What was computed under one gate is not used under another."""
    prompt, rules = "Hello there, you", []
    for threshold in (-1.5, 0.0, 1.5):
        condition = Condition(VECTOR, threshold=threshold, scope="token")
        rules.append(Intervention(VECTOR, coefficient=1.5, condition=condition))
    with exact_session(model) as fresh, fresh.steer(rules[2]):
        expected = fresh.generate(prompt, raw=True, max_tokens=6)
    for rule in rules:
        with session.steer(rule):
            last = session.generate(prompt, raw=True, max_tokens=6)
    assert last == expected


# What cannot be


def test_an_undecided_condition_is_no_step() -> None:
    compiled = compile_interventions([replace(add(VECTOR), condition=Condition(READ, threshold=0.0))])
    with pytest.raises(SteeringError, match="undecided condition"):
        steps(compiled, 5)


def test_a_condition_beside_interventions_is_refused(session: Session) -> None:
    condition = Condition(READ, threshold=0.0)
    with pytest.raises(SteeringError, match="belongs to"), session.steer(add(VECTOR), condition=condition):
        pass


def test_a_condition_at_a_site_that_the_model_lacks_is_refused(session: Session) -> None:
    condition = Condition(random_vector(9), threshold=0.0)
    with session.steer(VECTOR, coefficient=1.0, condition=condition), pytest.raises(SiteError):
        session.logits(TOKENS)
    with session.steer(VECTOR, coefficient=1.0, condition=condition), pytest.raises(SiteError):
        session.generate("Hello", raw=True, max_tokens=2)
    assert session.generate("Hello", raw=True, max_tokens=2).stop_reason == "length"


def test_a_prompt_that_does_not_fit_is_refused(model: Model) -> None:
    with exact_session(model, n_ctx=32) as small, pytest.raises(ContextFullError, match="300 tokens"):
        condition_values(small, [random_tokens(300, seed=1)], [Condition(READ, threshold=0.0)])


def test_a_condition_on_rows_has_no_value_for_a_prompt(session: Session) -> None:
    with pytest.raises(SteeringError, match="condition on rows"):
        condition_values(session, [TOKENS], [Condition(READ, threshold=0.0, scope="token")])
