"""E25 of the study of trade-offs: the panel on made-up results with known answers, and its tasks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from planted_tradeoff import (
    leave_out_figures,
    planted_model,
    value,
    verdicts,
)

from pysteer.measurements.measured import Measured
from pysteer.measurements.measurement import make_measurement
from pysteer.questions import Question, QuestionSet
from pysteer.studies.rows import Row
from pysteer.studies.tradeoff.found import Found
from pysteer.studies.tradeoff.side_effects import values_of
from pysteer.studies.tradeoff.side_panel import analyse_side_effects, mean_within
from pysteer.studies.tradeoff.side_tasks import guessing, public_side_tasks, without_twins


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    leave_out_figures(monkeypatch)


def test_a_loss_that_carries_over_is_found_and_tasks_at_chance_do_not_count() -> None:
    sides = {"known": (0.9, {"vector": 0.6}), "guessed": (0.5, {"vector": 0.9})}
    piece = analyse_side_effects([planted_model(sides=sides)])
    assert verdicts(piece) == {"C0.8": "confirmed", "C0.9": "confirmed"}
    assert value(piece, "C0.8") == pytest.approx(-0.3, abs=0.02)


def test_a_vector_that_helps_elsewhere_and_moves_less_than_chance_is_refuted() -> None:
    piece = analyse_side_effects([planted_model(sides={"known": (0.8, {"vector": 1.0})}, kl=(0.1, 0.5))])
    assert verdicts(piece) == {"C0.8": "refuted", "C0.9": "refuted"}


def test_without_a_task_above_chance_nothing_can_be_lost() -> None:
    piece = analyse_side_effects([planted_model(sides={"guessed": (0.5, {"vector": 0.1})})])
    assert verdicts(piece)["C0.8"] == "inconclusive"


def test_items_are_drawn_within_tasks_and_tasks_are_not() -> None:
    """Two tasks that differ much, each alike in itself: with the tasks fixed there is hardly anything to draw."""
    low, high = np.full(30, -0.9), np.zeros(40)
    found = mean_within([low, high], seed=0)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.45, -0.45, -0.45))
    assert found.n == 70
    generator, n_hit = np.random.default_rng(5), 0
    for seed in range(200):
        groups = [generator.normal(mean, 1.0, 25) for mean in (-2.0, 0.0, 2.0)]
        drawn = mean_within(groups, seed=seed)
        n_hit += drawn.low <= 0.0 <= drawn.high
        assert drawn.high - drawn.low == pytest.approx(2 * 1.96 / np.sqrt(75), rel=0.4)
    assert n_hit / 200 >= 0.9


def transfer_of(model: Found) -> Row:
    [row] = [row for claim, row in analyse_side_effects([model]).findings if claim == "C0.8"]
    return row


def test_items_and_tasks_that_could_not_be_measured_are_counted_and_named() -> None:
    sides = {"known": (0.9, {"vector": 0.6}), "lost": (0.9, {"vector": 0.6})}
    whole = transfer_of(planted_model(sides=sides))
    assert (whole.n, whole.failures) == (40, 0)
    model = planted_model(sides=sides)
    model.part("side effects", "known").arrays["vector"][:, 1:7] = np.nan  # three of them decide nothing
    model.part("side effects", "lost").arrays["vector"][:, 3:] = np.nan
    row = transfer_of(model)
    assert (row.n, row.failures) == (17, 3 + 20)
    assert row.origin == model.origin_of(model.material.side_tasks[0].items)
    piece = analyse_side_effects([model])
    assert "Of lost too few items could be measured" in piece.notes["E25"][0]
    changed = {(r.labels["task"], r.labels["direction"]): r for r in piece.tables[0].rows if "accuracy" in r.quantity}
    assert (changed["known", "vector"].n, changed["known", "vector"].failures) == (34, 6)


def test_the_reason_for_no_number_is_the_one_there_is() -> None:
    model = planted_model(sides={"known": (0.9, {"vector": 0.6})})
    arrays = model.part("side effects", "known").arrays
    arrays["vector"][:, 1:] = np.nan
    arrays["features"][:] = np.nan
    rows = {
        row.labels["direction"]: row
        for row in analyse_side_effects([model]).tables[0].rows
        if row.labels["task"] == "known" and row.quantity == "change of accuracy"
    }
    assert (rows["vector"].note, rows["vector"].failures) == ("fewer than two items could be measured", 39)
    assert "no feature" in rows["features"].note
    assert rows["features"].failures == 40


def test_guessing_counts_each_questions_own_choices() -> None:
    mixed = QuestionSet((Question("a?", ("x", "y"), 0), Question("b?", ("w", "x", "y", "z"), 0)), "mixed")
    assert guessing(mixed) == pytest.approx(0.375)


def test_choices_of_different_length_are_compared_by_their_bytes_where_that_is_usual() -> None:
    measurement = make_measurement("completion_choice")
    values = {"log_probs": [[-4.0, -6.0], [np.nan, np.nan]], "lengths": [[2.0, 6.0]] * 2, "answers": [1.0, 0.0]}
    measured = Measured({name: np.array(each) for name, each in values.items()})
    assert values_of(measurement, measured, is_per_byte=False)[0] == ["accuracy"]
    names, table = values_of(measurement, measured, is_per_byte=True)
    assert names == ["accuracy", "accuracy by sum"]
    np.testing.assert_array_equal(table, [[1.0, 0.0], [np.nan, np.nan]])


def test_a_sentence_and_its_twin_are_one_item() -> None:
    twins = [("Ann thanked Eve, so _ smiled.", 0), ("Ann thanked Eve, so _ frowned.", 1), ("Ann met Eve; _ ran.", 0)]
    asked = QuestionSet(tuple(Question(prompt, ("Ann", "Eve"), answer) for prompt, answer in twins), "twins")
    assert [question.prompt for question in without_twins(asked)] == [twins[0][0], twins[2][0]]
    others = tuple(Question(f"So _ {what}.", names, 0) for what, names in
                   (("ran", ("Ann", "Eve")), ("sat", ("Ida", "Amy")), ("ate", ("Eve", "Ann"))))  # fmt: skip
    assert without_twins(QuestionSet(others, "So")).questions == others[:2]


def test_the_panel_holds_what_the_folder_holds(tmp_path: Path) -> None:
    names = ["running text", "requests"]
    assert [task.name for task in public_side_tasks(tmp_path, 5, seed=0)] == names
    (tmp_path / "commonsense").mkdir()
    (tmp_path / "linguistic" / "blimp").mkdir(parents=True)
    swag = {
        "activity_label": "Swim",
        "ctx_a": "She swims.",
        "ctx_b": "she",
        "endings": ["dives.", "flies.", "is.", "h."],
    }
    blanks = {"context_options": ["Ann met Eve so Ann", "Ann met Eve so Eve"], "continuation": "ran.", "gold": 1}
    (tmp_path / "commonsense" / "hellaswag.jsonl").write_text(json.dumps({**swag, "label": 0}))
    (tmp_path / "commonsense" / "winogrande.jsonl").write_text(json.dumps(blanks))
    pairs = [{"sentence_good": f"It is {n}.", "sentence_bad": f"It are {n}.", "UID": "x"} for n in range(9)]
    with zipfile.ZipFile(tmp_path / "linguistic" / "blimp" / "BLiMP.zip", "w") as archive:
        archive.writestr("data/x.jsonl", "\n".join(map(json.dumps, pairs)))
    tasks = {task.name: task for task in public_side_tasks(tmp_path, 5, seed=0)}
    assert list(tasks) == ["BLiMP", "HellaSwag", "WinoGrande", *names]
    assert {name: task.chance for name, task in tasks.items() if name[0] in "BHW"} == {
        "BLiMP": 0.5,
        "HellaSwag": 0.25,
        "WinoGrande": 0.5,
    }
    assert [task.name for task in tasks.values() if task.is_per_byte] == ["HellaSwag"]
    assert len(tasks["BLiMP"].items) == 5
