"""Generated text: llama.cpp's own greedy text, batches, stop strings, streaming, every way to end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from python_runs import add, exact_session, random_vector
from tiny_gguf import TinyModel

from pysteer.errors import ContextFullError, SessionError
from pysteer.generation import Generation, Request
from pysteer.model import Model
from pysteer.sampling import Sampling
from pysteer.session import Session

VECTOR = random_vector(1, 2)
PROMPTS = ("Hello there, you", "Hello there, he", "the thing in the", "Hello there, you are", "q")
WriteTiny = Callable[[TinyModel, str], Path]


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Session:
    return exact_session(model)


@pytest.fixture(scope="module")
def known(session: Session) -> Generation:
    """What the tiny model says after the first prompt."""
    return session.generate(PROMPTS[0], raw=True, max_tokens=30)


def test_greedy_tokens_are_those_of_llama_cpp(write_tiny: WriteTiny, tiny_model: TinyModel) -> None:
    # Tokens, not text: llama-cpp-python cannot print the broken UTF-8 that random weights say.
    path = write_tiny(tiny_model, "F32")
    theirs = llama_cpp.Llama(str(path), n_ctx=256, n_threads=1, verbose=False, type_k=0, type_v=0, flash_attn=False)
    with exact_session(path) as ours:
        for prompt in PROMPTS[:3]:
            tokens = ours.model.tokenize(prompt).ids.tolist()
            expected = tuple(islice(theirs.generate(tokens, temp=0.0, repeat_penalty=1.0), 24))
            result = ours.generate(prompt, raw=True, max_tokens=24)
            assert result.tokens == expected, prompt
            spoken = b"".join(ours.model.native.token_bytes(token, False) for token in expected)
            assert result.text == spoken.decode("utf-8", errors="replace")
    theirs.close()


def test_requests_in_one_batch_say_what_each_says_alone(model: Model) -> None:
    requests = [
        Request(prompt, [add(VECTOR, c, window)], max_tokens=n, raw=True)
        for prompt, c, window, n in zip(
            PROMPTS, (0.0, 1.0, -2.0, 3.0, 1.0), ("all", "prompt", "all", "generation", "last"), (9, 20, 20, 5, 20),
            strict=True,
        )
    ]  # fmt: skip
    with exact_session(model) as session:
        alone = [session.generate_many([request])[0] for request in requests]
    with exact_session(model) as session:
        assert session.generate_many(requests) == alone
    with exact_session(model, n_sequences=2) as session:  # in rounds
        assert session.generate_many(requests) == alone
    with exact_session(model, n_batch=3, n_sequences=8) as session:  # fewer tokens a batch than requests
        assert session.generate_many(requests) == alone


def test_one_prompt_at_many_strengths_says_what_each_says_alone(model: Model) -> None:
    strengths = [-3.0, -1.0, 0.0, 1.0, 3.0]
    with exact_session(model) as session:
        requests = [Request(PROMPTS[0], [add(VECTOR, c)], max_tokens=16, raw=True) for c in strengths]
        together = session.generate_many(requests)
    for c, result in zip(strengths, together, strict=True):
        with exact_session(model) as session, session.steer(VECTOR, coefficient=c):
            assert session.generate(PROMPTS[0], raw=True, max_tokens=16) == result
    assert len({result.tokens for result in together}) >= 3


def test_max_tokens_are_generated_and_no_more(session: Session, known: Generation) -> None:
    assert len(known.tokens) == 30
    assert known.stop_reason == "length"
    one = session.generate(PROMPTS[0], raw=True, max_tokens=1)
    assert one.tokens == known.tokens[:1]
    with pytest.raises(SessionError, match="max_tokens is 0"):
        session.generate(PROMPTS[0], raw=True, max_tokens=0)


def test_an_empty_stop_string_is_refused(session: Session) -> None:
    with pytest.raises(SessionError, match="stop string"):
        session.generate(PROMPTS[0], raw=True, stop=[""])


def test_ctrl_c_keeps_what_is_there(session: Session, known: Generation) -> None:
    pieces: list[str] = []

    def interrupt(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 6:
            signal.raise_signal(signal.SIGINT)

    result = session.generate(PROMPTS[0], raw=True, max_tokens=30, on_text=interrupt)
    assert result.stop_reason == "interrupted"
    assert result.text == known.text[: len(result.text)] == "".join(pieces)
    assert 6 <= len(result.tokens) < 30
    assert session.generate(PROMPTS[0], raw=True, max_tokens=30) == known  # the session goes on as if nothing were


def test_ctrl_c_ends_all_requests_also_those_that_wait_for_a_sequence(model: Model) -> None:
    pieces: list[str] = []

    def interrupt(index: int, piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 1:
            raise KeyboardInterrupt

    with exact_session(model, n_sequences=2) as session:
        results = session.generate_many([Request(prompt, raw=True) for prompt in PROMPTS], on_text=interrupt)
    assert [result.stop_reason for result in results] == ["interrupted"] * len(PROMPTS)
    assert [result.text for result in results[2:]] == [""] * (len(PROMPTS) - 2)


def test_an_error_in_the_callers_function_comes_out(session: Session, known: Generation) -> None:
    def fail(piece: str) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        session.generate(PROMPTS[0], raw=True, on_text=fail)
    assert session.generate(PROMPTS[0], raw=True, max_tokens=30) == known


def test_a_full_memory_ends_the_text(model: Model) -> None:
    with exact_session(model, n_ctx=256) as session:
        result = session.generate("x" * 200, raw=True, max_tokens=500)
        # The last token is sampled when the memory is full and never computed itself.
        assert (result.stop_reason, result.n_prompt + len(result.tokens)) == ("context", 257)


def test_only_the_request_that_reaches_the_last_learned_position_ends_for_it(tiny_gpt2: Path) -> None:
    with exact_session(tiny_gpt2, n_ctx=1024) as session:  # 256 learned positions
        long, short = (Request(prompt, raw=True, max_tokens=60) for prompt in ("xy" * 110, "q"))
        alone = session.generate_many([short])[0]
        results = session.generate_many([long, short])
    assert (results[0].stop_reason, results[0].n_prompt + len(results[0].tokens)) == ("context", 257)
    assert results[1] == alone


def test_a_prompt_that_does_not_fit_is_refused(model: Model) -> None:
    with exact_session(model, n_ctx=256) as session:
        with pytest.raises(ContextFullError, match="prompts of 301 tokens do not fit a context of 256"):
            session.generate("x" * 300, raw=True)
        assert session.generate("q", raw=True, max_tokens=2).stop_reason == "length"


def test_what_earlier_requests_left_does_not_take_the_room_of_later_ones(model: Model) -> None:
    with exact_session(model, n_ctx=512, n_sequences=4) as session:
        session.generate_many([Request(letter * 100, raw=True, max_tokens=4) for letter in "abcd"])
        assert session.generate("x" * 400, raw=True, max_tokens=4).stop_reason == "length"
        session.generate_many([Request("y" * 30, raw=True, max_tokens=2), Request("z" * 440, raw=True, max_tokens=2)])
        later = session.generate_many([Request(letter * 230, raw=True, max_tokens=4) for letter in "ab"])
    assert [result.stop_reason for result in later] == ["length", "length"]


def test_the_end_token_ends_the_text_and_is_no_part_of_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = session.generate(PROMPTS[0], raw=True, max_tokens=12)
    fifth = whole.tokens[5]
    native = session.model.native

    class Ending:
        def is_end(self, token: int) -> bool:
            return token == fifth

        def __getattr__(self, name: str) -> object:
            return getattr(native, name)

    first = whole.tokens.index(fifth)
    runs = [session.generate(PROMPTS[0], raw=True, max_tokens=12)]
    assert runs[0] == whole
    monkeypatch.setattr("pysteer.generation.Running.take", _take_with(Ending()))
    ended = session.generate(PROMPTS[0], raw=True, max_tokens=12)
    assert (ended.stop_reason, ended.tokens) == ("end", whole.tokens[:first])


def _take_with(vocabulary: object) -> Callable[..., None]:
    from pysteer.generation import Running

    real = Running.take
    return lambda self, model, token: real(self, vocabulary, token)  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_text_and_another_one_another(session: Session) -> None:
    def draw(seed: int) -> str:
        sampling = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=seed)
        return session.generate(PROMPTS[0], raw=True, max_tokens=16, sampling=sampling).text

    assert draw(1) == draw(1)
    assert len({draw(seed) for seed in range(4)}) == 4


def test_the_repetition_penalty_counts_the_prompt_too(session: Session) -> None:
    prompt = "abababababab"
    strong = Sampling(repetition_penalty=1e6)
    result = session.generate(prompt, raw=True, max_tokens=20, sampling=strong)
    seen = session.model.tokenize(prompt).ids.tolist() + list(result.tokens)
    assert len(set(result.tokens)) == 20  # nothing twice
    assert not set(result.tokens) & set(seen[: -len(result.tokens)])


def test_prompts_without_a_token_or_of_the_wrong_kind_are_refused(tiny_gpt2: Path) -> None:
    with exact_session(tiny_gpt2) as session:
        with pytest.raises(SessionError, match="prompt is empty"):
            session.generate("", raw=True)
        with pytest.raises(SessionError, match="raw prompt must be a text"):
            session.generate([{"role": "user", "content": "x"}], raw=True)


def test_no_request_is_no_text(session: Session) -> None:
    assert session.generate_many([]) == []


def test_nan_logits_are_an_error_and_no_text(session: Session) -> None:
    from pysteer.errors import MeasurementError

    far = 1e38 * random_vector(3, norm=1.0)
    with session.steer([add(far, 3.0), add(far, 3.0)]), pytest.raises((MeasurementError, SessionError)):
        session.generate(PROMPTS[0], raw=True)
    assert np.isfinite(session.logits([5, 6, 7])).all()
