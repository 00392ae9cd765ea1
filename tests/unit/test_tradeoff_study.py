"""The study of trade-offs as a whole on made-up results with known answers, and its planted truths."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planted_tradeoff import (
    CONTROL,
    PAPER,
    Numbers,
    falling,
    leave_out_figures,
    planted_model,
    reason,
    value,
    verdicts,
)

from pysteer.studies.tradeoff import EXPERIMENTS, Tradeoff
from pysteer.studies.tradeoff.arms import ARMS
from pysteer.studies.tradeoff.compared_arms import analyse_arms
from pysteer.studies.tradeoff.planted import analyse_planted


@pytest.fixture(autouse=True)
def without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "figures" not in request.node.name:
        leave_out_figures(monkeypatch)


def test_planted_truths_are_recovered_and_their_absence_is_noticed() -> None:
    def moods(kind: str, strength: float) -> Numbers:
        return Numbers(1.0, strength, 1.0 if strength < 1.0 else 9.0, min(1.0, 0.5 + strength))

    knows = {**PAPER, "control": Numbers(1.0, 0.0, 1.0, 0.5), "prompting": Numbers(1.0, 0.2, 1.0, 1.0)}
    letters = {**dict.fromkeys(PAPER, 0.25), "open book": 1.0}
    piece = analyse_planted([planted_model(knows, letters=letters, sweep=moods, is_embedded=True)])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "P4") == pytest.approx(0.5)
    lacks = {**PAPER, "control": replace(CONTROL, right=0.3), "prompting": replace(CONTROL, shows=0.5)}
    still = planted_model(lacks, letters=dict.fromkeys(PAPER, 0.25), sweep=lambda *_: CONTROL, is_embedded=True)
    assert set(verdicts(analyse_planted([still])).values()) == {"refuted"}
    assert analyse_planted([planted_model()]).findings == []


def test_every_claim_is_judged_and_the_same_results_give_the_same_tables() -> None:
    models = [planted_model(is_embedded=True)]
    first, second = ([analyse(models) for analyse in EXPERIMENTS] for _ in range(2))
    assert {claim for piece in first for claim, _ in piece.findings} == {claim.id for claim in Tradeoff.claims}
    assert len({claim.id for claim in Tradeoff.claims}) == len(Tradeoff.claims)
    assert [table.to_csv() for piece in first for table in piece.tables] == [
        table.to_csv() for piece in second for table in piece.tables
    ]
    used = {claim.experiment for claim in Tradeoff.claims}
    assert used == {experiment.id for experiment in Tradeoff.experiments}


def test_figures_have_names_of_their_own_and_say_what_they_show() -> None:
    models = [planted_model(coarser={"Q4_0": falling})]
    figures = [figure for analyse in EXPERIMENTS for figure in analyse(models).figures]
    assert len({figure.name for figure in figures}) == len(figures) == 9
    assert all(len(figure.drawing.caption) > 40 and len(figure.drawing.alt) > 20 for figure in figures)
    violins = next(figure for figure in figures if figure.name.startswith("arms_"))
    assert [text.get_text() for text in violins.drawing.figure.axes[0].get_yticklabels()] == [arm.name for arm in ARMS]


def test_a_style_without_features_leaves_the_arm_out_and_says_so() -> None:
    arms = {name: numbers for name, numbers in PAPER.items() if "features" not in name}
    piece = analyse_arms([planted_model(arms)])
    assert verdicts(piece)["C0.1a"] == "inconclusive"
    assert "no feature" in reason(piece, "C0.1g")
    assert verdicts(piece)["C0.1b"] == "confirmed"
