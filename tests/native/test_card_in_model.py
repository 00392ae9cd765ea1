"""The whole battery on a tiny random model: every number is there, an interrupted run goes on, no effect is told so."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tiny_gguf

import pysteer
from pysteer.card import Guard, VectorCard, card_page, measure_card
from pysteer.card.presets import Preset
from pysteer.card.texts import everyday_questions
from pysteer.evaluation import COEFFICIENTS
from pysteer.formats.texts import Texts
from pysteer.metrics.steerability import slopes
from pysteer.pairs import ContrastPair, Dataset

PRESET = Preset("tiny", 6, 3, 4, 2, (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0), (-1.5, 0.0, 1.5), True)
TEXT = Texts("texts", tuple(f"Text number {index} is short." for index in range(5)))
QUESTIONS = everyday_questions().select(range(6), "few questions")


def letters(begin: int, end: int) -> Dataset:
    pairs = [
        ContrastPair(
            f"Is {i} odd?\n(A): {'Yes' if i % 4 < 2 else 'No'}\n(B): {'No' if i % 4 < 2 else 'Yes'}",
            "(A)" if i % 2 else "(B)",
            "(B)" if i % 2 else "(A)",
        )
        for i in range(begin, end)
    ]
    return Dataset(tuple(pairs), "letters")


TRAIN, TEST = letters(0, 6), letters(6, 14)


@pytest.fixture(scope="module")
def model(write_tiny) -> pysteer.Model:
    path = write_tiny(dataclasses.replace(tiny_gguf.TINY_LLAMA, chat_template=tiny_gguf.CHAT_TEMPLATE), "F32")
    return pysteer.Model.load(path)


@pytest.fixture(scope="module")
def vector(model: pysteer.Model) -> pysteer.SteeringVector:
    return pysteer.extract(model, TRAIN, layers="1:3")


def measured(model: pysteer.Model, vector: pysteer.SteeringVector, **changes: object) -> VectorCard:
    given = {
        "text": TEXT,
        "questions": QUESTIONS,
        "preset": PRESET,
        "name": "v",
        "seed": 3,
        "train": TRAIN,
        "n_threads": 1,
    }
    return measure_card(model, vector, TEST, **{**given, **changes})


@pytest.fixture(scope="module")
def made(model: pysteer.Model, vector: pysteer.SteeringVector) -> VectorCard:
    return measured(model, vector)


def test_every_number_of_the_battery_is_there(made: VectorCard) -> None:
    assert made.variant == "letter"
    assert (made.data.n, made.data.n_in_file) == (6, 8)
    assert made.questions is not None
    assert (made.text.n, made.text.n_in_file) == (3, 5)
    assert (made.questions.n, made.questions.n_in_file) == (4, 6)
    assert made.behaviour.steerability.n == 6
    assert len(made.behaviour.propensities) == 6
    assert len(made.behaviour.propensities[0]) == len(COEFFICIENTS)
    assert [control.seed for control in made.controls] == [3, 4]
    assert [one.name for one in made.settings] == ["system message", "user sentence"]
    assert [one.setting for one in made.factors] == ["plain", "system message", "user sentence"]
    assert [cost.strength for cost in made.costs] == list(PRESET.all_strengths)
    assert all(cost.accuracy.value is not None for cost in made.costs)
    assert made.layer_map is not None
    assert made.layer_map.layers == [1, 2]
    assert made.failures == {}
    assert made.training.startswith("checked: no item")
    assert VectorCard.from_json(made.to_json()) == made
    assert card_page(made).to_html().count("<svg") == 6


def test_numbers_are_those_of_the_measurements_themselves(
    made: VectorCard, model: pysteer.Model, vector: pysteer.SteeringVector
) -> None:
    whole = measured(model, vector, preset=dataclasses.replace(PRESET, n_items=8))
    steerings = [
        [pysteer.Intervention(vector, coefficient=c, window=pysteer.Window.parse("answer"))] for c in COEFFICIENTS
    ]
    expected = slopes(COEFFICIENTS, pysteer.propensities(model, TEST, steerings))
    assert made.data.n == 6
    # Batches of another size sum in another order, and keys and values are rounded to half precision.
    np.testing.assert_allclose(whole.behaviour.slopes, expected, atol=5e-3)
    assert whole.behaviour.steerability.value == pytest.approx(expected.mean(), abs=5e-3)


def test_strength_zero_costs_nothing(made: VectorCard) -> None:
    zero = made.cost_at(0.0)
    assert (zero.gain.value, zero.perplexity_ratio.value, zero.kl.value) == (0.0, 1.0, 0.0)
    assert zero.accuracy_change.value == 0.0
    assert zero.top1_agreement.value == 1.0


def test_a_vector_minus_itself_has_no_effect(model: pysteer.Model, vector: pysteer.SteeringVector) -> None:
    nothing = measured(model, vector - vector)
    assert nothing.findings[0].outcome == "no effect"
    assert nothing.behaviour.steerability.value == 0.0
    assert nothing.behaviour.anti_steerable.value == 1.0
    assert nothing.controls == []
    assert "positive finite norm" in nothing.controls_reason
    assert all(cost.kl.value == 0.0 for cost in nothing.costs)
    assert nothing.findings[-1].outcome == "nothing to recommend"
    card_page(nothing).to_html()


class Interrupted(Exception):
    pass


def test_an_interrupted_run_goes_on_and_ends_with_the_same_numbers(
    made: VectorCard, model: pysteer.Model, vector: pysteer.SteeringVector, tmp_path: Path
) -> None:
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise Interrupted

    store = tmp_path / "cells.sqlite"
    with pytest.raises(Interrupted):
        measured(model, vector, store=store, progress=stop)
    estimates = []
    again = measured(model, vector, store=store, on_estimate=estimates.append)
    assert 0 < estimates[0].n_stored < estimates[0].n_cells
    assert not estimates[0].n_unknown
    same = {"created": made.created, "seconds": made.seconds}
    assert again.model_copy(update=same) == made
    measured(model, vector, store=store, on_estimate=estimates.append)
    assert estimates[1].n_stored == estimates[1].n_cells


def test_without_a_chat_template_other_prompts_are_not_measured_and_the_card_says_why(write_tiny) -> None:
    plain = pysteer.Model.load(write_tiny(tiny_gguf.TINY_LLAMA, "F32"))
    vector = pysteer.extract(plain, TRAIN, layers=[2], raw=True)
    made = measured(plain, vector, raw=True, questions=None)
    assert made.settings == []
    assert made.settings_reason
    assert made.questions is None
    assert made.findings[3].outcome in ("not measured",)
    assert made.cost_at(1.0).accuracy.reason == "no questions were given"


def test_whole_answers_have_no_letter_to_ask_about(model: pysteer.Model, vector: pysteer.SteeringVector) -> None:
    words = Dataset(tuple(ContrastPair(f"How is day {i}?", f"Good, {i}.", f"Bad, {i}.") for i in range(3)), "words")
    found = measure_card(
        model, vector, words, text=TEXT, questions=None, preset=PRESET, name="v", seed=0, settings=(), guard=Guard(1.5),
        n_threads=1,
    )  # fmt: skip
    assert found.variant == "full_response"
    assert found.factors == []
    assert "not letters" in found.factors_reason
    assert found.training.startswith("not checked")
