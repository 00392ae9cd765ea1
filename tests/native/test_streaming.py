"""Streamed text: pieces as soon as they are sure, whole characters, never a part of a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from python_runs import exact_session

from pysteer.generation import Generation
from pysteer.model import Model
from pysteer.session import Session

PROMPT = "Hello there, you"


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Session:
    return exact_session(model)


@pytest.fixture(scope="module")
def known(session: Session) -> Generation:
    """What the tiny model says after the prompt."""
    return session.generate(PROMPT, raw=True, max_tokens=30)


def speak(session: Session, monkeypatch: pytest.MonkeyPatch, said: Sequence[bytes]) -> Session:
    """Let the model say these pieces, whatever its logits are: token k of the answer has the bytes ``said[k]``."""
    order = iter(range(len(said)))
    native, model = session.native, session.model.native

    class Scripted:
        def sample(self, sampler: object, row: int) -> int:
            return next(order)

        def __getattr__(self, name: str) -> object:
            return getattr(native, name)

    class Vocabulary:
        def is_end(self, token: int) -> bool:
            return False

        def token_bytes(self, token: int, special: bool) -> bytes:
            return said[token]

        def __getattr__(self, name: str) -> object:
            return getattr(model, name)

    monkeypatch.setattr(session, "_native", Scripted())
    monkeypatch.setattr(session.model, "native", Vocabulary())
    monkeypatch.setattr("pysteer.generation.core.Sampler", lambda *_, **__: None)
    return session


def stream(session: Session, **options: object) -> tuple[Generation, list[str]]:
    pieces: list[str] = []
    result = session.generate(PROMPT, raw=True, on_text=pieces.append, **options)  # type: ignore[arg-type]
    return result, pieces


def test_the_pieces_of_a_stream_are_the_text(session: Session, known: Generation) -> None:
    result, pieces = stream(session, max_tokens=30)
    assert result == known
    assert "".join(pieces) == known.text
    assert len(pieces) > 10
    assert all(pieces)


def test_text_ends_before_the_first_stop_string(session: Session, known: Generation) -> None:
    stop = known.text[10:13]
    at = known.text.find(stop)
    result, pieces = stream(session, max_tokens=30, stop=["never seen", stop])
    assert result.text == known.text[:at] == "".join(pieces)
    assert result.stop_reason == "stop"
    assert result.tokens == known.tokens[: len(result.tokens)]


@pytest.mark.parametrize(
    ("said", "stop", "text"),
    [
        pytest.param([b"one ", b"EN", b"D", b"more"], ["END"], "one ", id="over two tokens"),
        pytest.param([b"a", b"E", b"N", b"E", b"N", b"D"], ["END"], "aEN", id="after a false start"),
        pytest.param([b"xxaa", b"ab", b"!"], ["aab"], "xxa", id="a false start that overlaps"),
        pytest.param([b"ab", b"cd"], ["bcd", "abx"], "a", id="two that begin alike"),
        pytest.param([b"over END more", b"!"], ["END"], "over ", id="inside one token"),
        pytest.param([b"END"], ["END"], "", id="at once"),
        pytest.param([b"no\nUser", b":"], ["\nUser:", "\n\n"], "no", id="a turn of the user"),
        pytest.param([b"\xc3", b"\xa9\xe2\x82", b"\xac!"], ["\u20ac"], "\u00e9", id="characters split over tokens"),
    ],
)
def test_streaming_never_shows_a_part_of_a_stop_string(
    model: Model, monkeypatch: pytest.MonkeyPatch, said: list[bytes], stop: list[str], text: str
) -> None:
    with exact_session(model) as session:
        result, pieces = stream(speak(session, monkeypatch, said), max_tokens=len(said) + 1, stop=stop)
        monkeypatch.undo()
    assert (result.text, result.stop_reason) == (text, "stop")
    assert "".join(pieces) == text


def test_what_was_held_back_as_a_possible_stop_string_comes_at_the_end(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with exact_session(model) as session:
        result, pieces = stream(speak(session, monkeypatch, [b"the ", b"EN", b"E", b"N"]), max_tokens=4, stop=["END"])
        monkeypatch.undo()
    assert result.text == "the ENEN" == "".join(pieces)
    assert pieces == ["the ", "EN", "EN"]


def test_characters_split_over_tokens_come_whole(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [bytes([byte]) for byte in "é€😀!".encode()]
    with exact_session(model) as session:
        result, pieces = stream(speak(session, monkeypatch, said), max_tokens=len(said))
        monkeypatch.undo()
    assert pieces == ["é", "€", "😀", "!"]
    assert result.text == "é€😀!"


def test_a_character_that_is_cut_off_or_broken_is_marked(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    with exact_session(model) as session:
        result, pieces = stream(speak(session, monkeypatch, [b"a\xff", b"b", b"\xf0\x9f\x98"]), max_tokens=3)
        monkeypatch.undo()
    assert result.text == "a\ufffdb\ufffd" == "".join(pieces)
