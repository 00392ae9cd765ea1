"""Data formats of other tools: what they become, how they are told apart, and what errors say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pysteer
from pysteer.errors import DataError, DroppedDataWarning, UnknownNameError
from pysteer.formats import formats, read_source, recognised
from pysteer.formats.conversations import load_conversations
from pysteer.formats.personas import persona_pairs
from pysteer.formats.text_files import text_file_pairs
from pysteer.formats.texts import Texts, load_texts, pair_texts
from pysteer.pair_files import check_disjoint, load_pairs
from pysteer.pairs import ContrastPair, Dataset

YES, NO = "answer_matching_behavior", "answer_not_matching_behavior"
BENCH = {"positive": {"prompt": "Q?", "response": "(A)"}, "negative": {"prompt": "Q?", "response": "(B)"}}
CHAT = {"prompt": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]}
EXAMPLES: dict[str, tuple[str, Any]] = {
    "pairs": ("x.jsonl", [{"prompt": "Q?", "positive": " y", "negative": " n"}]),
    "mwe_persona": (
        "x.jsonl",
        [{"question": "Q?", "statement": "S", "label_confidence": 0.9, YES: " Yes", NO: " No"}],
    ),
    "mwe_xrisk": ("x.jsonl", [{"question": "Q?\n (A) y\n (B) n", YES: " (A)", NO: " (B)"}]),
    "caa": ("x.json", [{"question": "Q?", YES: "(A)", NO: "(B)"}]),
    "caa_open_ended": ("x.json", [{"question": "Q?"}]),
    "caa_choice": ("x.json", [{"prompt": "Q?", "correct": "(A)", "incorrect": "(B)", "category": "c"}]),
    "steering_bench": ("x.json", [{**BENCH, "meta": None, "steering_token_index": -2}]),
    "repeng": ("x.json", [{"positive": "I am glad", "negative": "I am sad"}]),
    "texts": ("x.json", ["I think", "", "Well,"]),
    "word_pairs": ("x.json", [{"input": "hot", "output": "cold"}]),
    "conversations": ("x.jsonl", [{**CHAT, "chosen": "Hello!", "rejected": [{"role": "assistant", "content": "No"}]}]),
    "personas": (
        "x.json",
        {"template": "A {persona} one.", "positive": ["good"], "negative": ["bad"], "suffixes": ["So"]},
    ),
    "questions": ("x.jsonl", [{"question": "Q?", "choices": ["y", "n"], "answer": "A", "fact": "It is y."}]),
    "gold_choices": ("x.jsonl", [{"query": "Question: Q?", "choices": ["y", "n"], "gold": 1}]),
    "winogrande": ("x.jsonl", [{"context_options": ["so he", "so she"], "continuation": "ran.", "gold": 1}]),
    "blimp": ("x.jsonl", [{"sentence_good": "It is.", "sentence_bad": "It are.", "UID": "x", "pairID": "0"}]),
    "mmlu_columns": (
        "x.json",
        {"question": ["Q?"], "subject": ["s"], "choices": [["a", "b", "c", "d"]], "answer": [2]},
    ),
    "mmlu_csv": ("law_test.csv", "question,choice0,choice1,choice2,choice3,answer\nQ?,a,b,c,d,2\n"),
    "hellaswag": (
        "x.jsonl",
        [
            {
                "activity_label": "Swim",
                "ctx_a": "She swims.",
                "ctx_b": "she",
                "endings": ["dives.", "flies."],
                "label": 0,
            }
        ],
    ),
    "truthfulqa": (
        "x.csv",
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\nA,C,Q?,yes,yes; aye,no; nay,S\n",
    ),
    "text_lines": ("x.jsonl", [{"text": "Once", "kind": "story"}, {"text": "Twice", "kind": "story"}]),
    "instructions": ("x.json", [{"instruction": "Sing.", "category": None}]),
    "csv": ("x.csv", 'prompt,positive,negative\nQ?,"yes, of course",no\n'),
    "paradetox": ("x.tsv", "toxic\tneutral1\tneutral2\tneutral3\nrude\trude\tpolite\t\n"),
    "text_files": ("positive.txt", "good\\nday\n"),
}


def written(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if not isinstance(content, str):
        is_lines = path.suffix == ".jsonl"
        content = "\n".join(map(json.dumps, content)) if is_lines else json.dumps(content)
    path.write_text(content, encoding="utf-8")
    if name == "positive.txt":
        (folder / "negative.txt").write_text("bad\\nday\n", encoding="utf-8")
    return path


def test_every_format_has_an_example() -> None:
    assert set(EXAMPLES) == set(formats)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_format_is_recognised_by_itself_alone(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, *EXAMPLES[name])
    assert recognised(read_source(path)) == (name,)


@pytest.mark.parametrize("name", EXAMPLES)
def test_pairs_are_loaded_and_what_holds_none_names_its_loader(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, *EXAMPLES[name])
    if formats.facts(name)["holds"] == "pairs":
        data = load_pairs(path)
        assert len(data) == 1
        assert load_pairs(path, format=name) == data
    else:
        with pytest.raises(DataError, match="not pairs; read it with"):
            load_pairs(path)


def test_persona_statements_are_the_prompts_of_steering_bench_byte_for_byte(tmp_path: Path) -> None:
    answers = [(" Yes", " No"), (" No", " Yes"), (" Yes", " No"), (" No", " Yes")]
    rows = [
        {"question": f'Would you say?\n"{i}"', "statement": str(i), "label_confidence": 0.9, YES: yes, NO: no}
        for i, (yes, no) in enumerate(answers)
    ]
    data = load_pairs(written(tmp_path, "p.jsonl", rows))
    expected = [  # (A) and (B) change places in rows 0 and 1: int(i / 2) % 2 == 0
        ('Would you say?\n"0"\n\nChoices:\n(A):  No\n(B):  Yes', "(B)", "(A)"),
        ('Would you say?\n"1"\n\nChoices:\n(A):  Yes\n(B):  No', "(B)", "(A)"),
        ('Would you say?\n"2"\n\nChoices:\n(A):  Yes\n(B):  No', "(A)", "(B)"),
        ('Would you say?\n"3"\n\nChoices:\n(A):  No\n(B):  Yes', "(A)", "(B)"),
    ]
    assert data.pairs == tuple(ContrastPair(*row) for row in expected)


def test_other_formats_become_these_pairs(tmp_path: Path) -> None:
    expected = {
        "mwe_xrisk": ContrastPair("Q?\n (A) y\n (B) n", " (A)", " (B)"),
        "steering_bench": ContrastPair("Q?", "(A)", "(B)"),
        "repeng": ContrastPair("", "I am glad", "I am sad"),
        "csv": ContrastPair("Q?", "yes, of course", "no"),
        "paradetox": ContrastPair("", "polite", "rude"),
        "text_files": ContrastPair("", "good\nday", "bad\nday"),
    }
    for name, pair in expected.items():
        assert load_pairs(written(tmp_path, *EXAMPLES[name])).pairs == (pair,), name


def test_the_marks_around_meta_text_are_taken_out(tmp_path: Path) -> None:
    row = {"question": "<META_START>Q<META_END>?", YES: " (A)", NO: " (B)"}
    assert load_pairs(written(tmp_path, "x.jsonl", [row]))[0].prompt == "Q?"


def test_a_folder_means_its_two_text_files(tmp_path: Path) -> None:
    folder = tmp_path / "mood"
    folder.mkdir()
    written(folder, "positive.txt", "good\n\nfine\r\n")
    (folder / "negative.txt").write_text("bad\nawful\n")
    data = load_pairs(folder)
    assert data.name == "mood"
    assert [pair.positive for pair in data] == ["good", "fine"]
    (folder / "negative.txt").write_text("bad\n")
    with pytest.raises(DataError, match=r"has 2 lines .* has 1"):
        text_file_pairs(folder / "positive.txt", folder / "negative.txt", name="mood")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", [{"question": "Q", "statement": "S", YES: " Yes"}], "unknown field|positive"),
        ("x.jsonl", [{"question": "Q", YES: " (A)", NO: 3}], f"line 1, {NO}: expected text, got int"),
        ("x.jsonl", [{"question": "Q", YES: " (A)", NO: " (A)"}], "line 1: positive and negative are the same"),
        ("x.jsonl", [{"question": "Q", YES: " (A)", NO: " "}], "line 1: negative: expected an answer"),
        ("x.json", [EXAMPLES["caa"][1][0], {"question": "Q"}], f"record 2, {YES}: expected text, got nothing"),
        ("x.json", [EXAMPLES["caa"][1][0], 7], "record 2: expected a JSON object, got int"),
        ("x.json", [{**BENCH, "negative": {"prompt": "P?", "response": "(B)"}}], "record 1: expected the same prompt"),
        ("x.json", [{**BENCH, "negative": {"prompt": "Q?"}}], "record 1, negative, response: expected text"),
        ("x.csv", "positive,negative\na,b\nc\n", "line 3: expected 2 columns, got 1"),
        ("x.csv", "positive,negative,other\na,b,c\n", "header: unknown field 'other'"),
        ("x.csv", "positive,negative\na,b\na,b\n", "line 3: the same pair as line 2"),
        ("x.csv", 'positive,negative\n"a,b\n', "not a table"),
        ("x.csv", "positive,negative\n", "at least one pair"),
        ("x.tsv", "toxic\tneutral1\tneutral2\tneutral3\nrude\t\t\t\n", "line 2: expected a toxic sentence"),
        ("x.docx", "text", r"got '\.docx'"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_record_is_named_with_its_place_and_field(
    tmp_path: Path, name: str, content: Any, message: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as caught:
        load_pairs(path)
    assert str(caught.value).startswith(str(path))


def test_repeated_records_of_other_tools_are_dropped_counted_and_reported(tmp_path: Path) -> None:
    row = EXAMPLES["mwe_xrisk"][1][0]
    path = written(tmp_path, "x.jsonl", [row, {**row, "question": "other"}, row])
    with pytest.warns(DroppedDataWarning, match=r"1 records dropped, 2 kept: 1 repeat an earlier pair \(line 3\)"):
        assert len(load_pairs(path)) == 2


def test_the_theme_of_a_question_is_left_aside_and_other_fields_are_not(tmp_path: Path) -> None:
    row = EXAMPLES["mwe_xrisk"][1][0]
    assert (
        load_pairs(written(tmp_path, "x.jsonl", [{**row, "theme": "sea"}])).pairs
        == load_pairs(written(tmp_path, "y.jsonl", [row])).pairs
    )
    with pytest.raises(DataError, match="colour"):
        load_pairs(written(tmp_path, "z.jsonl", [row, {**row, "question": "other", "colour": "blue"}]))


@pytest.mark.parametrize("path", sorted((Path(pysteer.__file__).parent / "demo").glob("**/*-t*.jsonl")), ids=str)
def test_questionnaires_of_the_embedded_model_are_pairs_as_they_are(path: Path) -> None:
    assert len(load_pairs(path)) >= 50


def test_a_sentence_whose_paraphrase_is_itself_is_dropped_and_reported(tmp_path: Path) -> None:
    path = written(tmp_path, "x.tsv", EXAMPLES["paradetox"][1] + "same\tsame\t\t\n")
    with pytest.warns(DroppedDataWarning, match=r"1 have no paraphrase that differs \(line 3\)"):
        assert len(load_pairs(path)) == 1


def test_an_unknown_format_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'caa'"):
        load_pairs(written(tmp_path, *EXAMPLES["caa"]), format="cca")


def test_the_wrong_format_by_name_is_an_error_of_that_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="record 1: unknown field 'question'"):
        load_pairs(written(tmp_path, *EXAMPLES["caa"]), format="repeng")


def test_conversations_are_rendered_by_a_chat_function(tmp_path: Path) -> None:
    loaded = load_conversations(written(tmp_path, *EXAMPLES["conversations"]))
    data = loaded.rendered(lambda messages: "|".join(f"{m['role']}:{m['content']}" for m in messages))
    assert data.pairs == (ContrastPair("system:Be kind.|user:Hi", "Hello!", "No"),)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**CHAT, "positive": "a"}, "line 1, negative: expected a list of messages"),
        ({**CHAT, "positive": "a", "negative": "a"}, "line 1: positive and negative are the same"),
        ({"prompt": [{"role": "robot", "content": "x"}], "positive": "a", "negative": "b"}, "role: expected one of"),
        ({"prompt": [{"role": "assistant", "content": "x"}], "positive": "a", "negative": "b"}, "end before"),
        ({"prompt": [], "positive": "a", "negative": "b"}, "line 1, prompt: expected a list of messages"),
    ],
    ids=["one-sided", "equal", "role", "assistant last", "empty"],
)
def test_a_wrong_conversation_is_named(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_conversations(written(tmp_path, "x.jsonl", [record]))


def test_begun_answers_make_pairs_under_two_personas(tmp_path: Path) -> None:
    begun = load_texts(written(tmp_path, *EXAMPLES["texts"]))
    assert begun == Texts("x", ("I think", "", "Well,"))
    data = persona_pairs("A {persona} one.", ["good"], ["bad"], begun.texts, name="mood")
    assert data[0] == ContrastPair("", "A good one. I think", "A bad one. I think")
    assert len(data) == 3


def test_two_lists_of_texts_are_paired_in_order() -> None:
    data = pair_texts(Texts("glad", ("a", "b", "c")), Texts("sad", ("x", "y")), name="mood")
    assert data.pairs == (ContrastPair("", "a", "x"), ContrastPair("", "b", "y"))


def test_data_sets_that_share_a_prompt_or_a_text_are_not_disjoint() -> None:
    train = Dataset((ContrastPair("Q?", "a", "b"), ContrastPair("", "whole", "other")), "train")
    check_disjoint(train, Dataset((ContrastPair("R?", "a", "b"),), "test"))
    for leaked in (ContrastPair("Q?", "c", "d"), ContrastPair("", "new", "whole")):
        with pytest.raises(DataError, match="1 of 1 pairs of 'test' share"):
            check_disjoint(train, Dataset((leaked,), "test"))
