"""BLiMP and WinoGrande: what their files become, even samples, and what errors say."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.errors import DataError, DroppedDataWarning
from pysteer.formats.blimp import sample_blimp
from pysteer.pair_files import load_pairs
from pysteer.pairs import ContrastPair
from pysteer.question_files import load_questions
from pysteer.questions import Question

BLANK = {"context_options": ["Ann met Eve, so Ann", "Ann met Eve, so Eve"], "continuation": "smiled.", "gold": 1}


def lines(path: Path, records: list[Any]) -> Path:
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in records), "utf-8")
    return path


def pair(paradigm: str, number: int) -> dict[str, Any]:
    good, bad = f"{paradigm} is {number}.", f"{paradigm} are {number}."
    return {"sentence_good": good, "sentence_bad": bad, "UID": paradigm, "pairID": str(number)}


def archive(path: Path, paradigms: dict[str, list[Any]]) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name, records in paradigms.items():
            text = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in records)
            zipped.writestr(f"data/{name}.jsonl", text)
            zipped.writestr(f"__MACOSX/data/._{name}.jsonl", b"\x00\xff")
    return path


def test_a_sentence_has_a_blank_where_two_texts_differ(tmp_path: Path) -> None:
    inside = {**BLANK, "context_options": ["the blank", "the blanket"], "gold": 0}
    longer = {**BLANK, "context_options": ["so Mary", "so Mary Ann"], "continuation": " ran."}
    first = {**BLANK, "context_options": ["He", "She"]}
    found = load_questions(lines(tmp_path / "w.jsonl", [BLANK, inside, longer, first]))
    assert found.questions == (
        Question("Ann met Eve, so _ smiled.", ("Ann", "Eve"), 1),
        Question("the _ smiled.", ("blank", "blanket"), 0),
        Question("so _ ran.", ("Mary", "Mary Ann"), 1),
        Question("_ smiled.", ("He", "She"), 1),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"context_options": ["a", "b", "c"]}, "line 2, context_options: expected two texts, got 3"),
        ({"context_options": "a"}, "line 2, context_options: expected a list of texts"),
        ({"continuation": " "}, "line 2: expected a continuation that is not blank"),
        ({"continuation": "a _ b"}, "no '_' in the texts"),
        ({"gold": 2}, "line 2: answer: expected the number of a choice, 0 to 1, got 2"),
        ({"gold": None}, "line 2, gold: expected the right choice"),
        ({"glod": 1}, "line 2: unknown field 'glod'"),
    ],
)
def test_a_broken_sentence_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = lines(tmp_path / "w.jsonl", [BLANK, {**BLANK, **change}])
    with pytest.raises(DataError, match=message):
        load_questions(path)


def test_two_texts_that_do_not_differ_are_dropped(tmp_path: Path) -> None:
    same = {**BLANK, "context_options": ["so Ann", "so Ann"]}
    with pytest.warns(DroppedDataWarning, match="1 records dropped, 1 kept"):
        assert len(load_questions(lines(tmp_path / "w.jsonl", [BLANK, same]))) == 1


def test_a_paradigm_is_pairs_of_sentences(tmp_path: Path) -> None:
    found = load_pairs(lines(tmp_path / "b.jsonl", [pair("x", 0), pair("x", 1)]))
    assert found.pairs == (ContrastPair("", "x is 0.", "x are 0."), ContrastPair("", "x is 1.", "x are 1."))


def test_a_sample_is_even_over_paradigms_and_the_same_for_the_same_seed(tmp_path: Path) -> None:
    path = archive(tmp_path / "B.zip", {name: [pair(name, k) for k in range(10)] for name in "abcde"})
    found = sample_blimp(path, 13, seed=1)
    counts = Counter(each.positive[0] for each in found)
    assert sorted(counts.values()) == [2, 2, 3, 3, 3]
    assert sample_blimp(path, 13, seed=1) == found
    others = [sample_blimp(path, 3, seed=seed) for seed in range(8)]
    assert all(len({each.positive[0] for each in some}) == 3 for some in others)
    assert len({each.positive[0] for some in others for each in some}) == 5
    assert len(sample_blimp(path, 1000, seed=0)) == 50


def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "B.zip").write_text("no zip")
    with pytest.raises(DataError, match="cannot be read as a zip archive"):
        sample_blimp(tmp_path / "B.zip", 3, seed=0)
    with pytest.raises(DataError, match="cannot be read as a zip archive"):
        sample_blimp(tmp_path / "none.zip", 3, seed=0)
    with pytest.raises(DataError, match="found none"):
        sample_blimp(archive(tmp_path / "C.zip", {}), 3, seed=0)
    with pytest.raises(DataError, match="at least one pair"):
        sample_blimp(tmp_path / "C.zip", 0, seed=0)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("{", "B.zip, data/a.jsonl, line 2: not JSON"),
        ({"sentence_good": "x"}, "B.zip, data/a.jsonl, line 2, sentence_bad: expected text, got nothing"),
        ({"sentence_good": "x", "sentence_bad": 3}, "expected text, got int"),
    ],
)
def test_a_broken_line_of_a_paradigm_is_named(tmp_path: Path, broken: Any, message: str) -> None:
    path = archive(tmp_path / "B.zip", {"a": [pair("a", 0), broken]})
    with pytest.raises(DataError, match=message):
        sample_blimp(path, 2, seed=0)


SAME = {"sentence_good": "Ann sleeps.", "sentence_bad": "Ann sleeps.", "UID": "a"}


def test_pairs_that_say_the_same_twice_are_left_out_and_counted(tmp_path: Path) -> None:
    with pytest.warns(DroppedDataWarning, match=r"2 records dropped, 1 kept: 2 say the same twice \(line 1, line 3\)"):
        found = load_pairs(lines(tmp_path / "b.jsonl", [SAME, pair("x", 0), SAME]))
    assert found.pairs == (ContrastPair("", "x is 0.", "x are 0."),)


def test_for_a_pair_that_says_the_same_twice_another_one_is_drawn(tmp_path: Path) -> None:
    path = archive(tmp_path / "B.zip", {"a": [SAME, *(pair("a", k) for k in range(6)), SAME]})
    n_warned = 0
    for seed in range(8):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert len(sample_blimp(path, 2, seed=seed)) == 2
        n_warned += any(issubclass(each.category, DroppedDataWarning) for each in caught)
    assert 0 < n_warned < 8
    with pytest.warns(DroppedDataWarning, match="2 records dropped, 6 kept"):
        assert len(sample_blimp(path, 8, seed=0)) == 6


def test_a_sample_without_such_pairs_is_the_first_of_the_drawn_order(tmp_path: Path) -> None:
    records = [pair("a", k) for k in range(10)]
    path = archive(tmp_path / "B.zip", {"a": records})
    places = sorted(np.random.default_rng([3, 0]).permutation(10)[:4].tolist())
    found = sample_blimp(path, 4, seed=3)
    assert [each.positive for each in found] == [records[place]["sentence_good"] for place in places]


def test_what_is_joined_to_a_word_has_no_blank_before_it_and_no_word_is_nothing_to_score(tmp_path: Path) -> None:
    texts = ["'s father ran.", ", who ran.", "'so what' she said.", "."]
    path = lines(tmp_path / "w.jsonl", [{**BLANK, "continuation": text} for text in texts])
    with pytest.warns(DroppedDataWarning, match=r"1 have no word behind the blank \(line 4\)"):
        found = load_questions(path)
    begin = "Ann met Eve, so _"
    assert [q.prompt for q in found] == [f"{begin}'s father ran.", f"{begin}, who ran.", f"{begin} 'so what' she said."]
