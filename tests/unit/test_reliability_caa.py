"""E10 on made-up results: behaviours that rise with the multiplier, or do not, and random directions that also do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from planted_reliability import planted_model, questionnaire

from pysteer.pairs import ContrastPair
from pysteer.studies.parts import PartResult
from pysteer.studies.reliability import Reliability
from pysteer.studies.reliability.caa import analyse_caa, probabilities
from pysteer.studies.reliability.caa_behaviours import CAA_PERSONAS, Behaviour, load_caa_behaviours
from pysteer.studies.reliability.found import Found
from pysteer.studies.reliability.sizes import CAA_COEFFICIENTS
from pysteer.studies.study import Piece

SETTINGS = ["BASE", "SYS_POS", "SYS_NEG"]
NOISE = np.random.default_rng(1).normal(0.0, 0.2, 40)
AT = np.array(CAA_COEFFICIENTS)


def found(
    slope: Callable[[int, str], float], *, random: float = 0.0, settings: list[str] = SETTINGS, n: int = 7
) -> Found:
    """What the study finds where behaviour ``i`` has this slope, nats per unit, in each setting."""
    model = planted_model([questionnaire(f"q{index}") for index in range(2)], lambda *_: 0.0)
    behaviours, results = [], dict(model.results)
    for index in range(n):
        each = questionnaire(f"b{index}", 40)
        behaviours.append(Behaviour(each.name, each.train, each.test, ("Be so.", "Be otherwise."), 3))
        lines = np.stack([NOISE[:, None] + slope(index, name) * AT for name in settings], axis=1)
        ends = np.stack([NOISE - random, NOISE + random], axis=1)[:, None].repeat(3, axis=1)
        results[f"{model.label} / CAA / {each.name} / steered"] = PartResult(
            {"settings": settings}, {"propensities": lines, "random": ends}
        )
    return replace(model, behaviours=tuple(behaviours), results=results)


def outcomes(piece: Piece) -> dict[str, str]:
    claims = {claim.id: claim for claim in Reliability.claims}
    return {claim: claims[claim].judge(row).outcome for claim, row in piece.findings}


def test_planted_slopes_are_confirmed_and_their_size_is_found() -> None:
    made = found(lambda index, setting: 0.5)
    piece = analyse_caa([made])
    assert outcomes(piece) == {"A1": "confirmed", "A2": "confirmed", "A3": "confirmed"}
    expected = np.mean(1.0 / (1.0 + np.exp(-NOISE - 0.5)) - 1.0 / (1.0 + np.exp(-NOISE + 0.5)))
    assert dict(piece.findings)["A2"].value == pytest.approx(expected, abs=1e-9)
    assert probabilities(made, made.behaviours[0], "BASE")[0, 2] == pytest.approx(1.0 / (1.0 + np.exp(-NOISE[0])))
    assert "7 of 7 behaviours rise" in piece.notes["E10"][0]
    assert "21 items were left out" in piece.notes["E10"][0]


def test_vectors_that_push_the_wrong_way_are_refuted() -> None:
    piece = analyse_caa([found(lambda index, setting: -0.5)])
    assert outcomes(piece) == {"A1": "refuted", "A2": "refuted", "A3": "refuted"}


def test_random_directions_that_do_as_well_leave_nothing_to_the_vectors() -> None:
    piece = analyse_caa([found(lambda index, setting: 0.5, random=0.5)])
    assert outcomes(piece)["A2"] == "inconclusive"
    piece = analyse_caa([found(lambda index, setting: 0.5, random=0.8)])
    assert outcomes(piece)["A2"] == "refuted"


def test_a_persona_that_takes_the_effect_away_is_seen() -> None:
    piece = analyse_caa([found(lambda index, setting: 0.5 if setting == "BASE" else 0.0)])
    assert outcomes(piece) == {"A1": "confirmed", "A2": "confirmed", "A3": "inconclusive"}


def test_half_of_the_behaviours_rising_decides_nothing() -> None:
    piece = analyse_caa([found(lambda index, setting: 0.5 if index % 2 else -0.5, n=6)])
    assert outcomes(piece)["A1"] == "inconclusive"
    steps = {
        row.labels["behaviour"]: row.value
        for row in piece.tables[0].rows
        if row.quantity == "steps upwards" and row.labels["setting"] == "BASE"
    }
    assert (steps["b0"], steps["b1"]) == (0.0, 1.0)


def test_a_model_without_personas_has_no_number_for_them_and_one_without_behaviours_is_named() -> None:
    piece = analyse_caa([found(lambda index, setting: 0.5, settings=["BASE"])])
    assert outcomes(piece)["A3"] == "inconclusive"
    nothing = analyse_caa([replace(found(lambda *_: 0.5), behaviours=())])
    assert not nothing.tables
    assert "no behaviour" in nothing.notes["E10"][0]


def test_the_published_behaviours_are_read_balanced_and_disjoint(data_dir: Path) -> None:
    def is_short(pair: ContrastPair, personas: tuple[str, str]) -> bool:
        return len(pair.prompt) < 1500

    read = load_caa_behaviours(data_dir / "caa", n_train=100, n_test=50, n_most=None, seed=0, fits=is_short)
    files = {path.name.split(".")[0] for path in (data_dir / "caa" / "generate").glob("*.json")}
    assert {each.name for each in read} == files & set(CAA_PERSONAS)
    for each in read:
        assert not {pair.prompt for pair in each.train} & {pair.prompt for pair in each.test}
        letters = [pair.positive.strip("( )") for pair in each.train]
        assert letters.count("A") == letters.count("B") > 10
    few = load_caa_behaviours(data_dir / "caa", n_train=8, n_test=4, n_most=2, seed=0, fits=is_short)
    assert [(len(each.train), len(each.test)) for each in few] == [(8, 4), (8, 4)]
