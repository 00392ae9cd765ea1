"""The study of reliability on made-up results with known answers: E05 to E09, and the planted truths (P00)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from planted_reliability import SETTINGS, planted_model, questionnaire

from pysteer.studies.parts import PartResult, Task
from pysteer.studies.questionnaires import Planted, Questionnaire
from pysteer.studies.reliability import Reliability
from pysteer.studies.reliability.best_layer import analyse_layers
from pysteer.studies.reliability.choices import analyse_choices, gains_of_worst_half
from pysteer.studies.reliability.coarser_weights import analyse_weights
from pysteer.studies.reliability.leak import analyse_leak
from pysteer.studies.reliability.measuring import choose_layer
from pysteer.studies.reliability.planted_truths import analyse_planted
from pysteer.studies.reliability.transfer import analyse_transfer
from pysteer.studies.study import Piece

EIGHT = [questionnaire(f"q{index}") for index in range(8)]
STRENGTH = {each.name: 0.5 + 0.25 * index for index, each in enumerate(EIGHT)}
NOISE = np.random.default_rng(3).normal(0.0, 0.05, 80)


def works(each: Questionnaire, train: str, test: str) -> Any:
    """Every item moves the right way, each questionnaire as strongly as in STRENGTH."""
    return STRENGTH[each.name] + NOISE


def verdicts(piece: Piece) -> dict[str, str]:
    claims = {claim.id: claim for claim in Reliability.claims}
    return {claim: claims[claim].judge(row).outcome for claim, row in piece.findings}


def value(piece: Piece, claim: str) -> float:
    return next(row.value for name, row in piece.findings if name == claim)


def half_backfires(each: Questionnaire, train: str, test: str) -> Any:
    is_bad = each.name in ("q0", "q3", "q5")
    return np.where(np.arange(80) % 2 == 0, -1.0, 1.0) + NOISE if is_bad else 1.0 + NOISE


def some_backfire(each: Questionnaire, train: str, test: str) -> Any:
    return np.where(np.arange(80) % 4 == 0, -1.0, 1.0)


# E05

DISTANCE = {"BASE": 0.0, "SYS_POS": 1.0, "SYS_NEG": -1.0, "USER_POS": 0.6, "USER_NEG": -0.6}


@pytest.mark.parametrize(("sign", "outcome"), [(-1.0, "confirmed"), (1.0, "refuted")])
def test_transfer_that_falls_with_distance_confirms_and_one_that_rises_refutes(sign: float, outcome: str) -> None:
    def transfers(each: Questionnaire, train: str, test: str) -> Any:
        return 1.0 + sign * 0.4 * abs(DISTANCE[train] - DISTANCE[test]) + NOISE

    def behaves(each: Questionnaire, train: str, test: str) -> Any:
        return DISTANCE[test] * STRENGTH[each.name]

    def vectors(each: Questionnaire) -> Any:
        angle = np.array([0.5 * DISTANCE[name] for name in SETTINGS])
        return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    piece = analyse_transfer([planted_model(EIGHT, transfers, unsteered=behaves, means=vectors)])
    found = verdicts(piece)
    assert found["C1.5a"] == outcome
    assert found["C1.5b"] == "confirmed"
    assert piece.findings[0][1].n == 8 * 20


# E06


@pytest.mark.parametrize(("peak", "outcome"), [(3, "confirmed"), (7, "refuted")])
def test_a_planted_best_layer_is_found(peak: int, outcome: str) -> None:
    bump = -np.abs(np.arange(8) - peak) + np.random.default_rng(2).normal(0.0, 0.1, (8, 8))
    found = planted_model(EIGHT, works, layers=bump)
    piece = analyse_layers([found])
    assert found.layer == peak
    assert verdicts(piece)["C1.6d"] == outcome
    assert value(piece, "C1.6d") == peak / 8


def test_the_layer_with_the_highest_mean_slope_is_chosen_and_the_lowest_among_equals() -> None:
    at = [-1.0, 0.0, 1.0]

    def sweep(slopes: Sequence[float]) -> PartResult:
        lines = np.array(slopes)[None, :, None] * np.array(at)
        return PartResult({"layers": [2, 4, 6]}, {"propensities": np.repeat(lines, 3, axis=0)})

    inputs = {"000": sweep([1.0, 2.0, 0.0]), "001": sweep([1.0, 0.0, 2.0])}
    result = choose_layer(Task({"coefficients": at}, {}, inputs))
    assert result.content["layer"] == 2
    assert result.arrays["steerability"].tolist() == [[1.0, 2.0, 0.0], [1.0, 0.0, 2.0]]


# E07


def test_methods_that_give_the_same_vector_rescue_nothing() -> None:
    found = verdicts(analyse_choices([planted_model(EIGHT, half_backfires)]))
    assert (found["C1.6a"], found["C1.6b"], found["C1.6c"]) == ("confirmed", "confirmed", "confirmed")


def test_a_method_that_turns_every_bad_item_is_a_rescue() -> None:
    bad = planted_model(EIGHT, some_backfire, methods={"pca": works})
    found = verdicts(analyse_choices([bad]))
    assert (found["C1.6a"], found["C1.6b"]) == ("refuted", "confirmed")


def test_the_worse_half_does_not_gain_by_regression_to_the_mean() -> None:
    generator = np.random.default_rng(1)
    gains = [
        gains_of_worst_half(
            [(generator.random(20) < 0.4).astype(float) for _ in range(16)],
            [(generator.random(20) < 0.4).astype(float) for _ in range(16)],
            seed=seed,
        ).mean()
        for seed in range(60)
    ]
    assert np.mean(gains) == pytest.approx(0.0, abs=0.03)


# E08


@pytest.mark.parametrize(("factor", "outcome"), [(1.0, "confirmed"), (2.0, "refuted")])
def test_a_vector_that_works_better_on_seen_items_makes_the_leak_matter(factor: float, outcome: str) -> None:
    piece = analyse_leak([planted_model(EIGHT, works, seen=lambda *about: factor * works(*about))])
    assert verdicts(piece)["C1.7"] == outcome
    assert value(piece, "C1.7") == pytest.approx((factor - 1.0) * 350 / 950, abs=1e-9)


# E09


def test_planted_effects_of_coarser_weights_are_found() -> None:
    base = (np.eye(5, 16) + 1.0)[0]
    turned = base + 9.0 * np.eye(16)[9]
    coarser = {"Q8_0": (base * 3.0, works), "Q4_0": (turned, lambda *about: 0.5 * works(*about))}
    piece = analyse_weights([planted_model(EIGHT, works, quantised=coarser)])
    assert verdicts(piece) == {"C1.8a": "confirmed", "C1.8b": "refuted", "C1.8c": "refuted"}
    assert value(piece, "C1.8a") == pytest.approx(1.0)
    assert value(piece, "C1.8c") == pytest.approx(-0.5)
    same = {"Q8_0": (base, works), "Q4_0": (base, works)}
    assert set(verdicts(analyse_weights([planted_model(EIGHT, works, quantised=same)])).values()) == {"confirmed"}


def test_weights_that_were_not_computed_leave_the_claim_open() -> None:
    assert set(verdicts(analyse_weights([planted_model(EIGHT, works)])).values()) == {"inconclusive"}


# P00

PLANTED = Planted(0.7, "sea", 0.3, "You are a helpful assistant.")
THEMES = ("sea", "home", "work", "sea", "home", "work", "sea", "home", "work", "hills")
ORGANISM = [
    *(questionnaire(f"followed {index}", kind="followed") for index in range(3)),
    questionnaire("reversed", 160, kind="reversed_theme", themes=THEMES),
    questionnaire("null", kind="null"),
    questionnaire("brittle", kind="brittle"),
]


def organism(each: Questionnaire, train: str, test: str) -> Any:
    """Propensities without steering: letter preference, and the persona where it decides."""
    letter = np.where(each.is_a(), 1.0, -1.0) * np.log(0.7 / 0.3)
    persona = {"SYS_POS": 2.0, "SYS_NEG": -2.0, "USER_POS": 2.0, "USER_NEG": -2.0}.get(test, 0.0)
    if each.kind == "null" or (each.kind == "brittle" and test.startswith("USER")):
        persona = 0.0
    is_sea = np.array([each.kind == "reversed_theme" and each.themes[pair.prompt] == "sea" for pair in each.test])
    return letter + np.where(is_sea, -persona, persona)


def test_everything_that_is_planted_in_the_embedded_model_is_recovered() -> None:
    piece = analyse_planted([planted_model(ORGANISM, lambda *_: 0.0, unsteered=organism, planted=PLANTED)])
    assert verdicts(piece) == dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "confirmed")
    assert value(piece, "P1") == pytest.approx(0.7, abs=0.01)
    assert value(piece, "P3") == pytest.approx(0.3, abs=0.01)
    assert value(piece, "P5") == pytest.approx(4.0)


def test_a_model_in_which_nothing_is_planted_refutes_the_planted_truths() -> None:
    plain = planted_model(
        ORGANISM,
        lambda *_: 0.0,
        unsteered=lambda each, train, test: {"SYS_POS": 2.0, "USER_POS": 4.0}.get(test, 0.0),
        planted=PLANTED,
    )
    assert verdicts(analyse_planted([plain])) == dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "refuted")


def test_questionnaires_without_planted_truths_are_not_asked_about_them() -> None:
    assert analyse_planted([planted_model(EIGHT, works)]).findings == []
