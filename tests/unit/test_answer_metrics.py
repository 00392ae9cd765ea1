"""Generated answers: tags, misses, accuracies, and the questions to ask."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics.answer_accuracy import answer_accuracy
from pysteer.metrics.answer_miss_rate import answer_miss_rate
from pysteer.metrics.answer_tags import ParsedAnswer, parse_answer
from pysteer.metrics.parsed_answer_accuracy import parsed_answer_accuracy
from pysteer.metrics.question_subset import first_per_subject


@pytest.mark.parametrize(
    ("text", "letter", "n_tags"),
    [
        ("<answer>B</answer>", "B", 1),
        ("<answer>b</answer>", "B", 1),
        ("<ANSWER>\n  c \n</ANSWER>", "C", 1),
        ("<thinking>A? <b>no</b></thinking>\n<answer>(D) 42</answer>", "D", 1),
        ("<answer>**A**</answer>", "A", 1),
        ("<answer>C.</answer>", "C", 1),
        ("<answer>A</answer> or <answer>B</answer>", "A", 2),  # the first counts
        ("<answer></answer><answer>B</answer>", None, 2),
        ("The answer is B.", None, 0),
        ("", None, 0),
        ("<answer>B", None, 0),  # stopped before the end
        ("<answer>E</answer>", None, 1),
        ("<answer>Because it is blue</answer>", None, 1),
        ("<answer>42</answer>", None, 1),
    ],
)
def test_the_letter_in_the_first_tags_is_the_answer(text: str, letter: str | None, n_tags: int) -> None:
    assert parse_answer(text) == ParsedAnswer(letter, n_tags)


def test_other_letters_are_taken_where_they_are_choices() -> None:
    assert parse_answer("<answer>e</answer>", letters="ABCDE").letter == "E"
    assert answer_accuracy(["<answer>e</answer>"] * 2, ["E", "E"], letters="ABCDE").value == 1.0


TEXTS = ["<answer>A</answer>", "<answer>B</answer>", "no tags", "<answer>?</answer>"]


def test_a_parse_failure_is_counted_and_never_dropped() -> None:
    gold = ["A", "A", "A", "A"]
    accuracy, parsed = answer_accuracy(TEXTS, gold), parsed_answer_accuracy(TEXTS, gold)
    assert (accuracy.value, accuracy.n, accuracy.failures) == (0.25, 4, 0)
    assert (parsed.value, parsed.n, parsed.failures) == (0.5, 2, 2)
    assert answer_miss_rate(TEXTS, gold).value == 0.5


def test_the_three_numbers_belong_together() -> None:
    generator = np.random.default_rng(0)
    texts = [TEXTS[i] for i in generator.integers(0, 4, size=300)]
    gold = [str(letter) for letter in generator.choice(list("AB"), size=300)]
    parts = [metric(texts, gold).value for metric in (answer_accuracy, answer_miss_rate, parsed_answer_accuracy)]
    assert parts[0] == pytest.approx((1 - parts[1]) * parts[2])


def test_perfect_answers_score_one_and_random_ones_chance() -> None:
    generator = np.random.default_rng(0)
    letters, gold = ([str(letter) for letter in generator.choice(list("ABCD"), size=800)] for _ in range(2))
    assert answer_accuracy([f"<answer>{letter}</answer>" for letter in gold], gold).value == 1.0
    chance = answer_accuracy([f"<answer>{letter}</answer>" for letter in letters], gold)
    assert chance.low < 0.25 < chance.high


def test_without_a_readable_answer_there_is_no_accuracy_given_one() -> None:
    with pytest.raises(MeasurementError, match="all 2 examples failed"):
        parsed_answer_accuracy(["", "?"], ["A", "B"])
    assert answer_miss_rate(["", "?"], ["A", "B"]).value == 1.0


@pytest.mark.parametrize("gold", [["E"], ["AB"], [""]])
def test_a_gold_letter_has_to_be_a_choice(gold: list[str]) -> None:
    with pytest.raises(MeasurementError, match="gold_letters: expected one of 'ABCD'"):
        answer_accuracy(["<answer>A</answer>"], gold)


def test_three_of_each_of_57_subjects_are_171_questions_in_order() -> None:
    subjects = [f"subject {number}" for number in range(57) for _ in range(5)]
    chosen = first_per_subject(subjects, n_per_subject=3)
    assert len(chosen) == 171
    assert chosen == sorted(chosen)
    assert chosen[:4] == [0, 1, 2, 5]


def test_a_subject_with_too_few_questions_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="'b' has 1 questions, expected 2"):
        first_per_subject(["a", "a", "b"], n_per_subject=2)
    for subjects, n in (([], 3), (["a"], 0)):
        with pytest.raises(MeasurementError, match="at least 1 per subject"):
            first_per_subject(subjects, n_per_subject=n)


def test_the_subset_of_real_questions_has_three_of_each_subject(data_dir: Path) -> None:
    files = sorted((data_dir / "mmlu").glob("*_dev.csv"))
    subjects = [
        path.name.removesuffix("_dev.csv")
        for path in files
        for _ in csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
    ]
    chosen = [subjects[index] for index in first_per_subject(subjects, n_per_subject=3)]
    assert sorted(chosen) == sorted(3 * [path.name.removesuffix("_dev.csv") for path in files])
