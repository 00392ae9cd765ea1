"""All studies end to end in the smallest preset: a trained model with public data, and the embedded model twice."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pysteer.cli import main
from pysteer.studies import studies

NUMBERS = ("value", "low", "high")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, list[dict[str, Any]]]:
    """Run studies in the smallest preset and return their verdicts."""
    with pytest.raises(SystemExit) as left:
        main([str(each) for each in ("study", *arguments, "--preset", "smoke", "--threads", 1, "--json")])
    printed = capsys.readouterr()
    assert left.value.code == 0, printed.err
    return {name: found["verdicts"] for name, found in json.loads(printed.out).items()}


def tables(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.csv"))}


def check_numbers(folder: Path) -> None:
    """Every number has n, interval, seed and hashes; what is no number says why."""
    files = sorted((folder / "tables").glob("*.csv"))
    assert files
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        assert records, path
        for record in records:
            assert record["seed"] == "0"
            assert all(re.fullmatch("[0-9a-f]{64}", record[name]) for name in ("model_hash", "data_hash"))
            if record["value"]:
                value, low, high = (float(record[name]) for name in NUMBERS)
                assert all(map(math.isfinite, (value, low, high))), (path, record)
                assert low <= high, (path, record)
                assert int(record["n"]) >= 1
            else:
                assert record["note"], (path, record)


def check_report(folder: Path) -> None:
    """The report stands alone, holds all figures, and names every claim."""
    html = (folder / "report.html").read_text("utf-8")
    assert html.count("<svg") == len(list((folder / "figures").glob("*.svg"))) >= 2
    assert not re.search(r"""(?:src|href)=["']?https?:""", html.replace('href="https://arxiv.org', ""))
    assert "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(studies))
def test_a_study_runs_on_a_trained_model_and_public_data(
    name: str,
    tinytalk_f32: Path,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "cache"))
    (verdicts,) = run(capsys, name, "--model", tinytalk_f32, "--data", data_dir, "-o", tmp_path).values()
    declared = studies.get(name)
    assert {each["claim"] for each in verdicts} <= {claim.id for claim in declared.claims}
    assert not any(each["claim"].startswith("P") for each in verdicts)  # nothing is planted in it
    check_numbers(tmp_path / name)
    check_report(tmp_path / name)
    if name == "reliability":
        found = {each["claim"]: each for each in verdicts}
        assert found["C1.4a"]["shift"] == "USER_POS to USER_NEG"  # its chat template has no system message
        assert found["C1.8b"]["value"] > 0.9  # its weights were 4-bit before they were made f32


@pytest.mark.slow
def test_all_studies_of_the_embedded_model_give_the_same_tables_again_though_they_are_killed_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYSTEER_DATA", raising=False)  # only what comes with pysteer
    first = run(capsys, "all", "--model", "demo", "-o", tmp_path / "first")
    begun = [kill_at(part, tmp_path / "second") for part in ("mechanisms 5/", "tradeoff 2/")]
    assert any(line.startswith("icl") for line in begun[0])
    assert not any(line.startswith("icl") for line in begun[1])  # what was done before a kill is not done again
    resumed = re.match(r"mechanisms (\d+)/", begun[1][0])
    assert resumed is not None
    assert int(resumed[1]) >= 5  # more, where the killed process was faster than the killing
    second = run(capsys, "all", "--model", "demo", "-o", tmp_path / "second")
    assert first == second
    assert set(first) == set(studies) == {"reliability", "icl", "tradeoff", "mechanisms"}
    assert tables(tmp_path / "first") == tables(tmp_path / "second")
    for name in studies:
        check_numbers(tmp_path / "first" / name)
        check_report(tmp_path / "first" / name)


def kill_at(part: str, folder: Path) -> list[str]:
    """Run all studies in a process of its own, kill it when a part is announced, and return what was announced."""
    announced = []
    command = ("study", "all", "--model", "demo", "--preset", "smoke", "--threads", "1", "-o", str(folder))
    with subprocess.Popen(
        (sys.executable, "-m", "pysteer", *command), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            announced.append(line)
            if line.startswith(part):
                process.kill()
                return announced
    raise AssertionError(f"{part!r} was never announced")
