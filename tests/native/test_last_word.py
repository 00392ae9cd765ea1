"""The last word of a passage: the NumPy oracle's log-probability, greedy decoding, passages beyond the context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import add, exact_session, log_softmax, numpy_hook, random_vector
from tiny_gguf import TINY_GPT2, TINY_LLAMA

from pysteer.errors import DataError, MeasurementError
from pysteer.last_word import last_words, split_last_word
from pysteer.model import Model
from pysteer.provenance import Provenance
from pysteer.session import Session
from pysteer.site import Site
from pysteer.vector import SteeringVector

VECTOR = random_vector(1, 2, norm=2.0)
TEXTS = ("He said that it was the thing", "In the end you are\nhere", "Was it a ring, or a  hand")
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module", params=[TINY_LLAMA, TINY_GPT2], ids=["llama", "gpt2"])
def path(request: pytest.FixtureRequest, write_tiny: WriteTiny) -> Path:
    return write_tiny(request.param, "F32")


@pytest.fixture(scope="module")
def session(path: Path) -> Session:
    return exact_session(path, n_sequences=16, n_ctx=1024)


def test_the_last_word_has_its_blank_and_no_line_break_behind(session: Session) -> None:
    side = split_last_word(session.model, "He saw a ring.\n the thing\n")
    assert side.answer == " thing"
    assert side.tokens.text == "He saw a ring.\n the thing"
    n = side.n_prompt
    assert session.model.detokenize(side.tokens.ids[n:]) == " thing"


@pytest.mark.parametrize("window", ["all", "answer", "generation"])
def test_it_is_the_oracles_sum_of_log_probabilities(session: Session, path: Path, window: str) -> None:
    strengths = (-1.0, 0.0, 2.0)
    ours = last_words(session.model, TEXTS, [[add(VECTOR, c, window)] for c in strengths], session=session)
    oracle = NumpyTransformer(path)
    for item, text in enumerate(TEXTS):
        side = split_last_word(session.model, text)
        ids, n = side.tokens.ids, side.n_prompt
        assert ours.n_tokens[item] == len(ids) - n
        for place, c in enumerate(strengths):
            logits = oracle.forward(ids[:-1], numpy_hook([add(VECTOR, c, window)], n)).logits[n - 1 :]
            rows = log_softmax(logits)
            expected = rows[np.arange(len(rows)), ids[n:]].sum()
            assert ours.log_prob[item, place] == pytest.approx(expected, abs=2e-4 * len(rows))
            assert ours.is_said[item, place] == (rows.argmax(axis=1) == ids[n:]).all()


def test_a_word_counts_as_said_where_every_token_is_the_most_probable_one(write_tiny: WriteTiny) -> None:
    """A planted answer: the unembedding's row of " the" at the last block makes it the next word everywhere."""
    with exact_session(write_tiny(replace(TINY_GPT2, is_tied=False), "F32"), n_ctx=1024) as session:
        model = session.model
        [the] = model.tokenize(" the", add_special=False).ids
        row = model.unembedding()[the] * model.weight("output_norm.weight")
        planted = SteeringVector({Site("resid_post", 3): row}, Provenance(method="planted"))
        texts = ("He said it was the", "He said it was in")
        found = last_words(model, texts, [[], [add(planted, 50.0, "answer")]], session=session)
    assert found.is_said.tolist() == [[False, True], [False, False]]
    assert found.log_prob[0, 1] > -1e-2
    assert found.n_cut == 0


def test_greedy_decoding_says_what_counts_as_said(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(replace(TINY_GPT2, is_tied=False), "F32"), n_ctx=1024) as session:
        model = session.model
        [the] = model.tokenize(" the", add_special=False).ids
        row = model.unembedding()[the] * model.weight("output_norm.weight")
        planted = SteeringVector({Site("resid_post", 3): row}, Provenance(method="planted"))
        with session.steer(planted, coefficient=50.0, window="answer"):
            assert session.generate("He said it was", raw=True, max_tokens=1).text == " the"


def test_coefficient_zero_is_the_unsteered_model_exactly(session: Session) -> None:
    found = last_words(session.model, TEXTS, [[], [add(VECTOR, 0.0)]], session=session)
    np.testing.assert_array_equal(found.log_prob[:, 1], found.log_prob[:, 0])
    np.testing.assert_array_equal(found.is_said[:, 1], found.is_said[:, 0])


def test_a_passage_beyond_the_context_keeps_its_end(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(replace(TINY_LLAMA, n_ctx=64), "F32"))
    with exact_session(model, n_ctx=256) as session:
        ids = model.tokenize("it was so " * 20 + "the thing").ids
        found = last_words(model, ["it was so " * 20 + "the thing"], [[]], session=session)
        kept = np.concatenate([ids[:1], ids[len(ids) - 63 :]])  # BOS and the last 63
        rows = log_softmax(session.logits(kept[:-1]))[-6:]
    assert model.native.adds_bos
    assert found.n_cut == 1
    assert found.log_prob[0, 0] == pytest.approx(rows[np.arange(6), kept[-6:]].sum(), abs=1e-4)
    with pytest.raises(DataError, match="alone fills the context of 64 tokens"):
        last_words(model, ["a " + "x" * 70], [[]])


@pytest.mark.parametrize("text", ["", "word", " word", "   "])
def test_a_text_without_words_before_the_last_is_refused(session: Session, text: str) -> None:
    with pytest.raises(DataError, match="text 1: expected words with a blank"):
        last_words(session.model, ["two words", text], [[]], session=session)


def test_nothing_to_measure_is_refused(session: Session) -> None:
    with pytest.raises(MeasurementError, match="no text"):
        last_words(session.model, [], [[]], session=session)
    with pytest.raises(MeasurementError, match="no steering"):
        last_words(session.model, TEXTS, [], session=session)
