"""``pysteer evaluate`` over a grid, with a store; ``pysteer runs``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import pysteer
from pysteer.evaluation_table import COLUMNS
from pysteer.measurements import measurements

FEW = ("--coefficients=-1,0,1", "--threads", 1)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "book.txt"
    path.write_text("The thing in the hand was a ring. " * 12, "utf-8")
    return path


@pytest.fixture(scope="module")
def second_vector(vector_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "less.gguf"
    pysteer.save_vector(0.5 * pysteer.load_vector(vector_file), path)
    return path


def test_a_grid_is_a_table_of_all_combinations(
    run, chat_model: Path, vector_file: Path, second_vector: Path, letters_file: Path, text_file: Path, tmp_path: Path
) -> None:
    arguments = (
        *("evaluate", chat_model, vector_file, second_vector, "--data", letters_file, "--data", text_file),
        *("--metrics", "steerability,perplexity:window_size=64", "--layers", "each", *FEW),
        *("--store", tmp_path / "runs.sqlite", "--csv", tmp_path / "table.csv", "--json"),
    )
    first = run(*arguments)
    rows = first.json["rows"]
    assert {row["vector"] for row in rows} == {"", "good", "less"}
    assert {row["layers"] for row in rows} == {"", "1", "2", "3"}
    assert {row["data"] for row in rows if row["measurement"] == "perplexity:window_size=64"} == {"letters", "book"}
    assert "cells to compute" in first.err
    written = (tmp_path / "table.csv").read_bytes()
    assert next(csv.DictReader(written.decode().splitlines())).keys() == set(COLUMNS)
    again = run(*arguments)
    assert "0 of" in again.err
    assert again.json == first.json
    assert (tmp_path / "table.csv").read_bytes() == written


def test_the_contracts_numbers_stand_beside_the_rows(
    run, chat_model: Path, vector_file: Path, letters_file: Path
) -> None:
    facts = run("evaluate", chat_model, vector_file, letters_file, *FEW, "--json").json
    slope = next(row for row in facts["rows"] if row["metric"] == "steerability")
    assert {"steerability", "low", "high", "n", "anti_steerable", "per_example"} <= facts.keys()
    assert (facts["steerability"], facts["n"]) == (slope["value"], slope["n"])
    assert len(facts["propensities"]) == 6
    assert len(facts["propensities"][0]) == 3


def test_settings_are_an_axis(run, chat_model: Path, vector_file: Path, letters_file: Path) -> None:
    personas = ("--positive-persona", "You are odd.", "--negative-persona", "You are even.")
    rows = run(
        *("evaluate", chat_model, vector_file, letters_file, *FEW, *personas, "--setting", "base"),
        *("--setting", "sys+", "--setting", "user-", "--json"),
    ).json["rows"]
    slopes = {row["setting"]: row["value"] for row in rows if row["metric"] == "steerability"}
    assert list(slopes) == ["BASE", "SYS_POS", "USER_NEG"]
    assert len(set(slopes.values())) == 3


def test_a_table_is_printed_with_what_differs(
    run, chat_model: Path, vector_file: Path, letters_file: Path, text_file: Path
) -> None:
    out = run(
        *("evaluate", chat_model, vector_file, "--data", letters_file, "--data", text_file, *FEW),
        *("--metrics", "steerability", "--metrics", "perplexity:window_size=64"),
    ).out
    head = out.splitlines()[0].split()
    assert head[:4] == ["vector", "layers", "operation", "window"]
    assert "setting" not in head
    assert "kl_divergence" in out


def test_a_dry_run_computes_nothing(
    run, chat_model: Path, vector_file: Path, letters_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    arguments = ("evaluate", chat_model, vector_file, letters_file, *FEW, "--store", store, "--dry-run")
    assert "3 of 3 cells to compute" in run(*arguments).out
    facts = run(*arguments, "--json").json
    assert (facts["n_cells"], facts["n_stored"]) == (3, 0)
    assert facts["seconds"] > 0
    assert run("runs", store, "--json").json == []


def test_vectors_of_one_name_are_told_apart_by_their_folders(
    run, chat_model: Path, vector_file: Path, second_vector: Path, letters_file: Path, tmp_path: Path
) -> None:
    for folder, source in (("a", vector_file), ("b", second_vector)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "v.gguf").write_bytes(source.read_bytes())
    files = (tmp_path / "a" / "v.gguf", tmp_path / "b" / "v.gguf")
    rows = run("evaluate", chat_model, *files, letters_file, *FEW, "--json").json["rows"]
    assert {row["vector"] for row in rows} == {"", "a/v", "b/v"}
    assert "given twice" in run("evaluate", chat_model, files[0], files[0], letters_file, *FEW).usage_error


def test_data_that_the_vector_was_extracted_from_is_marked_or_refused(
    run, chat_model: Path, vector_file: Path, pairs_file: Path, letters_file: Path
) -> None:
    both = ("evaluate", chat_model, vector_file, "--data", pairs_file, "--data", letters_file, *FEW)
    rows = run(*both, "--json").json["rows"]
    marked = {row["data"]: row["is_training_data"] for row in rows if row["vector"]}
    assert marked == {"good and bad": True, "letters": False}
    assert "extracted from this data" in run(*both).out
    assert "share a prompt" in run(*both, "--train", pairs_file).sentence


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--metrics", "steerabilty"), "did you mean 'steerability'?"),
        (("--metrics", "perplexity:size=4"), "no setting 'size'"),
        (("--setting", "sys+"), "--positive-persona"),
        (("--store", "/no/such/folder/runs.sqlite"), "no folder"),
        (("--csv", "/no/such/folder/table.csv"), "no folder"),
    ],
)
def test_wrong_options_are_one_sentence(
    run, chat_model: Path, vector_file: Path, letters_file: Path, options: tuple[str, ...], expected: str
) -> None:
    assert expected in run("evaluate", chat_model, vector_file, letters_file, *options).sentence


def test_missing_data_are_one_sentence(run, chat_model: Path, vector_file: Path) -> None:
    assert "nowhere.jsonl" in run("evaluate", chat_model, vector_file, "nowhere.jsonl").sentence


def test_one_file_is_a_usage_error(run, chat_model: Path, vector_file: Path) -> None:
    assert "got one file" in run("evaluate", chat_model, vector_file).usage_error


def test_a_store_that_is_none_is_left_alone(
    run, chat_model: Path, vector_file: Path, letters_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "notes.sqlite"
    other.write_text("my notes", "utf-8")
    assert "no run store" in run("evaluate", chat_model, vector_file, letters_file, *FEW, "--store", other).sentence
    assert "no run store" in run("runs", other).sentence
    assert other.read_text("utf-8") == "my notes"


def test_ctrl_c_says_how_to_go_on(
    run, chat_model: Path, vector_file: Path, letters_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pysteer.evaluation_grid.run_units", interrupted)
    arguments = ("evaluate", chat_model, vector_file, letters_file, *FEW)
    without, kept = run(*arguments), run(*arguments, "--store", tmp_path / "runs.sqlite")
    assert (without.code, kept.code) == (130, 130)
    assert "nothing was kept" in without.err
    assert "run the same command again to go on" in kept.err


def test_runs_lists_and_exports_what_was_measured(
    run, chat_model: Path, vector_file: Path, letters_file: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    run("evaluate", chat_model, vector_file, letters_file, *FEW, "--store", store)
    rows = run("runs", store, "--json").json
    assert len(rows) == 3
    assert {row["steering"].split()[0] for row in rows} == {"none", "-1", "+1"}
    assert {row["data"] for row in rows} == {"letters"}
    out = run("runs", store, "--csv", tmp_path / "list.csv", "-o", tmp_path / "cells.jsonl").out
    assert "3 results in" in out
    assert len((tmp_path / "list.csv").read_text("utf-8").splitlines()) == 4
    cells = [json.loads(line) for line in (tmp_path / "cells.jsonl").read_text("utf-8").splitlines()]
    assert {cell["key"] for cell in cells} == {row["key"] for row in rows}
    assert all(len(cell["values"]["propensity"]) == 6 for cell in cells)
    assert run("runs", store, "--measurement", "perplexity", "--json").json == []


def test_measurements_can_be_listed(run) -> None:
    assert tuple(entry["name"] for entry in run("list", "measurements", "--json").json) == measurements.names()
