"""BLiMP and WinoGrande as published load, with the counts that were found in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysteer.errors import DroppedDataWarning
from pysteer.formats.blimp import sample_blimp
from pysteer.formats.winogrande import BLANK
from pysteer.measurements import make_measurement
from pysteer.question_files import load_questions
from pysteer.studies.tradeoff.side_tasks import public_side_tasks, without_twins


def test_winogrande_loads_whole_with_one_blank_in_every_sentence(data_dir: Path) -> None:
    with pytest.warns(DroppedDataWarning, match="34 have no word behind the blank"):
        questions = load_questions(data_dir / "commonsense/winogrande.jsonl")
    assert len(questions) == 1267 - 34
    assert not any(f"{BLANK} 's" in question.prompt or f"{BLANK} ." in question.prompt for question in questions)
    assert questions.n_choices == 2
    assert make_measurement("blank_choice").accepts(questions)
    assert questions[0].prompt == "Sarah was a much better surgeon than Maria so _ always got the easier cases."
    assert all(len(choice.split()) <= 2 for question in questions for choice in question.choices)
    firsts = without_twins(questions)
    assert 600 < len(firsts) < 1267
    sentences = {(question.prompt.split(BLANK)[0], frozenset(question.choices)) for question in firsts}
    assert len(sentences) == len(firsts)
    assert sum(question.prompt.startswith("So _") for question in firsts) == 4  # of five, two are twins


def test_blimp_has_67_paradigms_and_a_sample_has_some_of_each(data_dir: Path) -> None:
    path = data_dir / "linguistic/blimp/BLiMP.zip"
    assert len(sample_blimp(path, 134, seed=0)) == 134
    assert len(sample_blimp(path, 60, seed=1)) == 60
    assert sample_blimp(path, 60, seed=1) != sample_blimp(path, 60, seed=2)


@pytest.mark.parametrize("seed", [549, 587])
def test_a_sample_of_blimp_that_meets_two_equal_sentences_draws_another_pair(data_dir: Path, seed: int) -> None:
    with pytest.warns(DroppedDataWarning, match="1 say the same twice"):
        assert len(sample_blimp(data_dir / "linguistic/blimp/BLiMP.zip", 60, seed=seed)) == 60


def test_the_panel_has_all_its_tasks(data_dir: Path) -> None:
    names = [task.name for task in public_side_tasks(data_dir, 8, seed=0)]
    assert {"BLiMP", "HellaSwag", "WinoGrande", "PIQA", "ARC easy", "TruthfulQA, A or B"} <= set(names)
