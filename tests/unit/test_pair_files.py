"""Pair files: what they expand to, and what the error says where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pysteer.errors import DataError
from pysteer.pair_files import load_pairs
from pysteer.pairs import ContrastPair

GOOD = '{"prompt": "Q?", "positive": " Yes", "negative": " No"}'
PERSONAS = {
    "template": "Pretend you're a {persona} person making statements.",
    "positive": ["happy", "joyful"],
    "negative": ["sad", "gloomy"],
    "suffixes": ["I think", ""],
}


def written(tmp_path: Path, content: str | bytes, name: str = "demo.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_json_lines_with_byte_order_mark_crlf_and_blank_lines(tmp_path: Path) -> None:
    second = '{"positive": "one whole text", "negative": "another", "meta": {"id": 7}}'
    data = load_pairs(written(tmp_path, f"\ufeff\r\n{GOOD}\r\n   \r\n{second}"))
    assert data.pairs == (ContrastPair("Q?", " Yes", " No"), ContrastPair("", "one whole text", "another"))
    assert data.name == "demo"


def test_line_separators_inside_a_text_do_not_end_the_line(tmp_path: Path) -> None:
    line = json.dumps({"positive": "a\u2028b\x85c", "negative": "d\x0be"}, ensure_ascii=False)
    assert load_pairs(written(tmp_path, line))[0].positive == "a\u2028b\x85c"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "Q", "positive": "a"}', "line 2, negative: expected text, got nothing"),
        ('{"positive": "a", "negative": 3}', "line 2, negative: expected text, got int"),
        ('{"prompt": null, "positive": "a", "negative": "b"}', "line 2, prompt: expected text, got NoneType"),
        ('{"positive": "a", "negative": "  "}', "line 2: negative: expected an answer"),
        ('{"positive": "a", "negative": "a"}', "line 2: positive and negative are the same"),
        ('{"promt": "Q", "positive": "a", "negative": "b"}', "line 2: unknown field 'promt'; did you mean 'prompt'"),
        ('{"positive": "a", "positive": "b", "negative": "c"}', "line 2: field 'positive' occurs twice"),
        ('["a", "b"]', "line 2: expected a JSON object, got list"),
        ('{"positive": "a"', "line 2: not JSON at column"),
        ('{"positive": "\\ud800", "negative": "b"}', "line 2: positive: half of a UTF-16 surrogate pair"),
        ("[" * 100_000, "line 2: not JSON"),
        ("9" * 5000, "line 2: not JSON"),
        (GOOD, "line 2: the same pair as line 1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_line_is_named_with_its_number_and_field(tmp_path: Path, line: str, message: str) -> None:
    path = written(tmp_path, f"{GOOD}\n{line}\n")
    with pytest.raises(DataError) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(f"{path}, ")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n \r\n", "\ufeff"])
def test_a_file_without_a_pair_is_a_data_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="no line that is not blank"):
        load_pairs(written(tmp_path, content))


def test_bytes_that_are_not_utf_8_are_a_data_error_with_their_place(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected UTF-8, got byte 0xff at 3"):
        load_pairs(written(tmp_path, b"abc\xff"))


def test_files_that_are_missing_or_of_another_kind_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_pairs(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match=r"got '\.docx'"):
        load_pairs(written(tmp_path, "pairs", "pairs.docx"))
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        load_pairs(tmp_path / "folder.json")


def test_personas_expand_suffix_by_suffix_to_whole_texts(tmp_path: Path) -> None:
    data = load_pairs(written(tmp_path, json.dumps(PERSONAS), "mood.json"))
    said = "Pretend you're a {} person making statements."
    assert data.pairs == (
        ContrastPair("", said.format("happy") + " I think", said.format("sad") + " I think"),
        ContrastPair("", said.format("joyful") + " I think", said.format("gloomy") + " I think"),
        ContrastPair("", said.format("happy"), said.format("sad")),
        ContrastPair("", said.format("joyful"), said.format("gloomy")),
    )
    assert data.name == "mood"


def test_other_braces_in_a_template_stay_and_every_placeholder_is_filled(tmp_path: Path) -> None:
    content = {**PERSONAS, "template": "{x} {persona} {} {persona}", "suffixes": [""], "name": "named"}
    data = load_pairs(written(tmp_path, json.dumps(content), "mood.json"))
    assert data[0].positive == "{x} happy {} happy"
    assert data.name == "named"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"template": "no place"}, "template: expected {persona}"),
        ({"template": 3}, "template: expected text, got int"),
        ({"positive": ["happy"]}, "got 1 and 2"),
        ({"positive": []}, "positive: expected a list of texts with at least one, got an empty list"),
        ({"suffixes": "I"}, 'suffixes: expected a list of texts with at least one, got "I"'),
        ({"suffixes": ["I", 3]}, "suffixes: expected a list of texts"),
        ({"sufixes": ["I"]}, "unknown field 'sufixes'; did you mean 'suffixes'"),
        ({"negative": ["sad", "joyful"]}, "suffixes[0] with positive[1] and negative[1]: positive and negative"),
        ({"suffixes": ["I", "You", "I"]}, "suffixes[2] with positive[0] and negative[0]: the same pair as"),
        ({"name": 3}, "name: expected text, got int"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_persona_file_is_named_with_its_field(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = written(tmp_path, json.dumps({**PERSONAS, **change}), "mood.json")
    with pytest.raises(DataError) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["template", "positive", "negative", "suffixes"])
def test_a_persona_file_without_a_field_is_a_data_error(tmp_path: Path, field: str) -> None:
    content = {name: value for name, value in PERSONAS.items() if name != field}
    with pytest.raises(DataError, match=f"{field}: expected .*got nothing"):
        load_pairs(written(tmp_path, json.dumps(content), "mood.json"))


def test_the_published_persona_suffixes_load(tmp_path: Path, data_dir: Path) -> None:
    suffixes = json.loads((data_dir / "repeng" / "all_truncated_outputs.json").read_text("utf-8"))
    content = {**PERSONAS, "suffixes": list(dict.fromkeys(suffixes))}
    data = load_pairs(written(tmp_path, json.dumps(content), "mood.json"))
    assert len(data) == 2 * len(set(suffixes))
    train, test = data.split(0.8, seed=0)
    assert len(train) + len(test) == len(data)
