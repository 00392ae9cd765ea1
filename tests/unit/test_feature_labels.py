"""Labels of features: what was saved comes back, they are searched by word, and broken files are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.feature_labels import Example, FeatureLabel, FeatureLabels, load_labels, save_labels
from pysteer.errors import DataError
from pysteer.provenance import Provenance


def example(value: float, token: str) -> Example:
    return Example(value, "She was", token, " \N{SNOWMAN} today", 3, 7)


LABELS = FeatureLabels(
    "d" * 64,
    "m" * 64,
    1000,
    (
        FeatureLabel(0, 0.25, 1.5, (example(3.0, " happy"), example(2.5, " glad"), example(2.0, " happy"))),
        FeatureLabel(1, 0.0, 0.0, ()),
        FeatureLabel(2, 0.5, 1.0, (example(9.0, " unhappy"),)),
    ),
)


def test_saving_and_loading_gives_the_same_labels(tmp_path: Path) -> None:
    save_labels(LABELS, tmp_path / "labels.json")
    assert load_labels(tmp_path / "labels.json") == LABELS
    assert [file.name for file in tmp_path.iterdir()] == ["labels.json"]


def test_words_and_search_and_dead_features() -> None:
    assert LABELS[0].words == ("happy", "glad")
    assert [label.feature for label in LABELS.search("happy")] == [0, 2]
    assert LABELS.search("sad") == ()
    assert LABELS.n_dead == 1
    with pytest.raises(DataError, match="run from 0 to 2"):
        LABELS[3]


def test_labels_of_another_dictionary_are_refused() -> None:
    rows = np.eye(3, dtype=np.float32)
    one = SparseDictionary(rows, np.zeros(3), rows, np.zeros(3), "relu", Provenance("example"))
    with pytest.raises(DataError, match="label it again"):
        LABELS.check_belongs(one)
    FeatureLabels(one.content_hash, "m", 1, ()).check_belongs(one)
    other = SparseDictionary(rows, np.ones(3), rows, np.zeros(3), "relu", Provenance("example"))
    assert other.content_hash != one.content_hash


def changed(**changes: Any) -> str:
    return json.dumps({**LABELS.to_dict(), **changes})


FEATURES = LABELS.to_dict()["features"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a JSON file"),
        ("[" * 100_000, "expected a JSON file"),
        ("[]", "expected the format"),
        (changed(version=2), "version 1"),
        (changed(features={}), "expected a list 'features'"),
        (changed(n_tokens="many"), "'n_tokens' as int"),
        (changed(n_tokens=True), "'n_tokens' as int"),
        (changed(model_hash=None), "'model_hash' as str"),
        (changed(features=[FEATURES[1]]), "feature 0: expected an object whose feature is 0"),
        (changed(features=[{**FEATURES[0], "examples": 3}]), "feature 0: expected a list 'examples'"),
        (changed(features=[{**FEATURES[0], "examples": [3]}]), "feature 0: expected 'value' as float"),
        (changed(features=[{**FEATURES[0], "frequency": "often"}]), "'frequency' as float"),
    ],
    ids=range(12),
)
def test_files_that_hold_no_labels_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        load_labels(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"labels\.json"):
        load_labels(tmp_path / "labels.json")
