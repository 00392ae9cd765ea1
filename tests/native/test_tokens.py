"""Text to tokens and back, and where in the text each token lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from core_runs import int32, run_python
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_gguf import END_OF_TEXT, TINY_GEMMA2, TINY_GPT2, TINY_LLAMA, TINY_QWEN2, TinyModel

from pysteer import _core
from pysteer.errors import TokenizeError

WriteTiny = Callable[[TinyModel, str], Path]
TEXTS = [
    "",
    " ",
    "hello",
    " the thing in the cellar",
    "two  spaces   three\n\n\tand lines\r\n",
    "naïve café, Größe, ñandú",
    "漢字 かな 한글 العربية עברית हिन्दी",
    "👩‍👩‍👧‍👦 🇩🇪 👍🏽 é ZWJ",
    "a\x00b",
    "<s> </s> <unk> <|endoftext|>",
    "x" * 1000,
    "\ufeffbom and \u200b zero width",
]
VOCABULARIES = {
    "spm": TINY_LLAMA,
    "spm_with_blank": replace(TINY_LLAMA, adds_space_prefix=True),
    "gemma2": TINY_GEMMA2,
    "bpe": TINY_GPT2,
    "qwen2": TINY_QWEN2,
}
NO_BYTES = replace(TINY_LLAMA, has_byte_tokens=False)


@pytest.fixture(scope="module", params=list(VOCABULARIES))
def model(request: pytest.FixtureRequest, write_tiny: WriteTiny) -> _core.Model:
    return _core.Model.load(str(write_tiny(VOCABULARIES[request.param], "F32")))


@pytest.fixture(scope="module", params=["tinytalk", "stories260k"])
def trained(request: pytest.FixtureRequest) -> _core.Model:
    return _core.Model.load(str(request.getfixturevalue(request.param)))


def assert_spans_rebuild(
    model: _core.Model, text: str, *, add_special: bool = True, parse_special: bool = False
) -> None:
    ids, spans = model.tokenize(text, add_special, parse_special)
    assert spans is not None
    assert spans.shape == (len(ids), 2)
    data, rebuilt = text.encode(), b""
    for token, (begin, end) in zip(ids, spans, strict=True):
        assert begin == len(rebuilt), "spans follow each other without a gap"
        piece = model.token_bytes(int(token), True)
        if begin < end:
            assert data[begin:end] in (piece, piece.removeprefix(b" "))
        rebuilt += data[begin:end]
    assert rebuilt == data


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
@pytest.mark.parametrize("add_special", [True, False])
def test_byte_spans_rebuild_the_text(model: _core.Model, text: str, add_special: bool) -> None:
    assert_spans_rebuild(model, text, add_special=add_special)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_byte_spans_rebuild_the_text_in_trained_vocabularies(trained: _core.Model, text: str) -> None:
    assert_spans_rebuild(trained, text)


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"), max_size=40))
@settings(max_examples=150, deadline=None)
def test_byte_spans_rebuild_any_text(model: _core.Model, text: str) -> None:
    assert_spans_rebuild(model, text)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text)[:20])
def test_detokenising_gives_the_text_back(model: _core.Model, text: str) -> None:
    ids, _ = model.tokenize(text, False, False)
    assert model.detokenize(ids, True) == text.encode()


def test_bos_is_added_when_asked_for_and_covers_no_text(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    bos = model.special_token("bos")
    ids, spans = model.tokenize("hi", True, False)
    assert spans is not None
    assert (ids[0], tuple(spans[0])) == (bos, (0, 0))
    assert bos not in model.tokenize("hi", False, False)[0]


def test_an_added_bos_covers_no_text_even_where_the_text_begins_with_its_letters(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    _, literal = model.tokenize("<s>hi", True, False)
    _, parsed = model.tokenize("<s>hi", True, True)
    assert literal is not None
    assert parsed is not None
    assert [tuple(span) for span in literal[:3]] == [(0, 0), (0, 1), (1, 2)]
    assert [tuple(span) for span in parsed[:3]] == [(0, 0), (0, 3), (3, 4)]


def test_special_tokens_are_parsed_only_when_asked_for(tiny_gpt2: Path) -> None:
    model = _core.Model.load(str(tiny_gpt2))
    end = model.special_token("eos")
    assert list(model.tokenize(END_OF_TEXT, False, True)[0]) == [end]
    assert end not in model.tokenize(END_OF_TEXT, False, False)[0]


@pytest.mark.parametrize("name", ["spm", "spm_with_blank", "bpe"])
def test_spans_go_on_after_special_tokens_inside_the_text(write_tiny: WriteTiny, name: str) -> None:
    model = _core.Model.load(str(write_tiny(VOCABULARIES[name], "F32")))
    special = END_OF_TEXT if name == "bpe" else "</s>"
    assert_spans_rebuild(model, f"one{special} two{special}{special}three", parse_special=True)


def test_control_tokens_are_written_out_only_when_asked_for(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    eos = model.special_token("eos")
    assert eos is not None
    assert model.token_bytes(eos, True) == b"</s>"
    assert model.token_bytes(eos, False) == b""
    assert model.is_end(eos)


def test_a_token_that_is_not_there_is_none(tiny_llama: Path) -> None:
    model = _core.Model.load(str(tiny_llama))
    assert model.special_token("pad") is None
    assert model.special_token("nonsense") is None


def test_bytes_of_a_token_need_not_be_utf8(tiny_gpt2: Path) -> None:
    model = _core.Model.load(str(tiny_gpt2))
    ids, _ = model.tokenize("漢", False, False)
    assert len(ids) == 3
    assert b"".join(model.token_bytes(int(token), False) for token in ids) == "漢".encode()


@pytest.mark.parametrize("token", [-1, 354, 2**31 - 1, -(2**31)])
def test_ids_outside_the_vocabulary_are_refused(tiny_llama: Path, token: int) -> None:
    model = _core.Model.load(str(tiny_llama))
    with pytest.raises(TokenizeError, match="outside the vocabulary"):
        model.token_bytes(token, True)
    with pytest.raises(TokenizeError, match="outside the vocabulary"):
        model.detokenize(int32([5, token]), True)


def test_detokenising_nothing_gives_nothing(model: _core.Model) -> None:
    assert model.detokenize(int32([]), True) == b""


@pytest.mark.parametrize("data", [b"\xff\xfe", b"ok \xc3", b"\xf0\x9f", b"\x80\x80"])
def test_bytes_that_are_not_utf8_have_no_wrong_spans(model: _core.Model, data: bytes) -> None:
    """They can reach the core only from C or as bytes: never a crash, and spans that fit the bytes or none."""
    try:
        _, spans = model.tokenize(data, True, False)  # type: ignore[arg-type]
    except TokenizeError:
        return
    assert spans is None or spans[-1, 1] == len(data)


def test_a_character_that_the_vocabulary_cannot_express_is_an_error(write_tiny: WriteTiny) -> None:
    model = _core.Model.load(str(write_tiny(NO_BYTES, "F32")))
    with pytest.raises(TokenizeError, match='no token for "漢"'):
        model.tokenize("a 漢", True, False)


@pytest.mark.parametrize("text", ["hello there", "", "A-z 0.9!"])
def test_a_vocabulary_without_byte_tokens_expresses_its_own_characters(write_tiny: WriteTiny, text: str) -> None:
    assert_spans_rebuild(_core.Model.load(str(write_tiny(NO_BYTES, "F32"))), text)


@pytest.mark.parametrize("text", ["漢", "\\n", "\\x00", "naïve", "\\u2581", "\U0001f44d"])
def test_no_text_aborts_the_process_without_byte_tokens(write_tiny: WriteTiny, text: str) -> None:
    """llama.cpp ends the process there, so it is tried in one that may end."""
    script = (
        "import sys, llama_cpp\nfrom pysteer import _core, errors\n"
        "model = _core.Model.load(sys.argv[1])\n"
        "try: model.tokenize(sys.argv[2].encode().decode('unicode_escape') if '\\\\' in sys.argv[2] else sys.argv[2],"
        " True, False)\n"
        "except errors.TokenizeError: print('refused')\n"
        "else: print('expressed')\n"
    )
    path = str(write_tiny(NO_BYTES, "F32"))
    done = run_python(script, path, text)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("refused", "expressed")


def test_ids_must_be_int32(tiny_llama: Path) -> None:
    with pytest.raises(ValueError, match="int32"):
        _core.Model.load(str(tiny_llama)).detokenize(np.array([5, 6]), True)
