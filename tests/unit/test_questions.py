"""Questions with choices: rules, hashes, draws, exemplars, and the files that they come from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pysteer.errors import DataError, DroppedDataWarning, MeasurementError, UnknownNameError
from pysteer.question_files import first_questions, load_questions
from pysteer.questions import Question, QuestionSet, check_questions_disjoint

RED = Question("What colour is blood?", ("red", "blue", "green"), 0, subject="biology", passage="Blood is red.")
SKY = Question("What colour is the sky?", ("red", "blue"), 1, subject="physics")
SEVEN = Question("How much is 3 + 4?", ("7", "seven", "8"), 0, also_right=(1,))
ALL = QuestionSet((RED, SKY, SEVEN), "all")


def write(path: Path, content: Any) -> Path:
    if not isinstance(content, str):
        content = "\n".join(map(json.dumps, content)) if path.suffix == ".jsonl" else json.dumps(content)
    path.write_text(content, encoding="utf-8")
    return path


def test_letters_and_right_choices() -> None:
    assert (RED.letter, SKY.letter) == ("A", "B")
    assert SEVEN.right == (0, 1)
    assert RED.right == (0,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompt": " "}, "prompt: expected a text that is not blank"),
        ({"choices": ("x",)}, "expected 2 to 26, got 1"),
        ({"choices": tuple(map(str, range(27)))}, "expected 2 to 26, got 27"),
        ({"choices": ("x", "")}, "choice 1: expected a text that is not blank"),
        ({"choices": ("x", 3)}, "choice 1: expected text, got int"),
        ({"answer": 2}, "0 to 1, got 2"),
        ({"answer": -1}, "0 to 1, got -1"),
        ({"answer": True}, "got True"),
        ({"also_right": (0,)}, "ascending numbers without 0"),
        ({"choices": ("x", "x")}, "'x' occurs twice"),
        ({"prompt": "half \ud800"}, "surrogate"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Question(**({"prompt": "Q?", "choices": ("x", "y"), "answer": 0} | fields))


def test_wrong_choices_may_be_alike() -> None:
    assert Question("Q?", ("x", "y", "y"), 0).answer == 0


def test_a_set_is_not_empty_and_asks_nothing_twice() -> None:
    with pytest.raises(DataError, match="holds no question"):
        QuestionSet((), "none")
    with pytest.raises(DataError, match="questions 0 and 2 are the same"):
        QuestionSet((RED, SKY, RED), "twice")
    with pytest.raises(DataError, match="question 0: expected a Question"):
        QuestionSet(("Q?",), "text")  # type: ignore[arg-type]


def test_the_hash_is_that_of_the_documented_json() -> None:
    text = '[["What colour is the sky?",["red","blue"],1,"physics","",[]]]'
    alone = QuestionSet((SKY,), "sky")
    assert alone.content_hash == hashlib.sha256(text.encode()).hexdigest()
    assert QuestionSet((SKY,), "another name").content_hash == alone.content_hash
    shown = alone.with_exemplars(QuestionSet((SEVEN,), "dev"))
    example = '["How much is 3 + 4?",["7","seven","8"],0,"","",[1]]'
    assert shown.content_hash == hashlib.sha256(f"[{text},[{example}]]".encode()).hexdigest()


def test_every_field_counts_in_the_hash() -> None:
    hashes = {
        QuestionSet((question,), "q").content_hash
        for question in (
            RED,
            Question("What colour is Blood?", RED.choices, 0, RED.subject, RED.passage),
            Question(RED.prompt, ("red", "blue", "pink"), 0, RED.subject, RED.passage),
            Question(RED.prompt, RED.choices, 1, RED.subject, RED.passage),
            Question(RED.prompt, RED.choices, 0, "", RED.passage),
            Question(RED.prompt, RED.choices, 0, RED.subject),
            Question(RED.prompt, RED.choices, 0, RED.subject, RED.passage, (2,)),
        )
    }
    assert len(hashes) == 7


def test_a_draw_is_the_seeds_and_keeps_the_order() -> None:
    many = QuestionSet(tuple(Question(f"{i}?", ("x", "y"), 0) for i in range(50)), "many")
    drawn = many.draw(20, seed=3)
    assert drawn.questions == many.draw(20, seed=3).questions != many.draw(20, seed=4).questions
    assert [q.prompt for q in drawn] == sorted((q.prompt for q in drawn), key=lambda prompt: int(prompt[:-1]))
    with pytest.raises(DataError, match="cannot draw 51"):
        many.draw(51, seed=0)


def test_slices_and_subjects_keep_the_exemplars() -> None:
    shown = QuestionSet((RED, SKY), "two").with_exemplars(QuestionSet((SEVEN,), "dev"))
    assert shown[:1].exemplars == shown.of_subject("physics").exemplars == (SEVEN,)
    assert shown.of_subject("physics").questions == (SKY,)
    assert ALL.subjects == ("biology", "physics", "")
    assert ALL.n_choices == 3
    with pytest.raises(DataError, match="no subject 'art'"):
        ALL.of_subject("art")


def test_exemplars_are_of_the_questions_subject_and_never_the_question() -> None:
    dev = QuestionSet((Question("Old?", ("x", "y"), 0, "physics"), Question("New?", ("x", "y"), 1, "biology")), "dev")
    shown = QuestionSet((RED, SKY), "two").with_exemplars(dev)
    assert [shot.prompt for shot in shown.shots(SKY, 1)] == ["Old?"]
    with pytest.raises(DataError, match="has 1 exemplars of subject 'physics', 2 are wanted"):
        shown.shots(SKY, 2)
    with pytest.raises(DataError, match="1 exemplars ask what is measured"):
        QuestionSet((RED, SKY), "two").with_exemplars(QuestionSet((SKY,), "leak"))


def test_two_sets_that_share_a_question_are_told_apart() -> None:
    check_questions_disjoint(ALL[:1], ALL[1:])
    with pytest.raises(DataError, match="1 of 2 questions of 'all' are asked in 'all'"):
        check_questions_disjoint(ALL[:2], ALL[1:])


def test_the_first_of_each_subject_are_the_papers_subset() -> None:
    subjects = [f"s{i}" for i in range(57)]
    dev = QuestionSet(tuple(Question(f"{s} {k}?", ("x", "y"), 0, s) for s in subjects for k in range(5)), "dev")
    subset = first_questions(dev, 3)
    assert len(subset) == 171
    assert all(q.prompt.endswith(("0?", "1?", "2?")) for q in subset)
    with pytest.raises(MeasurementError, match="has 5 questions, expected 6"):
        first_questions(dev, 6)


def test_own_lines_take_letters_and_numbers_and_facts_as_passages(tmp_path: Path) -> None:
    records = [
        {"question": "Q?", "choices": ["x", "y"], "answer": "b", "fact": "y.", "book": "closed"},
        {"question": "R?", "choices": ["x", "y"], "answer": 0, "passage": "x!", "subject": "s", "meta": {"id": 1}},
    ]
    first, second = load_questions(write(tmp_path / "own.jsonl", records))
    assert (first.answer, first.passage, first.subject) == (1, "y.", "closed")
    assert (second.answer, second.passage, second.subject) == (0, "x!", "s")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"question": "Q?", "choices": ["x", "y"], "answer": "c"}, "line 1: answer: .* 0 to 1, got 2"),
        ({"question": "Q?", "choices": ["x", "y"], "answer": "yes"}, "line 1, answer: expected the right choice"),
        ({"question": "Q?", "choices": [], "answer": "a"}, "line 1, choices: .* got an empty list"),
        ({"question": 3, "choices": ["x", "y"], "answer": "a"}, "line 1, question: expected text, got int"),
        ({"question": "Q?", "choices": ["x", "y"], "answer": "a", "topic": 1}, "holds no questions"),
    ],
)
def test_errors_name_the_line_and_the_field(tmp_path: Path, record: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_questions(write(tmp_path / "own.jsonl", [record]))


def test_repeats_are_errors_in_our_own_format_and_dropped_elsewhere(tmp_path: Path) -> None:
    own = {"question": "Q?", "choices": ["x", "y"], "answer": "a"}
    with pytest.raises(DataError, match="line 2: the same question as line 1"):
        load_questions(write(tmp_path / "own.jsonl", [own, own]))
    gold = {"query": "Question: Q?", "choices": ["x", "y"], "gold": 0}
    twice = {"query": "Question: R?", "choices": ["x", "x"], "gold": 0}
    with pytest.warns(
        DroppedDataWarning, match="2 records dropped, 1 kept: 1 repeat .*1 hold their right answer twice"
    ):
        loaded = load_questions(write(tmp_path / "gold.jsonl", [gold, gold, twice]))
    assert [q.prompt for q in loaded] == ["Q?"]


def test_mmlu_with_and_without_header_is_the_same(tmp_path: Path) -> None:
    with_header = write(
        tmp_path / "high_school_law_test.csv",
        'question,choice0,choice1,choice2,choice3,answer\n"Q, or not?",a,b,c,d,2\n',
    )
    (tmp_path / "original").mkdir()
    without = write(tmp_path / "original" / "high_school_law_test.csv", '"Q, or not?",a,b,c,d,C\n')
    assert load_questions(with_header).content_hash == load_questions(without).content_hash
    assert load_questions(without)[0] == Question("Q, or not?", ("a", "b", "c", "d"), 2, "high school law")
    with pytest.raises(DataError, match="line 2: expected 6 columns, got 5"):
        load_questions(write(tmp_path / "x.csv", "Q?,a,b,c,d,C\nR?,a,b,c,D\n"))


def test_mmlu_in_columns(tmp_path: Path) -> None:
    table = {"question": ["Q?", "R?"], "subject": ["s", "t"], "choices": [["a", "b"], ["c", "d"]], "answer": [1, "A"]}
    assert [q.answer for q in load_questions(write(tmp_path / "x.json", table))] == [1, 0]
    with pytest.raises(DataError, match="columns of one length"):
        load_questions(write(tmp_path / "y.json", table | {"answer": [1]}))


def test_truthfulqa_puts_the_best_answer_first(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv",
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        'A,Law,"Can pigs sue?",No,They cannot; No; Pigs cannot sue,Yes; They can; Yes; No,url\n',
    )
    [question] = load_questions(path)
    assert question == Question(
        "Can pigs sue?", ("No", "They cannot", "Pigs cannot sue", "Yes", "They can"), 0, "Law", also_right=(1, 2)
    )


def test_hellaswag_is_cleaned_as_harnesses_do(tmp_path: Path) -> None:
    record = {
        "activity_label": "Baking",
        "ctx_a": "[header] How to bake [title] Mix.  Stir.",
        "ctx_b": "then a Cook",
        "endings": [" rests. [step] Then bakes.", "leaves."],
        "label": "0",
    }
    [question] = load_questions(write(tmp_path / "h.jsonl", [record]))
    assert question.prompt == "Baking: How to bake. Mix. Stir. Then a cook"
    assert question.choices == ("rests. Then bakes.", "leaves.")


def test_several_files_are_one_set(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{s}_test.csv", f"{s}?,a,b,c,d,A\n") for s in ("law", "art")]
    both = load_questions(*paths)
    assert (both.name, both.subjects) == ("law_test+1", ("law", "art"))
    with pytest.raises(DataError, match="questions 0 and 1 are the same"):
        load_questions(paths[0], paths[0])


def test_what_holds_no_questions_is_refused(tmp_path: Path) -> None:
    pairs = write(tmp_path / "pairs.jsonl", [{"positive": "a", "negative": "b"}])
    with pytest.raises(DataError, match="holds no questions in a form that pysteer knows"):
        load_questions(pairs)
    with pytest.raises(DataError, match="format 'pairs' holds pairs, not questions"):
        load_questions(pairs, format="pairs")
    with pytest.raises(UnknownNameError):
        load_questions(pairs, format="quiz")
    with pytest.raises(DataError, match="at least one file"):
        load_questions()
