"""Which positions each window covers: P = 10 prompt tokens at 0..9, generated ones from 10 on."""

from __future__ import annotations

import pytest

from pysteer.errors import SteeringError
from pysteer.window import OPEN_END, Window

N_PROMPT = 10


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all", ((0, OPEN_END),)),
        ("prompt", ((0, 10),)),
        ("generation", ((10, OPEN_END),)),
        ("last", ((9, 10),)),
        ("answer", ((9, OPEN_END),)),
        ("from:3", ((3, OPEN_END),)),
        ("from:-2", ((8, OPEN_END),)),
        ("from:end", ((10, OPEN_END),)),
        ("from:end+1", ((11, OPEN_END),)),
        ("2:5", ((2, 5),)),
        ("-3:-1", ((7, 9),)),
        ("1:-1", ((1, 9),)),
        ("1:end", ((1, 10),)),
        ("-3:", ((7, OPEN_END),)),
        (":4", ((0, 4),)),
        (":", ((0, OPEN_END),)),
        ("8:12", ((8, 12),)),
        ("end:end+3", ((10, 13),)),
        ("-20:2", ((0, 2),)),
        ("end-2:end", ((8, 10),)),
        ("last,generation", ((9, OPEN_END),)),
        ("5:7, 0:1", ((0, 1), (5, 7))),
        ("0:5,3:7", ((0, 7),)),
        ("0:9,3:7", ((0, 9),)),
    ],
)
def test_window_covers_these_positions(text: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert Window.parse(text).resolve(N_PROMPT) == expected


def test_answer_starts_at_the_last_prompt_token_as_the_paper_says() -> None:
    assert Window.parse("answer").resolve(37)[0][0] == 37 - 1


@pytest.mark.parametrize("text", ["all", "prompt", "generation", "last", "answer"])
def test_words_print_as_words(text: str) -> None:
    assert str(Window.parse(text)) == text


def test_two_spellings_of_one_window_are_equal() -> None:
    assert Window.parse("answer") == Window.parse("from:-1") == Window.parse("-1:") == Window.parse("end-1:")
    assert hash(Window.parse("prompt")) == hash(Window.parse("0:end"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "everything",
        "5",
        "from:",
        "from:x",
        "1:2:3",
        "1.5:2",
        "all,",
        "5:3",
        "5:5",
        "-1:-1",
        ":0",
        "-3:0",
        "end:-1",
        "9999999999:",
        "last token",
        "end:end",
    ],
)
def test_a_text_that_is_no_window_is_a_steering_error(text: str) -> None:
    with pytest.raises(SteeringError):
        Window.parse(text)


@pytest.mark.parametrize(("text", "n_prompt"), [("last", 0), ("prompt", 0), ("12:end", 10), ("1:-1", 2), ("-5:-4", 3)])
def test_a_window_that_covers_nothing_is_an_error_and_not_silence(text: str, n_prompt: int) -> None:
    with pytest.raises(SteeringError, match=f"covers no token when the prompt has {n_prompt}"):
        Window.parse(text).resolve(n_prompt)


def test_a_negative_prompt_length_is_an_error() -> None:
    with pytest.raises(SteeringError):
        Window.parse("all").resolve(-1)
