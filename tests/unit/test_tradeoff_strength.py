"""E18 and E19 of the study of trade-offs on made-up results with known answers: more strength, larger models."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from planted_tradeoff import (
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
