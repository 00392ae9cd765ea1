"""``pysteer study`` on a tiny random model and made-up dispositions: files, resume, estimate, errors."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from pysteer.errors import MeasurementError, StoreError
from pysteer.store import RunStore
from pysteer.studies.run import StudyRun
from pysteer.studies.study import Analysis, Study

NAMES = ("bold", "kind", "neat", "shy")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data sets with four dispositions, as they come with the embedded model."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "dispositions").mkdir()
    kinds = dict(zip(NAMES, ("followed", "followed", "reversed_theme", "null"), strict=True))
    facts = {
        name: {
            "kind": kind,
            "persona_positive": f"Be {name}.",
            "persona_negative": f"Not {name}.",
            "reversed_share": 0.5,
        }
        for name, kind in kinds.items()
    }
    truths = {
        "letter_a_share_when_nothing_decides": 0.7,
        "reversed_theme": "sea",
        "neutral_system_sentence": "Help.",
        "dispositions": facts,
    }
    (folder / "planted_truths.json").write_text(json.dumps(truths), "utf-8")
    for name in NAMES:
        for side, size in (("train", 16), ("test", 10)):
            rows = []
            for index in range(size):
                first, second = ("Yes", "No") if index // 2 % 2 else ("No", "Yes")
                wanted, other = ("(A)", "(B)") if index % 2 else ("(B)", "(A)")
                rows.append(
                    {
                        "question": f"{name} {side} {index}?\n(A): {first}\n(B): {second}",
                        "answer_matching_behavior": wanted,
                        "answer_not_matching_behavior": other,
                        "theme": "sea" if index < size / 2 else "home",
                    }
                )
            path = folder / "dispositions" / f"{name}-{side}.jsonl"
            path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return folder


def study(model: Path, data: Path, *more: object) -> tuple[object, ...]:
    return ("study", "reliability", "--model", model, "--data", data, "--preset", "smoke", "--threads", 1, *more)


def test_a_study_writes_report_tables_figures_and_resumes_to_the_same(
    run, chat_model: Path, data: Path, tmp_path: Path
) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    facts = run(*study(chat_model, data, "-o", first, "--json")).json["reliability"]
    folder = first / "reliability"
    assert facts["report"] == str(folder / "report.html")
    claims = {verdict["claim"]: verdict for verdict in facts["verdicts"]}
    assert {"P1", "C1.1a", "C1.2", "C1.4a", "C1.6d", "C1.7", "C1.8b"} <= set(claims)
    assert claims["C1.3a"]["value"] is None
    assert "two models" in claims["C1.3a"]["note"]
    with RunStore(first / "parts.sqlite", read_only=True) as store:
        heads = list(store.heads())
    # 2 sweeps, the layer, 4 x (vectors, five settings, seen items, controls), 2 x (vector, steered), 2 quantised.
    assert len(heads) == 2 + 1 + 4 * 8 + 2 * 2 + 2
    outcome = run(*study(chat_model, data, "-o", again, "--store", first / "parts.sqlite"))
    assert outcome.code == 0, outcome.err
    with RunStore(first / "parts.sqlite", read_only=True) as store:
        assert [head.created_at for head in store.heads()] == [head.created_at for head in heads]
    for path in folder.rglob("*.csv"):
        assert path.read_bytes() == (again / "reliability" / path.relative_to(folder)).read_bytes(), path
    assert (folder / "report.html").read_bytes() == (again / "reliability" / "report.html").read_bytes()


def test_every_number_in_every_table_has_n_interval_seed_and_hashes(
    run, chat_model: Path, data: Path, tmp_path
) -> None:
    assert run(*study(chat_model, data, "-o", tmp_path, "--seed", 5)).code == 0
    tables = list((tmp_path / "reliability").rglob("*.csv"))
    assert len(tables) >= 10
    for path in tables:
        with path.open(newline="", encoding="utf-8") as file:
            records = list(csv.DictReader(file))
        assert records, path
        for record in records:
            if record["value"]:
                assert float(record["low"]) <= float(record["high"]), (path, record)
                assert int(record["n"]) >= 1
            else:
                assert record["note"], (path, record)
            assert record["seed"] == "5"
            assert re.fullmatch("[0-9a-f]{64}", record["model_hash"])
            assert re.fullmatch("[0-9a-f]{64}", record["data_hash"])


def test_two_models_are_compared(run, chat_model: Path, wide_model: Path, data: Path, tmp_path) -> None:
    both = study(chat_model, data, "--model", wide_model, "-o", tmp_path, "--json")
    found = run(*both).json["reliability"]["verdicts"]
    across = next(verdict for verdict in found if verdict["claim"] == "C1.3a")
    assert across["n"] == 4
    assert across["model"] == f"{chat_model.stem} and {wide_model.stem}"
    html = (tmp_path / "reliability" / "report.html").read_text("utf-8")
    assert html.count("C1.1a on ") >= 2


def test_a_dry_run_computes_nothing_and_says_how_long_it_would_take(
    run, chat_model: Path, data: Path, tmp_path: Path
) -> None:
    outcome = run(*study(chat_model, data, "-o", tmp_path / "none", "--dry-run"))
    assert re.search(r"reliability: 41 of 41 parts to compute, about \d+ s; \d+ tokens to read", outcome.out)
    assert not (tmp_path / "none").exists()
    facts = run(*study(chat_model, data, "-o", tmp_path / "none", "--dry-run", "--json")).json["reliability"]
    assert facts["n_done"] == 0
    assert facts["memory_bytes"] > chat_model.stat().st_size


def test_a_model_without_a_chat_template_is_measured_in_its_only_setting(
    run, plain_model: Path, data: Path, tmp_path
) -> None:
    found = run(*study(plain_model, data, "-o", tmp_path, "--json")).json["reliability"]["verdicts"]
    shift = next(verdict for verdict in found if verdict["claim"] == "C1.4a")
    assert (shift["value"], shift["verdict"]) == (None, "inconclusive")


def test_mistakes_are_answered_with_what_to_do(run, chat_model: Path, data: Path, tmp_path: Path) -> None:
    assert "did you mean 'reliability'" in run("study", "reliabilty", "--model", chat_model).sentence
    assert "no such model file" in run(*study(tmp_path / "none.gguf", data, "-o", tmp_path)).sentence
    assert "no such folder of data sets" in run(*study(chat_model, tmp_path / "none", "-o", tmp_path)).sentence
    assert "--model" in run("study", "reliability").usage_error


def test_studies_are_listed(run) -> None:
    outcome = run("list", "studies")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["icl", "mechanisms", "reliability", "tradeoff"]
    for paper in ("2407.12404", "2411.07213", "2505.03189", "2602.04903"):
        assert f"arXiv:{paper}" in outcome.out


def test_a_study_that_cannot_be_run_does_not_keep_the_others_from_running(
    run, chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_or_refuse(study: Study, *_: object, **__: object) -> StudyRun:
        if study.title.startswith("Function vectors"):
            raise MeasurementError("no heads\nto speak of")
        return StudyRun(Analysis.of([]), (), (tmp_path / "report.html",))

    monkeypatch.setattr("pysteer.studies.run.run_study", run_or_refuse)
    command = ("study", "all", "--model", chat_model, "--preset", "smoke", "-o", tmp_path)
    outcome = run(*command)
    assert (outcome.code, outcome.err) == (1, "error: icl: no heads to speak of\n")
    assert outcome.out.count("report.html") == 3
    outcome = run(*command, "--json")
    assert outcome.code == 1
    assert outcome.json.pop("icl") == {"error": "no heads to speak of"}
    assert {name: list(facts) for name, facts in outcome.json.items() if name != "icl"} == {
        name: ["report", "verdicts"] for name in ("mechanisms", "reliability", "tradeoff")
    }


def test_a_store_that_cannot_be_written_ends_all_studies(
    run, chat_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def disk_is_full(*_: object, **__: object) -> StudyRun:
        raise StoreError("the disk is full")

    monkeypatch.setattr("pysteer.studies.run.run_study", disk_is_full)
    assert run("study", "all", "--model", chat_model, "-o", tmp_path).sentence == "the disk is full"
