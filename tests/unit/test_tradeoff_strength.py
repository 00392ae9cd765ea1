"""E18 and E19 of the study of trade-offs on made-up results with known answers: more strength, larger models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_tradeoff import (
    N_SWEPT,
    Numbers,
    falling,
    leave_out_figures,
    planted_model,
    value,
    verdicts,
)

from pysteer.studies.tradeoff.found import Found
from pysteer.studies.tradeoff.ladder import analyse_ladder
from pysteer.studies.tradeoff.more_strength import analyse_strength
from pysteer.studies.tradeoff.writing import QUANTITIES


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_figures(monkeypatch)


def test_a_planted_trade_off_is_monotone_and_a_random_direction_is_not() -> None:
    piece = analyse_strength([planted_model()])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "C0.5a") == pytest.approx(1.0)
    assert value(piece, "C0.5c") == pytest.approx(-0.6, abs=0.08)
    rows = next(table for table in piece.tables if table.name == "price").rows
    costs = {
        str(row.labels["kind"]): row
        for row in rows
        if row.quantity == "accuracy lost per unit of behaviour" and row.labels["strength"] == 1.0
    }
    assert costs["vector"].value == pytest.approx(0.75, abs=0.1)
    assert np.isnan(costs["random"].value)


def test_an_onset_is_found_where_it_was_planted() -> None:
    def late(kind: str, strength: float) -> Numbers:
        return replace(falling(kind, strength), right=1.0 if strength <= 0.5 else 1.0 - 1.6 * (strength - 0.5))

    rows = next(
        table for table in analyse_strength([planted_model(sweep=late)]).tables if table.name == "over_steering"
    )
    [onset] = [
        r for r in rows.rows if r.quantity == "onset of over-steering, accuracy" and r.labels["kind"] == "vector"
    ]
    assert onset.value == pytest.approx(0.5, abs=0.1)


def test_more_strength_that_makes_text_better_is_refuted() -> None:
    def better(kind: str, strength: float) -> Numbers:
        return Numbers(0.5 + 0.4 * strength, 0.1, 3.0 - strength, 0.5)

    found = verdicts(analyse_strength([planted_model(sweep=better)]))
    assert set(found.values()) == {"refuted"}


def test_no_written_accuracy_is_shown_over_strength_where_only_letters_are_above_chance() -> None:
    def names(model: Found) -> set[str]:
        tables = analyse_strength([model]).tables
        return {row.quantity for table in tables if table.name == "over_steering" for row in table.rows}

    shown = "rank correlation of strength and accuracy, written"
    assert shown in names(planted_model())
    letters = planted_model(own=(0.25, 0.8))
    assert letters.capability_kind == "letters"
    assert shown not in names(letters)


def test_texts_that_have_no_number_are_counted_where_curves_leave_them_out() -> None:
    model = planted_model()
    surprise, ratio = QUANTITIES.index("surprise"), QUANTITIES.index("ratio")
    for name in model.names:
        swept = model.part(name, "sweep").arrays["vector"]
        swept[3, 2, surprise] = np.nan  # a question
        swept[N_SWEPT + 5, 2, [surprise, ratio]] = np.nan  # an empty reply
        swept[N_SWEPT + 7, 2, ratio] = np.nan
    tables = {table.name: table.rows for table in analyse_strength([model]).tables}
    onsets = [row for row in tables["over_steering"] if row.quantity == "onset of over-steering, coherence"]
    assert {str(row.labels["kind"]): row.failures for row in onsets} == {"vector": 2, "features": 0, "random": 0}
    price = {
        (row.quantity.split()[0], row.labels["strength"]): (row.n, row.failures)
        for row in tables["price"]
        if row.labels["kind"] == "vector"
    }
    assert price["surprise", 0.5][1] == 3
    assert price["accuracy", 0.5][1] == 2
    assert price["surprise", 1.0][1] == price["accuracy", 1.0][1] == 0


def ladder_of(*losses: float) -> list[Found]:
    """Models of 1, 10, 100 ... million parameters that lose so much accuracy at full strength, for the same gain."""

    def sweep(loss: float) -> Any:
        return lambda kind, strength: replace(falling(kind, strength), right=1.0 - loss * strength)

    return [
        planted_model(label=f"model {k}", sweep=sweep(loss), n_parameters=10 ** (6 + k))
        for k, loss in enumerate(losses)
    ]


def test_larger_models_that_lose_less_confirm_and_that_lose_more_refute() -> None:
    piece = analyse_ladder(ladder_of(0.9, 0.5, 0.1))
    assert verdicts(piece)["C0.4"] == "confirmed"
    assert value(piece, "C0.4") == pytest.approx(-0.2, abs=0.05)  # 0.4 per tenfold size at full gain, half of it here
    assert verdicts(analyse_ladder(ladder_of(0.1, 0.5, 0.9)))["C0.4"] == "refuted"


def test_one_model_or_two_are_no_ladder() -> None:
    for models in (ladder_of(0.9), ladder_of(0.9, 0.1)):
        assert verdicts(analyse_ladder(models))["C0.4"] == "inconclusive"


def test_coarser_weights_are_compared_at_the_gain_that_all_of_them_reach() -> None:
    def worse(kind: str, strength: float) -> Numbers:
        return replace(falling(kind, strength), right=0.8 - 0.75 * strength, ratio=0.4 * strength)

    piece = analyse_ladder([planted_model(coarser={"Q4_0": worse})])
    rows = {(row.labels["rung"], row.quantity): row for row in piece.tables[0].rows}
    loss = "accuracy lost at the same behaviour gain"
    assert float(rows["as given", loss].note.split()[4]) == pytest.approx(0.2, abs=0.02)  # "at a gain of 0.2 nats ..."
    assert rows["as given", loss].value == pytest.approx(0.15, abs=0.06)
    assert rows["Q4_0", loss].value == pytest.approx(0.375, abs=0.06)
    assert rows["Q4_0", "largest behaviour gain"].value == pytest.approx(0.4, abs=0.05)
