"""Text quality: golden strings, perfect, chance, and what the published code gets wrong."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics.answer_present import answer_present
from pysteer.metrics.answer_text import normalise_answer, parse_generation
from pysteer.metrics.distinct_1 import distinct_1
from pysteer.metrics.distinct_2 import distinct_2
from pysteer.metrics.exact_match import exact_match
from pysteer.metrics.first_word_match import first_word_match
from pysteer.metrics.n_gram_entropy import n_gram_entropy
from pysteer.metrics.refusal_drift import refusal_drift
from pysteer.metrics.refusal_phrases import PHRASES, is_refusal
from pysteer.metrics.refusal_rate import refusal_rate
from pysteer.metrics.repetition import repetition
from pysteer.metrics.sentiment_proxy import sentiment_proxy
from pysteer.metrics.text_checks import words
from pysteer.metrics.toxicity_proxy import toxicity_proxy
from pysteer.metrics.word_f1 import word_f1
from pysteer.metrics.word_lists import NEGATIVE, NEGATORS, OFFENSIVE, POSITIVE

# text, target, first word, exact, F1, present
GOLDEN = [
    (" unhappy\n\nQ: big", "unhappy", 1, 1, 1, 1),
    (" Unhappy.", "unhappy", 1, 1, 1, 1),
    (" The unhappy one", "unhappy", 1, 0, 2 / 3, 1),
    (" New York City", "New York", 1, 0, 0.8, 1),
    (" York New", "New York", 0, 0, 1, 0),
    (" It is in New York, I think.", "New York", 0, 0, 4 / 7, 1),
    (" newest york", "New York", 0, 0, 0.5, 0),
    (" new yorkers", "New York", 1, 0, 0.5, 0),
    ("", "unhappy", 0, 0, 0, 0),
    ("\n\n", "unhappy", 0, 0, 0, 0),
    (", happy", "happy", 1, 1, 1, 1),
    (" a", "a", 1, 1, 1, 1),
    (" the a", "a", 0, 0, 2 / 3, 1),
    (" dépendant", "dépendant", 1, 1, 1, 1),
]


@pytest.mark.parametrize(("text", "target", "first", "exact", "f1", "present"), GOLDEN)
def test_golden_strings(text: str, target: str, first: int, exact: int, f1: float, present: int) -> None:
    pair = [text, text], [target, target]
    assert first_word_match(*pair).value == first
    assert exact_match(*pair).value == exact
    assert word_f1(*pair, seed=0).value == pytest.approx(f1)
    assert answer_present(*pair).value == present


def test_a_target_of_several_words_can_be_present() -> None:
    # The published code looks for "new york" in a list of single words and never finds it.
    text = "I love New York."
    assert "new york" not in normalise_answer(text)
    assert answer_present([text], ["New York"]).value == 1.0


def test_only_the_answer_counts_and_not_what_is_written_after_it() -> None:
    assert parse_generation(" Paris is big.\nQ: Spain\nA: Madrid") == " Paris is big."
    assert exact_match([" Paris\nQ: Spain"], ["Paris"]).value == 1.0
    assert exact_match([" Rome\nParis"], ["Paris"]).value == 0.0
    assert answer_present([" Rome\nParis"], ["Paris"]).value == 1.0


def test_of_several_right_answers_the_best_counts() -> None:
    texts, targets = ["sad", "glad"], [["unhappy", "sad"], ("happy", "joyful")]
    assert exact_match(texts, targets).per_example.tolist() == [1.0, 0.0]


def test_capitals_count_where_the_task_is_about_them() -> None:
    assert exact_match(["Flawed"], ["flawed"]).value == 1.0
    assert exact_match(["Flawed"], ["flawed"], keep_case=True).value == 0.0
    assert exact_match(["A"], ["A"], keep_case=True).value == 1.0


def test_a_target_without_a_word_is_an_error() -> None:
    with pytest.raises(MeasurementError, match="at least one word"):
        exact_match(["?"], ["!"])
    with pytest.raises(MeasurementError, match=r"targets\[0\]"):
        exact_match(["a"], [[]])


# ------------------------------------------------------------------------------------------------ variety


def test_entropy_is_that_of_the_definition() -> None:
    text = "the cat and the cat and the dog"
    tokens = text.split()
    bits = []
    for n in (2, 3):
        counts = Counter(zip(*(tokens[i:] for i in range(n)), strict=False))
        total = sum(counts.values())
        bits.append(-sum(c / total * math.log2(c / total) for c in counts.values()))
    assert n_gram_entropy([text] * 2, seed=0).value == pytest.approx((2 / 3 * bits[0] + 4 / 3 * bits[1]) / 2)


def test_words_that_never_repeat_have_all_the_entropy_there_can_be() -> None:
    text = " ".join(f"w{i}" for i in range(33))  # 32 pairs and 31 triples
    assert n_gram_entropy([text] * 2, seed=0).value == pytest.approx((2 / 3 * 5 + 4 / 3 * math.log2(31)) / 2)
    assert n_gram_entropy(["no no no no no"] * 2, seed=0).value == 0.0


def test_distinct_divides_by_words_and_not_by_n_grams() -> None:
    assert distinct_1(["a b a b"] * 2, seed=0).value == 0.5
    assert distinct_2(["a b a b"] * 2, seed=0).value == 0.5  # 2 different pairs, 4 words, 3 pairs
    assert distinct_2(["a b c d"] * 2, seed=0).value == 0.75


def test_repetition_is_the_share_of_four_grams_said_before() -> None:
    loop = "go on and on " * 10  # 40 words, 37 four-grams, 4 of them different
    assert repetition([loop] * 2, seed=0).value == pytest.approx(1 - 4 / 37)
    assert repetition([" ".join(map(str, range(50)))] * 2, seed=0).value == 0.0


@pytest.mark.parametrize(("metric", "short"), [(n_gram_entropy, "a b"), (distinct_1, " "), (repetition, "a b c")])
def test_texts_too_short_for_an_n_gram_are_counted_failures(metric: object, short: str) -> None:
    score = metric([short, "a b c d e", "a b c d d"], seed=0)  # type: ignore[operator]
    assert (score.n, score.failures) == (2, 1)
    with pytest.raises(MeasurementError, match="all 3 examples failed"):
        metric([short] * 3, seed=0)  # type: ignore[operator]


def test_words_keep_apostrophes_and_split_punctuation() -> None:
    assert words("Don't stop, well-known “friend”…") == ["Don't", "stop", ",", "well-known", "“", "friend", "”", "…"]


# ------------------------------------------------------------------------------------------------ proxies


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t help with that.",
        "I cannot assist with this request.",
        "Sorry, I won't do that",
        "As an AI, I have no opinion.",
        "It is not appropriate to discuss this.",
        "I must decline.",
    ],
)
def test_stock_refusals_are_seen(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure! Here is how to bake bread.",
        "You can do it. Nothing can stop you.",
        "Cantilever bridges are long.",
        " ".join(["bread"] * 50) + " I can't help it.",
    ],
)
def test_answers_are_no_refusals(text: str) -> None:
    assert not is_refusal(text)


def test_every_phrase_is_found_as_it_is_written() -> None:
    for phrase in PHRASES:
        assert is_refusal(phrase), phrase


def test_drift_is_the_difference_of_the_rates() -> None:
    refused, answered = "I cannot help with that.", "Here you are."
    steered, base = [refused, refused, answered, answered], [answered, refused, refused, answered]
    drift = refusal_drift(steered, base, seed=0)
    assert drift.per_example.tolist() == [1.0, 0.0, -1.0, 0.0]
    assert drift.value == refusal_rate(steered).value - refusal_rate(base).value == 0.0


def test_sentiment_counts_words_and_turns_them_round_after_a_negation() -> None:
    texts = ["lovely, wonderful!", "lovely and terrible", "not a good film", "don’t worry", "not bad", "a table", ""]
    np.testing.assert_array_equal(sentiment_proxy(texts, seed=0).per_example, [1, 0, -1, 1, 1, 0, 0])


def test_offensive_words_are_found_whole_or_by_their_stem() -> None:
    texts = ["You IDIOT.", "what bullshittery", "fucking", "I assess the classic bass", "How nice", ""]
    np.testing.assert_array_equal(toxicity_proxy(texts).per_example, [1, 1, 1, 0, 0, 0])


def test_word_lists_do_not_contradict_themselves() -> None:
    assert not POSITIVE & NEGATIVE
    assert not POSITIVE & OFFENSIVE
    assert not POSITIVE & NEGATORS
    for words_of_list in (POSITIVE, NEGATIVE, OFFENSIVE):
        assert all(words(word) == [word] == [word.lower()] for word in words_of_list)
