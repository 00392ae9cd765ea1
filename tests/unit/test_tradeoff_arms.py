"""E17 of the study of trade-offs on made-up results with known answers: arms, tests, instruments, capability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from planted_tradeoff import (
    CONTROL,
    N_PAIRS,
    PAPER,
    Numbers,
    leave_out_figures,
    planted_model,
    reason,
    value,
    verdicts,
)

from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, bootstrap_datasets
from pysteer.studies.rows import Row
from pysteer.studies.study import Piece
from pysteer.studies.tradeoff.capability import kind_of
from pysteer.studies.tradeoff.cells import widened
from pysteer.studies.tradeoff.compared_arms import analyse_arms
from pysteer.studies.tradeoff.crossed_draws import crossed_mean
from pysteer.studies.tradeoff.instruments import judged_rows
from pysteer.studies.tradeoff.judging import judged_questions
from pysteer.studies.tradeoff.mitigations import analyse_mitigations
from pysteer.studies.tradeoff.more_strength import analyse_strength


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_figures(monkeypatch)


def test_results_as_in_the_paper_confirm_its_signs() -> None:
    piece = analyse_arms([planted_model(judge_gap=1.0)])
    found = verdicts(piece)
    assert {claim for claim, outcome in found.items() if outcome != "confirmed"} == set()
    assert value(piece, "C0.1g") == pytest.approx(-0.4, abs=0.03)
    assert value(piece, "C0.1a") == pytest.approx(0.4, abs=0.02)
    assert value(piece, "C0.1i") == pytest.approx(1.2, abs=0.03)
    assert value(piece, "C0.3c") == pytest.approx(0.2, abs=0.05)


def test_the_opposite_of_the_paper_refutes_it() -> None:
    good, bad = Numbers(1.0, -0.4, 0.5, 0.3), Numbers(0.4, 0.4, 2.0, 0.8)
    steered = {name: good for name in PAPER if "vector" in name or "features" in name}
    arms = {**PAPER, **steered, "prompting": bad, "features + prompting": Numbers(0.7, -0.6, 0.5, 0.0)}
    found = verdicts(analyse_arms([planted_model(arms, judge_gap=-1.0)]))
    for claim in ("C0.1a", "C0.1b", "C0.1c", "C0.1d", "C0.1e", "C0.1f", "C0.1g", "C0.1h", "C0.1i", "C0.1j", "C0.2a"):
        assert found[claim] == "refuted", claim
    for claim in ("C0.2b", "C0.3a", "C0.3b", "C0.3c", "I2"):
        assert found[claim] == "refuted", claim


def test_arms_that_change_nothing_confirm_no_effect() -> None:
    found = verdicts(analyse_arms([planted_model(dict.fromkeys(PAPER, CONTROL))]))
    assert found.pop("C0.2a") == "confirmed"  # prompting that does nothing costs nothing
    assert found.pop("I1") == "confirmed"
    assert list(found.values()).count("confirmed") <= 1  # of 16 claims at 95 %, one may be confirmed by chance


def test_a_model_at_chance_has_nothing_to_lose_and_no_claim_about_a_loss_is_decided() -> None:
    arms = {name: replace(numbers, right=0.25) for name, numbers in PAPER.items()}
    model = planted_model(arms, letters=dict.fromkeys(PAPER, 0.25), sweep=lambda *_: replace(CONTROL, right=0.25))
    piece = analyse_arms([model])
    found = verdicts(piece)
    assert {found[claim] for claim in ("C0.1g", "C0.1h", "C0.2a", "C0.3c", "C0.6")} == {"inconclusive"}
    assert "nothing to lose" in reason(piece, "C0.2a")
    assert found["C0.1a"] == "confirmed"
    assert set(verdicts(analyse_mitigations([model])).values()) == {"inconclusive"}
    assert verdicts(analyse_strength([model]))["C0.5c"] == "inconclusive"


def test_letters_decide_where_writing_is_at_chance() -> None:
    arms = {name: replace(numbers, right=0.0) for name, numbers in PAPER.items()}
    letters = {name: numbers.right for name, numbers in PAPER.items()}
    model = planted_model(arms, letters=letters)
    assert model.capability_kind == "letters"
    assert verdicts(analyse_arms([model]))["C0.1h"] == "confirmed"


def test_a_likelihood_ratio_that_cannot_tell_contrast_texts_apart_decides_nothing() -> None:
    piece = analyse_arms([planted_model(ratio_check=0.0)])
    found = verdicts(piece)
    assert {found[claim] for claim in ("I1", "C0.1a", "C0.1b", "C0.1c", "C0.1d")} == {"inconclusive"}
    assert "does not tell" in reason(piece, "C0.1a")


def test_published_and_paired_tests_stand_side_by_side() -> None:
    table = next(table for table in analyse_arms([planted_model()]).tables if table.name == "arm_tests")
    chosen = {
        row.quantity: row
        for row in table.rows
        if (row.labels["table"], row.labels["first"], row.labels["second"]) == ("coherence", "control", "features")
    }
    assert chosen["difference"].value == pytest.approx(1.2, abs=0.03)
    assert chosen["Cohen's d"].value == pytest.approx(1.2 / 0.05, rel=0.2)
    assert chosen["p, Student, Bonferroni"].value < 1e-10
    assert chosen["p, paired"].value < 1e-10


def test_shares_without_any_spread_admit_what_was_not_seen() -> None:
    ones, nothing = Interval(1.0, 1.0, 1.0, 20, 0.95), Interval(0.0, 0.0, 0.0, 20, 0.95)
    most = 3.84 / (20 + 3.84)
    assert widened(ones, is_change=False).low == pytest.approx(1.0 - most, abs=1e-3)
    assert widened(ones, is_change=False).high == 1.0
    both = widened(nothing, is_change=True)
    assert (both.low, both.high) == (pytest.approx(-most, abs=1e-3), pytest.approx(most, abs=1e-3))
    assert widened(nothing, is_change=False).low == 0.0
    known = Interval(0.5, 0.4, 0.6, 20, 0.95)
    assert widened(known, is_change=True) is known


def test_a_control_that_is_lucky_on_the_measured_questions_has_no_capability_to_lose() -> None:
    arms = {name: replace(numbers, right=0.25) for name, numbers in PAPER.items()} | {"control": CONTROL}
    letters = {**dict.fromkeys(PAPER, 0.25), "control": 0.8}
    lucky = planted_model(arms, letters=letters, own=(0.25, 0.25))
    assert lucky.capability_kind == ""
    found = verdicts(analyse_arms([lucky]))
    assert {found[claim] for claim in ("C0.1g", "C0.1h", "C0.2a", "C0.3c", "C0.6")} == {"inconclusive"}
    unlucky = planted_model(dict.fromkeys(PAPER, replace(CONTROL, right=0.2)), own=(0.8, 0.8))
    assert unlucky.capability_kind == "written"


def test_which_answers_decide_is_judged_on_questions_of_their_own() -> None:
    assert planted_model(own=(0.25, 0.8)).capability_kind == "letters"
    model = planted_model(own=(0.8, 0.25))
    assert model.capability_kind == "written"
    piece = analyse_arms([model])
    rows = {row.quantity: row for table in piece.tables if table.name == "instrument_checks" for row in table.rows}
    own = rows["accuracy of written answers, questions of their own"]
    assert (own.value, own.n) == (0.8, 40)
    assert rows["accuracy of letters answers, questions of their own"].value == 0.25
    assert "80%" in piece.notes["E17"][1]


def chosen_losses(n: int, share: float, *, on_own: bool) -> list[float]:
    """Losses of steering that does nothing, on models that answer so often, where the control is above chance."""
    generator, losses = np.random.default_rng(1), []
    for _ in range(2000):
        control, own, steered = (generator.random((3, n)) < share).astype(float)
        if kind_of(own if on_own else control, np.zeros(n)) == "written":
            losses.append(float(steered.mean() - control.mean()))
    return losses


def test_a_gate_on_the_measured_questions_makes_losses_and_one_on_its_own_questions_does_not() -> None:
    assert np.mean(chosen_losses(40, 0.3, on_own=False)) < -0.08
    own = chosen_losses(40, 0.3, on_own=True)
    assert len(own) > 100
    assert abs(np.mean(own)) < 0.02


def test_ratings_of_one_question_under_several_styles_are_drawn_together() -> None:
    model = planted_model()
    [row] = [row for row in judged_rows(model, "control") if row.quantity == "behaviour, judged"]
    assert (row.value, row.n) == (4.0, 3)  # 3, 4 and 5 points, each style's for a question of its own
    model.material.tasks.asked = model.material.tasks.asked[:2]
    [row] = [row for row in judged_rows(model, "control") if row.quantity == "behaviour, judged"]
    assert (row.value, row.n) == (4.0, 2)  # the first and the third style's are about one question
    assert (row.low, row.high) == (4.0, 4.0)  # 3 and 5 points of the one, 4 of the other: both means are 4


def test_each_style_has_other_questions_rated() -> None:
    rated = [judged_questions(style, 2, 9) for style in range(4)]
    assert rated == [[0, 1], [2, 3], [4, 5], [6, 7]]


def rows_of(piece: Piece, table: str) -> list[Row]:
    return [row for each in piece.tables if each.name == table for row in each.rows]


def test_numbers_carry_the_hash_of_the_data_that_they_are_about() -> None:
    found = planted_model()
    piece = analyse_arms([found])
    checks = {
        (row.quantity, row.labels.get("style")): row.origin.data_hash for row in rows_of(piece, "instrument_checks")
    }
    styles, tasks = found.material.styles, found.material.tasks
    for kind in ("written", "letters"):
        assert checks[f"accuracy of {kind} answers, questions of their own", None] == tasks.capability.content_hash
    for style in styles:
        assert checks["ratio, with minus without", style.name] == style.train.content_hash
    assert checks["rating of coherence, plain minus shuffled words", None] == styles[0].train.content_hash
    assert found.ratio_check.origin == found.origin_of(*(style.train for style in styles))
    assert {row.origin.data_hash for row in rows_of(piece, "judged")} == {tasks.asked.content_hash}
    assert {row.origin for row in rows_of(piece, "arms")} == {found.origin}
    assert {row.quantity for row in rows_of(piece, "queries")} >= {"accuracy, written"}


def test_contrast_texts_without_a_number_are_counted() -> None:
    found = planted_model()
    part = found.part("check of the ratio").arrays
    part["joyful"][2:5, 1] = np.nan
    part["sad"][:] = np.nan
    assert (found.ratio_check.n, found.ratio_check.failures) == (2, 3 + N_PAIRS)
    [sad] = [row for row in rows_of(analyse_arms([found]), "instrument_checks") if row.labels.get("style") == "sad"]
    assert (sad.n, sad.failures) == (0, N_PAIRS)


def test_items_are_counted_as_items_and_cells_without_a_number_are_told() -> None:
    found = planted_model()
    cells = np.arange(12.0).reshape(3, 4)
    assert (found.mean_row(cells, "x").n, found.mean_row(cells, "x").failures, found.mean_row(cells, "x").note) == (
        4,
        0,
        "",
    )
    cells[:, 1] = np.nan
    row = found.mean_row(cells, "x")
    assert (row.n, row.failures, row.note) == (3, 1, "")
    cells[0, 2] = np.nan
    row = found.mean_row(cells, "x")
    assert (row.n, row.failures, row.note) == (3, 1, "4 of 12 cells (style by item) have no number")


def crossed_coverage(drawn: Callable[[np.ndarray, int], Interval]) -> float:
    """Share of intervals that hold 0, over tables of 8 styles by 9 requests whose requests differ much."""
    generator, n_hit = np.random.default_rng(3), 0
    for seed in range(150):
        table = generator.normal(0, 1.0, 9) + generator.normal(0, 0.3, (8, 1)) + generator.normal(0, 0.3, (8, 9))
        found = drawn(table, seed)
        n_hit += found.low <= 0.0 <= found.high
    return n_hit / 150


def test_an_interval_that_draws_shared_requests_covers_where_one_of_styles_alone_does_not() -> None:
    requests = [[f"request {k}" for k in range(9)]] * 8
    assert crossed_coverage(lambda table, seed: crossed_mean(list(table), requests, seed=seed)) >= 0.87
    assert crossed_coverage(lambda table, seed: bootstrap_datasets(list(table), seed=seed)) < 0.75


def test_the_mean_over_styles_is_that_of_their_means_and_needs_two_of_each() -> None:
    values = [np.array([1.0, 2.0, np.nan]), np.array([4.0, 4.0, 4.0]), np.full(3, np.nan)]
    found = crossed_mean(values, [["a", "b", "c"]] * 3, seed=0)
    assert (found.mean, found.n) == (2.75, 2)
    with pytest.raises(MeasurementError, match="two styles"):
        crossed_mean(values[:1], [["a", "b", "c"]], seed=0)
    with pytest.raises(MeasurementError, match="two requests"):
        crossed_mean([np.ones(1), np.ones(1)], [["a"], ["a"]], seed=0)


def test_a_request_without_any_number_is_not_drawn() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(4, 6))
    names = [f"request {k}" for k in range(6)]
    with_empty = np.concatenate([table, np.full((4, 3), np.nan)], axis=1)
    more = [*names, "x", "y", "z"]
    plain = crossed_mean(list(table), [names] * 4, seed=0)
    assert crossed_mean(list(with_empty), [more] * 4, seed=0) == plain
