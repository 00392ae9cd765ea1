"""Where the answer and its letter lie in the tokens, also for tokenizers that merge "(A"; the token rules on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2, TinyModel

from pysteer.errors import DataError, SteeringError
from pysteer.model import Model
from pysteer.pair_text import Answered, answer_pair, is_letter, n_common
from pysteer.pairs import ContrastPair
from pysteer.token_rules import parse_token_rule

# Qwen2 cuts text before a punctuation mark that letters follow, so these merges can happen, as in GPT-4's vocabulary.
MERGES_BRACKET = replace(TINY_QWEN2, merges=(("(", "A"), ("(", "B")))
WriteTiny = Callable[[TinyModel, str], Path]
QUESTION = "Is it? (A) Yes (B) No\n"


@pytest.fixture(scope="module")
def merging(write_tiny: WriteTiny) -> Model:
    return Model.load(write_tiny(MERGES_BRACKET, "F32"))


@pytest.fixture(scope="module")
def chat(write_tiny: WriteTiny) -> Model:
    return Model.load(write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:"), "F32"))


def positive(model: Model, prompt: str, answer: str, *, raw: bool = False) -> Answered:
    return answer_pair(model, ContrastPair(prompt, answer, "something else"), raw=raw)[0]


def token_texts(answered: Answered, model: Model) -> list[str]:
    assert answered.tokens.spans is not None
    data = answered.tokens.text.encode()
    return [data[begin:end].decode(errors="replace") for begin, end in answered.tokens.spans]


def read(answered: Answered, model: Model, rule: str) -> list[str]:
    texts = token_texts(answered, model)
    return [texts[index] for index in parse_token_rule(rule)(answered)]


@pytest.mark.parametrize(
    ("answer", "token", "from_the_end"),
    [("(A)", "(A", 2), ("(B)", "(B", 2), ("(C)", "C", 2), ("(A) Yes", "(A", 6), ("A", "A", 1), (" (A)", "A", 2)],
)
def test_the_letter_is_found_by_its_place_where_the_tokenizer_merges(
    merging: Model, answer: str, token: str, from_the_end: int
) -> None:
    answered = positive(merging, QUESTION, answer, raw=True)
    assert token_texts(answered, merging)[answered.letter_index()] == token
    assert len(answered.tokens) - answered.letter_index() == from_the_end


def test_letters_in_the_question_are_not_taken_for_the_answer(merging: Model) -> None:
    answered = positive(merging, QUESTION, "(B)", raw=True)
    assert answered.letter_index() >= answered.n_prompt > 10


@pytest.mark.parametrize("answer", ["Yes", "(a)", "(AB)", "Always (A)", "(", "1)"])
def test_an_answer_that_is_no_letter_is_refused(merging: Model, answer: str) -> None:
    answered = positive(merging, QUESTION, answer, raw=True)
    with pytest.raises(DataError, match="expected a letter"):
        answered.letter_index()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("(A)", True), (" (B)", True), ("A", True), ("B.", True), ("(C", True), ("(A) Yes", False), ("Yes", False)],
)
def test_a_choice_is_a_letter_alone(answer: str, expected: bool) -> None:
    assert is_letter(answer) is expected


def test_chat_prompt_and_answer_are_joined_by_one_blank(chat: Model) -> None:
    for answer in ("Fine.", " Fine.", "   Fine."):
        answered = positive(chat, "How are you?", answer)
        assert answered.tokens.text == "<user>How are you?\n<assistant>Bot: Fine."
        assert answered.answer == " Fine."
        assert "".join(token_texts(answered, chat)[answered.n_prompt :]) == " Fine."
        assert (
            answered.tokens.ids[: answered.n_prompt].tolist() == chat.tokenize(chat.chat("How are you?")).ids.tolist()
        )


def test_raw_texts_are_taken_letter_by_letter(chat: Model) -> None:
    answered = positive(chat, "Q: x\nA:", "  fine", raw=True)
    assert answered.tokens.text == "Q: x\nA:  fine"
    assert "".join(token_texts(answered, chat)[answered.n_prompt :]) == "  fine"


def test_whole_texts_have_no_prompt(chat: Model) -> None:
    answered = positive(chat, "", "I am fine.")
    assert (answered.tokens.text, answered.n_prompt, answered.answer) == ("I am fine.", 0, "I am fine.")


def test_bos_is_there_once_in_every_text_of_a_pair(chat: Model) -> None:
    bos = chat.native.special_token("bos")
    for pair, raw in ((ContrastPair("Hi", "a", "b"), False), (ContrastPair("Hi", "a", "b"), True),
                      (ContrastPair("", "a", "b"), False)):  # fmt: skip
        for answered in answer_pair(chat, pair, raw=raw):
            assert answered.tokens.ids.tolist().count(bos) == 1
            assert answered.tokens.ids[0] == bos


def test_a_token_that_reaches_into_the_answer_belongs_to_it(merging: Model) -> None:
    # "(" ends the prompt and "A)" is the answer: one token holds both.
    answered = positive(merging, "Choose\n(", "A)", raw=True)
    assert token_texts(answered, merging)[answered.n_prompt] == "(A"
    assert answered.letter_index() == answered.n_prompt


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("letter", ["A"]),
        ("last", [")"]),
        ("last:2", ["A", ")"]),
        ("answer", [" ", "(", "A", ")"]),
        ("prompt", [":"]),
        ("match:Hi", ["H", "i"]),
        (r"match:\(A", ["(", "A"]),
    ],
)
def test_rules_pick_their_tokens(chat: Model, rule: str, expected: list[str]) -> None:
    assert read(positive(chat, "Hi", "(A)"), chat, rule) == expected


def test_rules_on_whole_texts_leave_bos_out(chat: Model) -> None:
    answered = positive(chat, "", "Hey")
    assert read(answered, chat, "answer") == ["H", "e", "y"]
    assert read(answered, chat, "last") == ["y"]
    assert parse_token_rule("last:99")(answered) == (0, 1, 2, 3)  # what was asked for: everything


def test_a_match_touches_tokens_of_several_bytes(merging: Model) -> None:
    answered = positive(merging, "", "caf\u00e9 the end")
    assert read(answered, merging, "match:the") == [" the"]
    assert len(read(answered, merging, "match:\u00e9")) == 2  # one token a byte
    assert len(read(answered, merging, "match:f\u00e9 ")) == 4


@pytest.mark.parametrize("rule", ["latest", "last:0", "last:-1", "last:x", "match:", "letter:1", "", "match:("])
def test_rules_that_do_not_exist_are_refused(rule: str) -> None:
    with pytest.raises(SteeringError, match="token rule"):
        parse_token_rule(rule)


def test_rules_that_do_not_fit_a_text_say_so(chat: Model) -> None:
    whole = positive(chat, "", "Hey")
    with pytest.raises(DataError, match="needs pairs with a prompt"):
        parse_token_rule("prompt")(whole)
    with pytest.raises(DataError, match="matches nothing"):
        parse_token_rule("match:Q")(whole)
    with pytest.raises(DataError, match="matches nothing"):
        parse_token_rule("match:x*")(whole)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([], [1], 0), ([1, 2], [1, 2], 2), ([1, 2], [1, 2, 3], 2), ([1, 2], [1, 3], 1), ([1], [2], 0)],
)
def test_common_tokens_are_counted(a: list[int], b: list[int], expected: int) -> None:
    assert n_common(a, b) == n_common(b, a) == expected
