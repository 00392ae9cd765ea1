"""``pysteer sweep``, and ``--format`` and ``--seed`` of the commands that read pairs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import pysteer


@pytest.fixture(scope="module")
def told_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sweep") / "told.jsonl"
    rows = [{"prompt": f"Tell {k}.", "positive": f"Gladly {k}", "negative": f"No {k}"} for k in range(12)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_table_and_figure_are_written_and_agree_with_json(run, chat_model: Path, told_file: Path, tmp_path) -> None:
    table, figure = tmp_path / "table.csv", tmp_path / "sweep.png"
    arguments = ("sweep", chat_model, told_file, "--layers", "1,2", "--seed", 4, "--token", "last")
    outcome = run(*arguments, "-o", table, "--figure", figure, "--json")
    facts = outcome.json
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [int(row["layer"]) for row in rows] == [1, 2]
    assert [float(row["steerability"]) for row in rows] == [row["steerability"] for row in facts["rows"]]
    assert facts["best"] in facts["rows"]
    assert (facts["n_train"], facts["best"]["n"], facts["test"]["n"]) == (5, 2, 5)
    assert figure.is_file()
    assert figure.with_suffix(".svg").is_file()


def test_settings_of_training_and_test_are_independent(run, chat_model: Path, told_file: Path, tmp_path) -> None:
    arguments = ("sweep", chat_model, told_file, "--layers", "2", "--token", "last", "-o", tmp_path / "t.csv", "--json")
    personas = ("--positive-persona", "You are glad.", "--negative-persona", "You are sad.", "--default-system", "Hm.")
    found = {
        (train, test): run(*arguments, *personas, "--setting", train, "--test-setting", test).json
        for train in ("base", "sys+")
        for test in ("base", "user-")
    }
    same = run(*arguments, *personas, "--setting", "sys+").json
    assert run(*arguments, *personas, "--setting", "sys+", "--test-setting", "sys+").json == same
    norms = {key: facts["rows"][0]["norm"] for key, facts in found.items()}
    assert norms["base", "base"] == norms["base", "user-"] != norms["sys+", "base"] == norms["sys+", "user-"]
    slopes = {facts["test"]["steerability"] for facts in found.values()}
    assert len(slopes) == 4


def test_shares_that_leave_nothing_to_test_on_are_refused(run, chat_model: Path, told_file: Path, tmp_path) -> None:
    outcome = run("sweep", chat_model, told_file, "-o", tmp_path / "t.csv", "--train", 0.8, "--validation", 0.2)
    assert outcome.code == 1
    assert "leave something to test on" in " ".join(outcome.err.split())


def test_a_control_takes_a_seed_and_says_so_without(run, chat_model: Path, told_file: Path, tmp_path) -> None:
    vector = tmp_path / "random.gguf"
    outcome = run("extract", chat_model, told_file, "--method", "random", "-o", vector)
    assert outcome.code == 1
    assert "give a seed (--seed)" in " ".join(outcome.err.split())
    assert run("extract", chat_model, told_file, "--method", "random", "--seed", 3, "-o", vector).code == 0
    assert pysteer.load_vector(vector).provenance.seed == 3


def test_a_format_can_be_named(run, chat_model: Path, tmp_path) -> None:
    data = tmp_path / "entries.json"
    data.write_text(json.dumps([{"positive": f"I am glad {k}", "negative": f"I am sad {k}"} for k in range(3)]))
    arguments = ("extract", chat_model, data, "-o", tmp_path / "v.gguf")
    assert run(*arguments).code == 0
    assert run(*arguments, "--format", "repeng").code == 0
    outcome = run(*arguments, "--format", "repng")
    assert outcome.code == 1
    assert "did you mean 'repeng'" in " ".join(outcome.err.split())


@pytest.mark.parametrize(("kind", "name"), [("formats", "mwe_persona"), ("vector-formats", "safetensors")])
def test_formats_are_listed(run, kind: str, name: str) -> None:
    assert name in [entry["name"] for entry in run("list", kind, "--json").json]
