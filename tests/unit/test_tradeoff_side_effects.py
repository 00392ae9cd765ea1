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
from pysteer.studies.tradeoff.side_effects import values_of
from pysteer.studies.tradeoff.side_panel import analyse_side_effects
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
