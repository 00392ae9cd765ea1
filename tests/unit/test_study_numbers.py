"""Numbers of studies: no row without n, interval, seed and hashes; verdict rules; tables for readers."""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import pytest
from toy_study import ToyStudy

from pysteer.errors import MeasurementError
from pysteer.score import Score
from pysteer.statistics import bootstrap_mean
from pysteer.store import RunStore
from pysteer.studies import StudyContext
from pysteer.studies.claims import Above, Below, Claim, Within
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.run import make_context
from pysteer.studies.running import run_parts
from pysteer.studies.study_files import write_study
from pysteer.studies.study_page import pivoted

HASH = "0" * 64
ORIGIN = Origin(0, HASH, HASH)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "toy-model.gguf"
    path.write_bytes(b"not a model: the toy never loads it")
    return path


def context_of(model: Path, *, preset: str = "quick", seed: int = 0) -> StudyContext:
    return make_context(ToyStudy(), [model], preset=preset, seed=seed)


def row(value: float, low: float, high: float, n: int = 10) -> Row:
    return Row({"model": "toy"}, "mean", value, low, high, n, "toys", ORIGIN)


# Rows


@pytest.mark.parametrize(
    "change",
    [
        {"n": 0},
        {"low": 2.0},
        {"value": math.inf},
        {"low": math.nan},
        {"value": math.nan, "low": math.nan, "high": math.nan},
        {"origin": Origin(0, "", HASH)},
        {"origin": Origin(0, HASH, "f00")},
        {"origin": Origin(None, HASH, HASH)},
        {"labels": {"seed": 3}},
        {"quantity": ""},
        {"failures": -1},
    ],
)
def test_no_row_without_n_interval_seed_and_hashes(change: dict[str, object]) -> None:
    fields = {
        "labels": {},
        "quantity": "q",
        "value": 1.0,
        "low": 0.0,
        "high": 1.5,
        "n": 3,
        "unit": "",
        "origin": ORIGIN,
    }
    Row(**fields)  # type: ignore[arg-type]
    with pytest.raises(MeasurementError):
        Row(**{**fields, **change})  # type: ignore[arg-type]


def test_every_number_of_a_written_study_has_n_interval_seed_and_hashes(tmp_path: Path, model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    with RunStore(None) as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    files = write_study(tmp_path / "out", study, context, analysis, command="pysteer study toy", n_parts=5)
    tables = [path for path in files if path.suffix == ".csv"]
    assert len(tables) == 2
    for path in tables:
        with path.open(newline="") as file:
            records = list(csv.DictReader(file))
        assert records
        for record in records:
            check_record(record, context)
    assert {path.suffix for path in files} >= {".html", ".csv", ".svg", ".png"}


def check_record(record: dict[str, str], context: StudyContext) -> None:
    if not record["value"]:
        assert record["note"]
        assert not record["low"]
        assert not record["high"]
    else:
        assert float(record["low"]) <= float(record["high"])
        assert int(record["n"]) >= 1
    assert int(record["seed"]) == context.seed
    assert record["model_hash"] == context.models[0].hash
    assert re.fullmatch("[0-9a-f]{64}", record["data_hash"])


def test_rows_are_made_of_scores_and_intervals() -> None:
    interval = bootstrap_mean([1.0, 2.0, 3.0], seed=0)
    made = row_of(interval, ORIGIN, quantity="mean", unit="toys", labels={"model": "toy"})
    assert (made.value, made.low, made.high, made.n) == (2.0, interval.low, interval.high, 3)
    score = Score("steerability", 1.0, 0.5, 1.5, 2, "nats", "higher", [0.5, 1.5], 0, HASH, HASH, failures=1)
    assert row_of(score, ORIGIN, labels={"model": "toy"}).record()["failures"] == 1
    nothing = no_number(ORIGIN, "mean", "one data set only.", labels={"model": "toy"})
    assert nothing.record()["value"] is None
    assert nothing.note == "one data set only"


def test_a_table_with_unlike_labels_has_all_columns() -> None:
    table = ResultTable(
        "t", "E99", "caption", (row(1.0, 0.0, 2.0), no_number(ORIGIN, "mean", "why", labels={"group": 3}))
    )
    header, first, second = table.to_csv().splitlines()
    assert header.startswith("model,group,quantity,value,low,high,n,unit,seed,model_hash,data_hash")
    assert first.startswith("toy,,mean,1.0")
    assert second.startswith(",3,mean,,,")
    assert joined_hash([HASH]) == HASH != joined_hash([HASH, HASH])


# Verdicts


@pytest.mark.parametrize(
    ("rule", "low", "high", "outcome"),
    [
        (Above(0.0), 0.1, 0.5, "confirmed"),
        (Above(0.0), -0.5, -0.1, "refuted"),
        (Above(0.0), -0.1, 0.5, "inconclusive"),
        (Above(0.0), 0.0, 0.5, "inconclusive"),
        (Below(1.0), 0.1, 0.9, "confirmed"),
        (Below(1.0), 1.1, 1.9, "refuted"),
        (Below(1.0), 0.9, 1.1, "inconclusive"),
        (Within(40.0, 160.0), 60.0, 100.0, "confirmed"),
        (Within(40.0, 160.0), 170.0, 200.0, "refuted"),
        (Within(40.0, 160.0), 10.0, 100.0, "inconclusive"),
    ],
)
def test_rules_look_at_the_whole_interval(rule: Above | Below | Within, low: float, high: float, outcome: str) -> None:
    claim = Claim("C", "E99", "A sentence.", "mean", rule)
    verdict = claim.judge(row((low + high) / 2, low, high))
    assert verdict.outcome == outcome
    assert rule.words in verdict.reason


def test_too_few_units_and_no_number_decide_nothing() -> None:
    claim = Claim("C", "E99", "A sentence.", "mean", Above(0.0), n_min=5)
    assert claim.judge(row(1.0, 0.9, 1.1, n=4)).outcome == "inconclusive"
    assert "one data set only" in claim.judge(no_number(ORIGIN, "mean", "one data set only", labels={})).reason


def test_the_toy_is_judged_by_its_claims(model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    with RunStore(None) as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    found = {verdict.claim: verdict.outcome for verdict in study.verdicts(analysis)}
    assert found == {"T1": "confirmed", "T2": "refuted", "T3": "inconclusive"}


def test_tables_for_readers_have_a_row_for_each_label_and_a_column_for_each_quantity() -> None:
    def of(group: int, quantity: str, unit: str = "nats") -> Row:
        return Row({"model": "toy", "group": group}, quantity, 1.0, 0.0, 2.0, 3, unit, ORIGIN)

    table = pivoted(ResultTable("t", "E99", "caption", (of(0, "slope"), of(0, "part", "share"), of(1, "slope"))))
    assert table.columns == ["group", "slope (nats)", "part"]
    assert [row[0] for row in table.rows] == ["0", "1"]
    assert table.rows[1][2] == ""
    single = pivoted(ResultTable("t", "E99", "caption", (of(0, "slope"), of(0, "part", "share"))))
    assert single.columns == ["", "toy"]
    assert [row[0] for row in single.rows] == ["slope", "part"]
