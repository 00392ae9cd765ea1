"""The study of reliability on made-up results with known answers: items, bias, shifts, models (E01 to E04)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted_reliability import SETTINGS, planted_model, questionnaire

from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability import EXPERIMENTS, Reliability
from pysteer.studies.reliability.across_models import analyse_models
from pysteer.studies.reliability.found import Found
from pysteer.studies.reliability.intervals import bootstrap_over, clustered_spearman, median_over, rank_correlation
from pysteer.studies.reliability.per_sample import analyse_samples, worst_on_unseen_items
from pysteer.studies.reliability.position_bias import analyse_bias
from pysteer.studies.reliability.prompt_shifts import analyse_shifts, headline, shifts_of
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


# E01


def half_backfires(each: Questionnaire, train: str, test: str) -> Any:
    is_bad = each.name in ("q0", "q3", "q5")
    return np.where(np.arange(80) % 2 == 0, -1.0, 1.0) + NOISE if is_bad else 1.0 + NOISE


def some_backfire(each: Questionnaire, train: str, test: str) -> Any:
    return np.where(np.arange(80) % 4 == 0, -1.0, 1.0)


def test_a_planted_anti_steerable_half_is_found_in_the_worst_questionnaires() -> None:
    piece = analyse_samples([planted_model(EIGHT, half_backfires)])
    found = verdicts(piece)
    assert value(piece, "C1.1a") == pytest.approx(0.5, abs=0.1)
    assert (found["C1.1a"], found["C1.1c"]) == ("confirmed", "confirmed")
    table = {row.labels["questionnaire"]: row for row in piece.tables[0].rows if row.quantity == "anti-steerable"}
    assert (table["q0"].value, table["q1"].value) == (0.5, 0.0)


def test_vectors_that_always_work_refute_the_anti_steerable_half() -> None:
    found = verdicts(analyse_samples([planted_model(EIGHT, works)]))
    assert (found["C1.0"], found["C1.1a"], found["C1.1b"]) == ("confirmed", "refuted", "refuted")


def test_vectors_that_push_the_wrong_way_do_not_steer() -> None:
    piece = analyse_samples([planted_model(EIGHT, lambda *about: -works(*about))])
    assert verdicts(piece)["C1.0"] == "refuted"
    assert value(piece, "C1.0") == pytest.approx(-1.375, abs=0.02)


def test_a_quarter_of_bad_items_everywhere_is_typical_but_not_nearly_half() -> None:
    found = verdicts(analyse_samples([planted_model(EIGHT, some_backfire)]))
    assert (found["C1.1a"], found["C1.1b"]) == ("refuted", "confirmed")


def test_random_directions_that_steer_as_well_as_the_vectors_are_noticed() -> None:
    found = verdicts(analyse_samples([planted_model(EIGHT, works, random=works)]))
    assert found["C1.1c"] == "refuted"


def test_the_worst_of_many_alike_is_not_worse_on_items_that_did_not_choose_it() -> None:
    generator = np.random.default_rng(0)
    shares = []
    for seed in range(60):
        hits = [(generator.random(40) < 0.3).astype(float) for _ in range(30)]
        n_hits, n = worst_on_unseen_items(hits, seed=seed)
        shares.append(n_hits / n)
    assert np.mean(shares) == pytest.approx(0.3, abs=0.04)  # the largest of 30 shares of 40 items would be about 0.45


# E02


def moves_the_letter(each: Questionnaire, train: str, test: str) -> Any:
    return 1.0 + 2.0 * np.where(each.is_a(), 1.0, -1.0) + NOISE


def test_a_planted_letter_bias_explains_the_variance() -> None:
    piece = analyse_bias([planted_model(EIGHT, moves_the_letter)])
    assert verdicts(piece)["C1.2"] == "confirmed"
    assert value(piece, "C1.2") > 0.99
    biases = [row.value for row in piece.tables[0].rows if row.quantity == "letter bias"]
    assert biases == pytest.approx([4.0] * 8, abs=0.05)


def test_a_planted_yes_bias_explains_the_variance_and_no_letter_bias_is_seen() -> None:
    piece = analyse_bias([planted_model(EIGHT, lambda each, *_: 1.0 + np.where(each.is_yes(), 1.0, 0.0) + NOISE)])
    assert value(piece, "C1.2") > 0.95
    assert max(abs(row.value) for row in piece.tables[0].rows if row.quantity == "letter bias") < 0.05


def test_items_that_differ_by_themselves_have_no_position_bias() -> None:
    generator = np.random.default_rng(5)
    piece = analyse_bias([planted_model(EIGHT, lambda *_: generator.normal(1.0, 1.0, 80))])
    assert verdicts(piece)["C1.2"] == "refuted"


def test_slopes_that_are_all_alike_have_no_variance_to_explain_and_say_so() -> None:
    piece = analyse_bias([planted_model(EIGHT, lambda *_: 1.0)])
    assert verdicts(piece)["C1.2"] == "inconclusive"
    assert all("variance" in row.note for row in piece.tables[0].rows if row.quantity == "explained by both")


# E03


def test_a_planted_loss_under_a_shift_is_found_and_the_ranks_stay() -> None:
    def loses(each: Questionnaire, train: str, test: str) -> Any:
        kept = 0.3 if test == "USER_NEG" else 1.0 if test == train else 0.8
        return kept * STRENGTH[each.name] + NOISE

    piece = analyse_shifts([planted_model(EIGHT, loses)])
    found = verdicts(piece)
    assert (found["C1.4a"], found["C1.4b"], found["C1.4d"]) == ("confirmed", "confirmed", "confirmed")
    assert value(piece, "C1.4b") == pytest.approx(0.3, abs=0.02)
    assert value(piece, "C1.4d") == pytest.approx(0.5, abs=0.02)
    assert piece.findings[0][1].labels["shift"] == "SYS_POS to USER_NEG"


def test_a_shift_that_turns_the_order_round_and_doubles_the_effect_is_refuted() -> None:
    def turns(each: Questionnaire, train: str, test: str) -> Any:
        return STRENGTH[each.name] + NOISE if train == test else 2.0 * (3.0 - STRENGTH[each.name]) + NOISE

    found = verdicts(analyse_shifts([planted_model(EIGHT, turns)]))
    assert (found["C1.4a"], found["C1.4b"]) == ("refuted", "refuted")


def test_vectors_without_an_effect_leave_no_ratio_to_judge() -> None:
    piece = analyse_shifts([planted_model(EIGHT, lambda each, train, test: NOISE - NOISE.mean())])
    found = verdicts(piece)
    assert (found["C1.4b"], found["C1.4d"]) == ("inconclusive", "inconclusive")
    assert "may be 0" in next(row.note for claim, row in piece.findings if claim == "C1.4b")


def test_a_model_without_system_messages_is_judged_by_the_shift_in_user_messages() -> None:
    settings = ("BASE", "USER_POS", "USER_NEG")
    assert headline(settings) == ("USER_POS", "USER_NEG")
    assert headline(("BASE",)) is None
    assert headline(SETTINGS) == ("SYS_POS", "USER_NEG")
    assert ("USER_POS", "USER_NEG") in shifts_of(settings)
    assert len(shifts_of(SETTINGS)) == 5
    piece = analyse_shifts([planted_model(EIGHT, works, settings=settings)])
    assert piece.findings[0][1].labels["shift"] == "USER_POS to USER_NEG"
    raw = analyse_shifts([planted_model(EIGHT, works, settings=("BASE",))])
    assert set(verdicts(raw).values()) == {"inconclusive"}


# E04


def test_two_models_with_the_same_order_confirm_and_with_opposite_orders_refute() -> None:
    one = planted_model(EIGHT, works, label="one")
    other = planted_model(EIGHT, lambda each, *_: 3.0 - STRENGTH[each.name] + NOISE, label="another")
    assert verdicts(analyse_models([one, planted_model(EIGHT, works, label="two")])) == {
        "C1.3a": "confirmed",
        "C1.3b": "confirmed",
    }
    assert verdicts(analyse_models([one, other]))["C1.3a"] == "refuted"
    assert set(verdicts(analyse_models([one])).values()) == {"inconclusive"}


# All of it


def test_every_experiment_and_claim_is_declared_and_every_piece_belongs_to_one() -> None:
    ids = {experiment.id for experiment in Reliability.experiments}
    assert {f"E{number:02d}" for number in range(1, 10)} <= ids
    assert {claim.experiment for claim in Reliability.claims} == ids
    found: list[Found] = [planted_model(EIGHT, works, label=label) for label in ("one", "two")]
    pieces = [analyse(found) for analyse in EXPERIMENTS]
    claims = {claim.id for claim in Reliability.claims}
    assert {name for piece in pieces for name, _ in piece.findings} <= claims
    assert {part.experiment for piece in pieces for part in (*piece.tables, *piece.figures)} <= ids
    assert {name for piece in pieces for name in piece.notes} <= ids
    names = [figure.name for piece in pieces for figure in piece.figures]
    assert len(set(names)) == len(names)


def test_intervals_over_questionnaires_hold_planted_values() -> None:
    generator = np.random.default_rng(0)
    median = median_over(generator.normal(2.0, 1.0, 200), seed=0)
    assert median.low < 2.0 < median.high
    assert bootstrap_over(lambda drawn: float(drawn.size), 5, seed=0).low == 5.0
    x = [generator.normal(size=10) for _ in range(12)]
    falling = clustered_spearman(x, [-each for each in x], seed=0)
    assert (falling.mean, falling.low, falling.high) == pytest.approx((-1.0, -1.0, -1.0))
    assert falling.n == 120
    ties = np.array([1.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 3.0])
    from scipy.stats import spearmanr

    assert rank_correlation(*ties) == pytest.approx(float(spearmanr(*ties).statistic))
