"""``pysteer chat``: lines on stdin, answers on stdout, everything else on stderr."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

import pysteer

FEW = ("--max-tokens", 8)


@pytest.fixture
def chat(run, chat_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """``chat(["Hi", "/quit"], "--max-tokens", 8)``: what a chat with these lines leaves behind."""

    def talk(lines: list[str], *options: object, model: Path = chat_model):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return run("chat", model, *options)

    return talk


def answer(model: Path, said: list[str], n: int = 8) -> str:
    """What the model says to the last of these messages; the others are earlier questions and answers in turn."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    with pysteer.Model.load(model).session() as session:
        return session.generate(messages, max_tokens=n).text


def test_answers_know_what_was_said_before(chat, chat_model: Path) -> None:
    first = answer(chat_model, ["Hi"])
    second = answer(chat_model, ["Hi", first.strip(), "And you?"])
    outcome = chat(["Hi", "And you?"], *FEW)
    assert outcome.code == 0
    assert outcome.out == f"{first.lstrip()}\n{second.lstrip()}\n"


def test_reset_forgets_what_was_said(chat, chat_model: Path) -> None:
    expected = answer(chat_model, ["Hi"]).lstrip() + "\n"
    assert chat(["Hi", "/reset", "Hi"], *FEW).out == expected * 2


def test_quit_leaves_and_blank_lines_are_skipped(chat) -> None:
    outcome = chat(["", "/quit", "Hi"], *FEW)
    assert (outcome.code, outcome.out) == (0, "")


def test_strength_changes_the_next_answer(chat, chat_model: Path, vector_file: Path) -> None:
    steered = ("--vector", vector_file, "--coefficient", 30)
    plain = answer(chat_model, ["Hi"]).lstrip() + "\n"
    outcome = chat(["Hi", "/reset", "/strength 0", "Hi"], *steered, *FEW)
    assert outcome.out.endswith(plain)
    assert outcome.out != plain * 2
    assert "good.gguf at strength 0" in outcome.err


def test_strength_set_while_chatting_is_that_of_the_option(chat, vector_file: Path) -> None:
    later = chat([f"/vector {vector_file}", "/strength 30", "Hi"], *FEW)
    assert later.out == chat(["Hi"], "--vector", vector_file, "--coefficient", 30, *FEW).out


def test_vector_without_a_file_ends_the_steering(chat, chat_model: Path, vector_file: Path) -> None:
    outcome = chat(["/vector", "Hi"], "--vector", vector_file, "--coefficient", 30, *FEW)
    assert outcome.out == answer(chat_model, ["Hi"]).lstrip() + "\n"
    assert "unsteered" in outcome.err


def test_vector_comes_back_as_it_was_applied(chat, vector_file: Path) -> None:
    options = ("--vector", vector_file, "--coefficient", 30, "--layers", "2", "--operation", "norm_preserving_add")
    outcome = chat(["/vector", f"/vector {vector_file}", "Hi"], *options, *FEW)
    assert outcome.out == chat(["Hi"], *options, *FEW).out


def test_window_is_changed_and_said(chat, vector_file: Path) -> None:
    outcome = chat(["/window answer", "/help"], "--vector", vector_file, "--coefficient", 1)
    assert "good.gguf at strength 1 (add, answer)" in outcome.err
    assert "/strength" in outcome.out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/strenght 1", "did you mean '/strength'?"),
        ("/strength much", "expected a number"),
        ("/strength 1 2", "expected 1 numbers"),
        ("/strength inf", "finite"),
        ("/window nowhere", "expected a window"),
        ("/vector no such file.gguf", "no such file.gguf"),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(
    chat, chat_model: Path, vector_file: Path, line: str, expected: str
) -> None:
    steered = ("--vector", vector_file, "--coefficient", 30)
    outcome = chat([line, "Hi"], *steered, *FEW)
    assert outcome.code == 0
    assert outcome.err.count("error: ") == 1
    assert expected in outcome.err
    assert outcome.out == chat(["Hi"], *steered, *FEW).out


def test_vector_for_another_model_is_refused_while_chatting(chat, wide_model: Path, vector_file: Path) -> None:
    outcome = chat([f"/vector {vector_file}", "Hi"], *FEW, model=wide_model)
    assert "good.gguf" in outcome.err
    assert outcome.out


def test_chat_begins_at_strength_one(chat, vector_file: Path) -> None:
    assert "good.gguf at strength 1 (add, all)" in chat(["/help"], "--vector", vector_file).err


def test_strength_without_a_vector_says_what_to_do(chat) -> None:
    assert "/vector FILE" in chat(["/strength 2"]).err


def test_ctrl_c_ends_the_answer_and_not_the_program(chat, monkeypatch: pytest.MonkeyPatch) -> None:
    from pysteer.cli.streaming import Stream

    take, n_pieces = Stream.take, []

    def interrupt_once(self: Stream, piece: str) -> None:
        n_pieces.append(piece)
        if len(n_pieces) == 2:
            raise KeyboardInterrupt
        take(self, piece)

    monkeypatch.setattr(Stream, "take", interrupt_once)
    outcome = chat(["Hi", "Hi again"], *FEW)
    assert outcome.code == 0
    assert outcome.err.splitlines().count("interrupted") == 1
    assert len(outcome.out.splitlines()) >= 2


def test_ctrl_c_while_typing_drops_the_line(run, chat_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter([KeyboardInterrupt(), EOFError()])

    def type_line(_: str = "") -> str:
        raise next(lines)

    monkeypatch.setattr("builtins.input", type_line)
    outcome = run("chat", chat_model)
    assert outcome.code == 0
    assert "/quit or Ctrl-D leaves" in outcome.err


def test_oldest_messages_are_forgotten_when_the_context_is_full(chat) -> None:
    outcome = chat(["word " * 24, "word " * 24], *FEW)
    assert outcome.code == 0
    assert "the 2 oldest messages are forgotten" in outcome.err


def test_message_that_never_fits_is_one_line(chat) -> None:
    outcome = chat(["word " * 100, "Hi"], *FEW)
    assert outcome.err.count("error: ") == 1
    assert outcome.out


def test_model_without_a_template_is_refused_at_once(chat, plain_model: Path) -> None:
    assert "chat template" in chat(["Hi"], model=plain_model).sentence
