"""Scores: a number never travels without what it takes to believe it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.score import Score

FIELDS: dict[str, Any] = {
    "name": "steerability",
    "value": 1.0,
    "low": 0.5,
    "high": 1.5,
    "n": 2,
    "unit": "nats",
    "better": "higher",
    "per_example": [0.5, 1.5],
    "seed": 0,
    "model_hash": "aa",
    "data_hash": "bb",
}


def test_json_gives_back_every_field() -> None:
    score = Score(**FIELDS, failures=3)
    assert Score.from_dict(json.loads(json.dumps(score.to_dict()))) == score
    assert score.to_dict() == {**FIELDS, "failures": 3}


def test_numpy_numbers_become_plain_ones() -> None:
    score = Score(**{**FIELDS, "value": np.float32(1.0), "per_example": np.array([0.5, 1.5], np.float32)})
    assert json.loads(json.dumps(score.to_dict()))["value"] == 1.0


def test_examples_are_a_read_only_copy() -> None:
    given = np.array([0.5, 1.5])
    score = Score(**{**FIELDS, "per_example": given})
    given[:] = 0.0
    assert score.per_example.tolist() == [0.5, 1.5]
    with pytest.raises(ValueError, match="read-only"):
        score.per_example[0] = 0.0


def test_the_printed_score_has_interval_unit_and_n() -> None:
    assert str(Score(**FIELDS)) == "steerability 1 [0.5, 1.5] nats, n=2"


def test_scores_differ_where_a_field_differs() -> None:
    score = Score(**FIELDS)
    assert dataclasses.replace(score) == score
    assert dataclasses.replace(score, data_hash="cc") != score
    assert score != 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.nan}, "value: expected a finite number"),
        ({"high": np.inf}, "high: expected a finite number"),
        ({"low": 2.0}, "ends at 1.5, before its begin 2.0"),
        ({"better": "larger"}, "better: expected one of"),
        ({"n": 0, "per_example": []}, "at least one"),
        ({"n": 3}, "expected 3 finite numbers"),
        ({"per_example": [0.5, np.nan]}, "expected 2 finite numbers"),
        ({"failures": -1}, "failures: expected a count"),
    ],
)
def test_a_score_that_could_not_be_believed_is_a_measurement_error(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        Score(**{**FIELDS, **change})


@pytest.mark.parametrize("change", [{"colour": "red"}, {"seed": ...}])
def test_a_dict_with_other_fields_is_a_measurement_error(change: dict[str, Any]) -> None:
    values = {name: value for name, value in {**FIELDS, **change}.items() if value is not ...}
    with pytest.raises(MeasurementError, match="missing or unknown"):
        Score.from_dict(values)
