"""Data files for measurements: what each kind of file becomes, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pysteer.errors import DataError, UnknownNameError
from pysteer.evaluation_axes import data_sets_of, layers_text
from pysteer.evaluation_data import load_data
from pysteer.formats.texts import Texts
from pysteer.measurements.running_text import RunningText
from pysteer.pairs import Dataset
from pysteer.questions import QuestionSet
from pysteer.site import parse_layers

PAIR = {"prompt": "How are you?", "positive": " Well.", "negative": " Ill."}


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_a_file_becomes_what_it_holds(tmp_path: Path) -> None:
    pairs = load_data(write(tmp_path / "pairs.jsonl", json.dumps(PAIR)))
    texts = load_data(write(tmp_path / "texts.json", json.dumps(["One text.", "Another."])))
    book = load_data(write(tmp_path / "book.txt", "It was a dark night.\n"))
    questions = load_data(write(tmp_path / "a_test.csv", "Is it?,Yes,No,Never,Once,A\nWho?,He,She,They,None,B\n"))
    assert [type(data) for data in (pairs, texts, book, questions)] == [Dataset, Texts, RunningText, QuestionSet]
    assert [len(data) for data in (pairs, texts, book, questions)] == [1, 2, 1, 2]
    assert [data.name for data in (pairs, texts, book)] == ["pairs", "texts", "book"]
    assert book == RunningText("book", "It was a dark night.\n")


def test_a_folder_is_its_two_text_files(tmp_path: Path) -> None:
    write(tmp_path / "positive.txt", "I am glad.\n")
    write(tmp_path / "negative.txt", "I am sad.\n")
    assert isinstance(load_data(tmp_path), Dataset)


def test_what_no_measurement_reads_is_refused(tmp_path: Path) -> None:
    chat = {"prompt": [{"role": "user", "content": "Well?"}], "chosen": "Yes.", "rejected": "No."}
    chats = write(tmp_path / "chats.jsonl", json.dumps(chat))
    with pytest.raises(DataError, match="holds conversations, which no measurement reads"):
        load_data(chats)
    with pytest.raises(DataError, match="cannot be read"):
        load_data(tmp_path / "nowhere.jsonl")
    with pytest.raises(DataError, match="line 1"):
        load_data(write(tmp_path / "odd.jsonl", '{"question": 3}'))
    with pytest.raises(UnknownNameError, match="unknown format"):
        load_data(chats, format="conversation")


def test_a_plain_text_is_a_running_text() -> None:
    (data,) = data_sets_of("It was a dark night.")
    assert isinstance(data, RunningText)


@pytest.mark.parametrize("layers", [[3], [0, 1, 2], [1, 3, 5], [0, 2, 3, 4, 9, 10]])
def test_layers_as_text_are_read_again(layers: list[int]) -> None:
    assert list(parse_layers(layers_text(layers), 12)) == layers
