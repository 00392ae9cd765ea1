"""E17b of the study of trade-offs on made-up results with known answers: what wins accuracy back, and the search."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_tradeoff import (
    PAPER,
    falling,
    leave_out_figures,
    planted_model,
    value,
    verdicts,
)

from pysteer.studies.tradeoff.matched import accuracy_at, bootstrap_two
from pysteer.studies.tradeoff.mitigations import analyse_mitigations
from pysteer.studies.tradeoff.search import best_settings, choose_written, share_kept


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_figures(monkeypatch)


def test_mitigations_that_win_back_are_confirmed_with_their_share() -> None:
    piece = analyse_mitigations([planted_model()])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "M1") == pytest.approx(0.3, abs=0.06)  # 0.8 against 0.5, where the vector's gain is 0.4
    shares = {row.quantity: row.value for row in piece.tables[0].rows if row.quantity.startswith("share")}
    assert shares["share of the loss won back, few-shot + vector"] == pytest.approx(0.75, abs=0.08)


def test_mitigations_that_make_it_worse_are_refuted() -> None:
    worse = {name: replace(PAPER[name], right=0.0) for name in ("few-shot + vector", "open book + vector", "optimised")}
    assert set(verdicts(analyse_mitigations([planted_model({**PAPER, **worse})])).values()) == {"refuted"}


def test_a_weaker_setting_wins_nothing_back_at_the_same_gain() -> None:
    weaker = falling("vector", 0.25)
    arms = {**PAPER, "optimised": weaker}
    piece = analyse_mitigations([planted_model(arms)])
    assert verdicts(piece)["M1"] == "inconclusive"
    assert abs(value(piece, "M1")) < 0.05


def test_where_the_vector_costs_nothing_there_is_nothing_to_win_back() -> None:
    arms = {**PAPER, "vector": replace(PAPER["vector"], right=0.8)}
    free = planted_model(arms, sweep=lambda kind, strength: replace(falling(kind, strength), right=0.8))
    assert set(verdicts(analyse_mitigations([free])).values()) == {"inconclusive"}


@pytest.mark.parametrize(("gain", "expected"), [(-1.0, 1.0), (0.0, 1.0), (0.25, 0.95), (1.0, 0.8)])
def test_curves_are_read_where_they_first_reach_a_gain(gain: float, expected: float) -> None:
    gains, accuracies = np.array([0.0, 0.5, 0.3, 1.0]), np.array([1.0, 0.9, 0.1, 0.8])
    assert accuracy_at(gain, gains, accuracies) == pytest.approx(expected)
    assert np.isnan(accuracy_at(1.1, gains, accuracies))


def test_the_interval_of_two_kinds_of_items_covers_the_truth() -> None:
    generator, n_hit = np.random.default_rng(2), 0
    for seed in range(20):
        first, second = generator.normal(1.0, 1.0, 30), generator.normal(0.0, 1.0, 30)
        found = bootstrap_two(lambda a, b, x=first, y=second: float(x[a].mean() - y[b].mean()), 30, 30, seed=seed)
        n_hit += found.low <= 1.0 <= found.high
    assert n_hit >= 16


def test_settings_within_the_guard_write_first_and_the_best_that_keeps_the_answers_is_taken() -> None:
    gain, cost = np.array([1.0, 3.0, 2.0, 0.5]), np.array([0.0, 9.0, 0.1, 5.0])
    assert best_settings(gain, cost, 0.2, 3) == [2, 0, 3]
    written = np.array([[0.0, 1.0, 1.0], [0.9, 1.1, 0.5], [0.6, 2.0, 1.0], [0.3, 1.1, 1.0], [0.2, 1.0, 1.0]])
    assert choose_written(written, 0.3) == 2
    assert choose_written(written[:3], 0.3) == 1  # nothing is allowed: the one that keeps most


def test_costs_that_are_not_known_are_not_within_the_guard_and_the_best_of_them_write() -> None:
    unknown = np.full(4, np.nan)
    assert best_settings(np.array([1.0, 3.0, 2.0, 0.5]), unknown, 0.2, 3) == [1, 2, 0]
    assert best_settings(np.array([1.0, 3.0, 2.0]), np.array([np.nan, 0.1, 9.0]), 0.2, 3) == [1, 2, 0]


def test_a_setting_without_a_ratio_is_not_within_the_guards() -> None:
    none = float("nan")
    written = np.array([[0.0, 1.0, 1.0], [none, 1.0, 1.0], [-0.2, 1.1, 0.9]])
    assert choose_written(written, 0.3) == 1
    nothing = np.array([[0.0, 1.0, 1.0], [0.1, 9.0, 0.5], [none, 1.0, 0.6]])
    assert choose_written(nothing, 0.3) == 1  # nothing is allowed: the one that keeps most


def test_what_was_searched_has_the_number_of_items_and_the_data_of_each_quantity() -> None:
    found = planted_model()
    [table] = [table for table in analyse_mitigations([found]).tables if table.name == "searched"]
    rows = [row for row in table.rows if row.labels["style"] == "sad"]
    assert [row.n for row in rows] == [2, 3, 4, 2, 1]
    style = found.material.styles[1]
    assert {row.origin for row in rows} == {found.origin_of(style.validation, found.material.tasks.validation)}


def test_a_letter_that_the_control_has_not_is_not_kept() -> None:
    none = float("nan")
    nothing_written = np.full((4, 3), none)
    assert np.isnan(share_kept(nothing_written)).all()
    letters = np.array([[1.0, 1.0, none], [2.0, 3.0, 2.0], [none, none, 1.0]])
    assert share_kept(letters).tolist() == [1.0, 0.5, 0.5]


def test_where_nothing_says_that_letters_are_kept_no_setting_is_within_the_guard() -> None:
    none = float("nan")
    written = np.array([[0.0, 1.0, none], [0.9, 1.1, none], [0.6, 1.0, none]])
    assert choose_written(written, 0.3) == 1  # the one that surprises least, not the one with the highest ratio
