"""Studies end to end on a trained model and public data, in the smallest preset: what CI can afford."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pysteer.cli import main


def run(*arguments: object) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    assert left.value.code == 0


def test_reliability_runs_on_public_questionnaires(
    tinytalk_f32: Path,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "cache"))
    model = ("--model", tinytalk_f32, "--data", data_dir, "--threads", 1)
    run("study", "reliability", *model, "--preset", "smoke", "-o", tmp_path, "--json")
    verdicts = json.loads(capsys.readouterr().out)["reliability"]["verdicts"]
    found = {verdict["claim"]: verdict for verdict in verdicts}
    assert found["C1.4a"]["shift"] == "USER_POS to USER_NEG"  # its chat template has no system message
    assert found["C1.8b"]["value"] > 0.9  # its weights were 4-bit before they were made f32
    assert "P1" not in found
    folder = tmp_path / "reliability"
    with (folder / "tables" / "per_sample.csv").open(newline="", encoding="utf-8") as file:
        names = {record["questionnaire"] for record in csv.DictReader(file)}
    assert len(names) == 4
    html = (folder / "report.html").read_text("utf-8")
    assert html.count("<svg") == len(list((folder / "figures").glob("*.svg"))) >= 6
