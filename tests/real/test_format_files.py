"""Every published data file of a format that pysteer knows loads, with the counts that were found in it."""

from __future__ import annotations

import csv
import io
import json
import warnings
from pathlib import Path

import pytest

from pysteer.errors import DroppedDataWarning
from pysteer.formats import formats, read_source, recognised
from pysteer.formats.texts import load_texts, pair_texts
from pysteer.formats.word_pairs import load_word_pairs
from pysteer.pair_files import check_disjoint, load_pairs
from pysteer.question_files import load_questions

FOLDERS = {
    "mwe/persona": ("mwe_persona", 20),
    "mwe/xrisk_human": ("mwe_xrisk", 14),
    "mwe/xrisk_lm": ("mwe_xrisk", 7),
    "caa/generate": ("caa", 6),
    "function_vectors/abstractive": ("word_pairs", 20),
    "function_vectors/extractive": ("word_pairs", 24),
    "repe/data/emotions": ("texts", 9),
    "paraphrase/paradetox": ("paradetox", 1),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_of_a_folder_is_recognised_and_loads(data_dir: Path, folder: str) -> None:
    name, n_files = FOLDERS[folder]
    paths = [p for p in sorted((data_dir / folder).iterdir()) if p.suffix in (".json", ".jsonl", ".tsv")]
    assert len(paths) >= n_files
    for path in paths:
        source = read_source(path)
        assert recognised(source) == (name,), path
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DroppedDataWarning)
            loaded = formats.get(name)(source)
        n_records = source.text.count("\n{") + 1 if path.suffix == ".jsonl" else None
        dropped = sum(int(str(w.message).split(" records dropped")[0].rsplit(" ", 1)[1]) for w in caught)
        if path.suffix == ".json":
            n_records = len(json.loads(source.text))
        if n_records is not None:
            assert len(loaded) + dropped == n_records, path  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "expected"), [("ab", "caa"), ("open_ended", "caa_open_ended")])
def test_caa_test_files_load(data_dir: Path, name: str, expected: str) -> None:
    paths = sorted((data_dir / "caa/test").glob(f"*.{name}.json"))
    assert len(paths) == 6
    for path in paths:
        assert recognised(read_source(path)) == (expected,)
        assert len(load_pairs(path) if name == "ab" else load_texts(path)) >= 50


def test_caa_truthfulqa_and_mmlu_load(data_dir: Path) -> None:
    assert len(load_pairs(data_dir / "caa/test/truthfulqa.json")) == 817
    assert len(load_pairs(data_dir / "caa/test/mmlu.json")) == 570


def test_letters_of_persona_files_are_balanced_against_the_answers(data_dir: Path) -> None:
    for path in (data_dir / "mwe/persona").glob("*.jsonl"):
        counts: dict[tuple[str, bool], int] = {}
        for pair in load_pairs(path):
            answer = pair.prompt.split(f"{pair.positive}: ")[1].split("\n")[0]
            assert answer in (" Yes", " No")
            key = (pair.positive, answer == " Yes")
            counts[key] = counts.get(key, 0) + 1
        assert len(counts) == 4
        assert max(counts.values()) - min(counts.values()) <= 1, path


def test_repeats_in_published_files_are_counted(data_dir: Path) -> None:
    with pytest.warns(DroppedDataWarning, match="174 records dropped, 826 kept: 174 repeat an earlier pair"):
        load_pairs(data_dir / "mwe/xrisk_lm/myopic-reward.jsonl")
    with pytest.warns(DroppedDataWarning, match="84 records dropped, 11843 kept"):
        load_pairs(data_dir / "paraphrase/paradetox/paradetox.tsv")


def test_a_task_of_the_reference_splits_as_published(data_dir: Path) -> None:
    sides = load_word_pairs(data_dir / "function_vectors/abstractive/country-capital.json").split(seed=42)
    assert tuple(map(len, sides)) == (137, 42, 18)


def test_truncated_outputs_and_emotion_scenarios_are_texts(data_dir: Path) -> None:
    assert len(load_texts(data_dir / "repeng/all_truncated_outputs.json")) == 582
    glad, sad = (load_texts(data_dir / f"repe/data/emotions/{name}.json") for name in ("happiness", "sadness"))
    assert len(pair_texts(glad, sad, name="happiness - sadness")) == 203


def test_training_and_test_sets_of_caa_share_nothing(data_dir: Path) -> None:
    paths = sorted((data_dir / "caa/generate").glob("*.json"))
    assert len(paths) == 6
    for path in paths:
        check_disjoint(load_pairs(path), load_pairs(data_dir / f"caa/test/{path.stem}.ab.json"))


def test_every_question_file_loads_whole(data_dir: Path) -> None:
    mmlu = sorted((data_dir / "mmlu").glob("*.csv"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DroppedDataWarning)
        sets = [load_questions(path) for path in mmlu]
    assert len(sets) == 24
    n_rows = sum(len(list(csv.reader(io.StringIO(path.read_text("utf-8"), newline="")))) - 1 for path in mmlu)
    dropped = sum(int(str(w.message).split(" records dropped")[0].rsplit(" ", 1)[1]) for w in caught)
    assert sum(map(len, sets)) + dropped == n_rows
    assert 0 < dropped <= 15
    assert {q.subject for each in sets for q in each} == {
        path.stem.rsplit("_", 1)[0].replace("_", " ") for path in mmlu
    }


def test_few_shot_questions_of_mmlu_are_not_among_the_test_questions(data_dir: Path) -> None:
    for subject in ("management", "us_foreign_policy", "world_religions"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DroppedDataWarning)
            test, dev = (load_questions(data_dir / f"mmlu/{subject}_{part}.csv") for part in ("test", "dev"))
        assert len(dev) == 5
        assert len(test.with_exemplars(dev).shots(test[0], 5)) == 5


@pytest.mark.parametrize(
    ("name", "n", "n_choices"),
    [
        ("commonsense/hellaswag.jsonl", 1000, 4),
        ("commonsense/piqa.jsonl", 1838, 2),
        ("truthfulqa/TruthfulQA.csv", 817, 25),
    ],
)
def test_other_question_files_load_whole(data_dir: Path, name: str, n: int, n_choices: int) -> None:
    questions = load_questions(data_dir / name)
    assert len(questions) == n
    assert questions.n_choices <= n_choices
    assert all(question.right[0] == question.answer for question in questions)


def test_passages_and_requests_are_texts(data_dir: Path) -> None:
    with pytest.warns(DroppedDataWarning, match="2 records dropped, 5151 kept"):
        assert len(load_texts(data_dir / "commonsense/lambada_test.jsonl")) == 5151
    assert len(load_texts(data_dir / "refusal_direction/harmful_val.json")) > 10
