"""``pysteer card`` and what ``pysteer inspect`` shows of it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from pysteer.card import VectorCard, battery, presets
from pysteer.card.presets import Preset
from pysteer.vector_file import load_vector


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Preset("quick", 4, 3, 4, 2, (-1.0, 0.0, 1.0, 2.0, 3.0), (-1.5, 0.0, 1.5), False)
    monkeypatch.setitem(presets.PRESETS, "quick", small)


@pytest.fixture
def own_vector(vector_file: Path, tmp_path: Path) -> Path:
    path = tmp_path / "good.gguf"
    path.write_bytes(vector_file.read_bytes())
    return path


@pytest.fixture
def held_out_file(tmp_path: Path) -> Path:
    rows = [
        {"prompt": f"How was week {i}?", "positive": f" Fine, {i} times.", "negative": f" Poor, {i} times."}
        for i in range(5)
    ]
    path = tmp_path / "held out.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_card_page_json_figures_and_short_form_are_written(
    run, chat_model: Path, own_vector: Path, held_out_file: Path, pairs_file: Path, tmp_path: Path
) -> None:
    before = {site: d.tobytes() for site, d in load_vector(own_vector).directions.items()}
    data = ("--data", held_out_file, "--train", pairs_file)
    out = ("-o", tmp_path / "card.html", "--json", tmp_path / "card.json", "--figures", tmp_path / "figures")
    outcome = run("card", own_vector, chat_model, *data, *out, "--write-into-vector", "--threads", 1)
    assert outcome.code == 0, outcome.err
    assert "Does it steer?" in outcome.out
    assert "cells to compute" in outcome.err
    card = VectorCard.load(tmp_path / "card.json")
    assert (card.data.n, card.data.n_in_file) == (4, 5)
    assert card.training.startswith("checked: no item")
    assert card.model.hash == hashlib.sha256(chat_model.read_bytes()).hexdigest()
    page = (tmp_path / "card.html").read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert card.vector.directions_hash in page
    assert {"violins.svg", "violins.png", "trade_off.svg"} <= {path.name for path in (tmp_path / "figures").iterdir()}
    assert not list(tmp_path.glob(".*sqlite*"))
    assert {site: d.tobytes() for site, d in load_vector(own_vector).directions.items()} == before

    shown = run("inspect", own_vector, "--json").json
    assert shown["card"]["model_hash"] == card.model.hash
    assert shown["card"]["steerability"]["value"] == card.behaviour.steerability.value
    assert shown["directions_sha256"] == card.vector.directions_hash
    table = run("inspect", own_vector).out
    assert "Does it steer?" in table
    assert "steerability" in table


def test_inspect_shows_a_vector_without_a_card(run, vector_file: Path) -> None:
    out = run("inspect", vector_file).out
    assert "mean_difference" in out
    assert "--write-into-vector" in out
    assert run("inspect", vector_file, "--json").json["card"] is None


def test_ctrl_c_says_how_to_go_on_and_the_same_command_does(
    run, chat_model: Path, own_vector: Path, held_out_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("card", own_vector, chat_model, "--data", held_out_file, "-o", tmp_path / "card.html", "--threads", 1)
    whole = battery.run_units

    def interrupted(subject, units, store, progress) -> None:
        whole(subject, units[:2], store, progress)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(battery, "run_units", interrupted)
        outcome = run(*command)
    assert outcome.code == 130
    assert "the same command goes on" in outcome.err
    assert (tmp_path / ".card.html.cells.sqlite").is_file()
    again = run(*command)
    assert again.code == 0
    n_left, n_cells = map(int, re.search(r"(\d+) of (\d+) cells to compute", again.err).groups())
    assert 0 < n_left < n_cells
    assert not list(tmp_path.glob(".*sqlite*"))


def test_the_training_data_are_refused_in_a_sentence(run, chat_model: Path, own_vector: Path, pairs_file: Path) -> None:
    assert "held-out" in run("card", own_vector, chat_model, "--data", pairs_file).sentence


def test_a_vector_from_elsewhere_needs_data(run, chat_model: Path, own_vector: Path) -> None:
    assert "--data" in run("card", own_vector, chat_model).usage_error


def test_a_page_in_a_missing_folder_is_refused_before_anything_is_measured(
    run, chat_model: Path, own_vector: Path, held_out_file: Path, tmp_path: Path
) -> None:
    outcome = run("card", own_vector, chat_model, "--data", held_out_file, "-o", tmp_path / "none" / "card.html")
    assert "there is no folder" in outcome.sentence


def test_a_guard_below_one_is_refused(run, chat_model: Path, own_vector: Path, held_out_file: Path) -> None:
    assert "above 1" in run("card", own_vector, chat_model, "--data", held_out_file, "--guard", 0.9).sentence
