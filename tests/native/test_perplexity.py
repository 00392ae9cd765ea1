"""Perplexity: llama.cpp's formula straight from all its logits, KL in NumPy, several strengths side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from plain_llama import control_vector_logits
from python_runs import add, exact_session, log_softmax, random_vector
from tiny_gguf import TINY_GPT2, TINY_LLAMA, TINY_QWEN2, TinyModel

from pysteer.errors import ContextFullError, MeasurementError
from pysteer.model import Model
from pysteer.session import Session
from pysteer.text_perplexity import PerplexityResult, perplexities, perplexity
from pysteer.vector import SteeringVector

TEXT = " ".join(f"The thing {k * k} in the hand was a ring. Then he {'said' * (k % 3)}: {k}." for k in range(5))[:257]
DOCUMENTS = ["The thing he had.", "In the end it was a ring, and nothing else but the ring.", "No"]
VECTOR = random_vector(1, 2, 3)  # layers that llama.cpp's own control vector reaches, too
WriteTiny = Callable[[TinyModel, str], Path]


@pytest.fixture(scope="module")
def session(tiny_llama: Path) -> Session:
    return exact_session(tiny_llama, n_ctx=1024)


def windows_of(model: Model, text: str, size: int) -> list[np.ndarray]:
    """llama.cpp's windows (tools/perplexity/perplexity.cpp): no overlap, BOS in place of each one's first token."""
    ids = model.tokenize(text, parse_special=False).ids
    windows = [ids[begin : begin + size].copy() for begin in range(0, len(ids) - size + 1, size)]
    if model.native.adds_bos:
        for window in windows:
            window[0] = model.native.special_token("bos")
    return windows


def distributions(path: Path, window: np.ndarray, vector: SteeringVector | None = None, c: float = 1.0) -> np.ndarray:
    """(T, n_vocab) log-probabilities after each token, by llama.cpp alone."""
    directions = None
    if vector is not None:
        rows = {site.layer: np.float32(c) * direction for site, direction in vector.directions.items()}
        directions = np.stack([rows.get(layer, np.zeros(64)) for layer in range(1, 4)])
    return log_softmax(control_vector_logits(path, [window.tolist()], directions, n_batch=max(8, len(window))))


def llama_cpp_nll(path: Path, windows: Sequence[np.ndarray], *, first: int | None = None) -> np.ndarray:
    """Negative log-likelihoods of all scored tokens: those behind position size // 2 (or `first`) of each window."""
    parts = []
    for window in windows:
        start = len(window) // 2 if first is None else first
        log_probs = distributions(path, window)
        parts.append(-log_probs[np.arange(start, len(window) - 1), window[start + 1 :]])
    return np.concatenate(parts)


@pytest.mark.parametrize("tiny", [TINY_LLAMA, TINY_GPT2, TINY_QWEN2], ids=["llama", "gpt2", "qwen2"])
@pytest.mark.parametrize("size", [32, 45])
def test_it_is_the_number_of_llama_cpps_formula(
    write_tiny: WriteTiny, tiny: TinyModel, weight_type: str, size: int
) -> None:
    path = write_tiny(tiny, weight_type)
    model = Model.load(path)
    nll = llama_cpp_nll(path, windows_of(model, TEXT, size))
    with exact_session(model) as session:
        ours = perplexity(model, TEXT, window_size=size, session=session)
    assert ours.n_tokens == len(nll)
    assert ours.nll == pytest.approx(nll.mean(), rel=1e-4)
    assert ours.perplexity == pytest.approx(math.exp(nll.mean()), rel=1e-4)
    assert ours.kl is None
    assert ours.top1_agreement is None


def test_a_session_of_its_own_gives_the_same_number(tiny_llama: Path, session: Session) -> None:
    own = perplexity(session.model, TEXT, window_size=64)
    exact = perplexity(session.model, TEXT, window_size=64, session=session)
    assert own.perplexity == pytest.approx(exact.perplexity, rel=1e-3)  # keys and values as float16


@pytest.mark.parametrize("n_batch", [16, 33, 512])
def test_the_size_of_a_batch_does_not_matter(tiny_llama: Path, session: Session, n_batch: int) -> None:
    steerings = [[add(VECTOR, c)] for c in (-1.0, 1.0)]
    expected = perplexities(session.model, TEXT, steerings, window_size=40, session=session)
    with exact_session(tiny_llama, n_batch=n_batch, n_ctx=1024) as small:
        results = perplexities(small.model, TEXT, steerings, window_size=40, session=small)
    for ours, theirs in zip(results, expected, strict=True):
        assert ours.nll == pytest.approx(theirs.nll, rel=1e-5)
        assert (ours.kl or 0.0) == pytest.approx(theirs.kl or 0.0, rel=1e-4, abs=1e-7)


def test_steered_numbers_equal_llama_cpps_own_control_vector(tiny_llama: Path, session: Session) -> None:
    steered = perplexities(session.model, TEXT, [[add(VECTOR, 1.0)]], window_size=40, session=session)[1]
    nll, kl, same, entropy = [], [], [], []
    for window in windows_of(session.model, TEXT, 40):
        scored = np.arange(20, 39)
        base = distributions(tiny_llama, window)[scored]
        moved = distributions(tiny_llama, window, VECTOR)[scored]
        nll.append(-moved[np.arange(19), window[21:]])
        kl.append((np.exp(base) * (base - moved)).sum(axis=1))
        same.append(base.argmax(axis=1) == moved.argmax(axis=1))
        entropy.append(-(np.exp(moved) * moved).sum(axis=1))
    assert steered.nll == pytest.approx(np.mean(nll), rel=1e-4)
    assert steered.kl == pytest.approx(np.mean(kl), rel=1e-4)
    assert steered.top1_agreement == pytest.approx(np.mean(same))
    assert steered.entropy == pytest.approx(np.mean(entropy), rel=1e-4)
    assert steered.kl > 0.1
    np.testing.assert_allclose(steered.window_nll, np.mean(nll, axis=1), rtol=1e-4)


def test_coefficient_zero_is_the_unsteered_model_exactly(session: Session) -> None:
    base, zero, nothing, one = perplexities(
        session.model, TEXT, [[add(VECTOR, 0.0)], [], [add(VECTOR, 1.0)]], window_size=64, session=session
    )
    for same in (zero, nothing):
        assert (same.nll, same.kl, same.top1_agreement, same.entropy) == (base.nll, 0.0, 1.0, base.entropy)
    assert one.kl is not None
    assert one.kl > 0.0


def test_the_unsteered_model_against_itself_has_no_kl(session: Session) -> None:
    # +c then -c is not recognised as nothing, so this goes through the steered path.
    both = perplexity(
        session.model, TEXT, steering=[add(VECTOR, 1.0), add(VECTOR, -1.0)], window_size=64, session=session
    )
    assert both.kl == pytest.approx(0.0, abs=1e-6)
    assert both.kl >= 0.0


def test_strengths_side_by_side_equal_single_ones(session: Session) -> None:
    strengths = (-2.0, 0.0, 0.5, 2.0)
    together = perplexities(session.model, TEXT, [[add(VECTOR, c)] for c in strengths], window_size=64, session=session)
    for c, ours in zip(strengths, together[1:], strict=True):
        alone = perplexity(session.model, TEXT, steering=[add(VECTOR, c)], window_size=64, session=session)
        assert ours.nll == pytest.approx(alone.nll, rel=1e-5)
        assert ours.kl == pytest.approx(alone.kl, rel=1e-4, abs=1e-7)


def test_kl_grows_with_the_strength(session: Session) -> None:
    steerings = [[add(VECTOR, c)] for c in (0.25, 0.5, 1.0)]
    kl = [result.kl or 0.0 for result in perplexities(session.model, TEXT, steerings, window_size=64)[1:]]
    assert 0.0 < kl[0] < kl[1] < kl[2]


def test_windows_of_interventions_see_a_window_of_text_as_prompt(tiny_llama: Path, session: Session) -> None:
    first, last = (
        perplexity(session.model, TEXT, steering=[add(VECTOR, 1.0, window)], window_size=40, session=session)
        for window in ("0:1", "last")
    )
    assert first.kl is not None
    assert first.kl > 0.0
    assert last.kl == pytest.approx(0.0, abs=1e-7)  # the last token of a window predicts nothing that is scored


def test_documents_are_scored_one_by_one_from_their_first_token(tiny_llama: Path, session: Session) -> None:
    model = session.model
    ours = perplexity(model, DOCUMENTS, session=session)
    nll = [llama_cpp_nll(tiny_llama, [model.tokenize(document).ids], first=0) for document in DOCUMENTS]
    assert ours.n_tokens == sum(map(len, nll)) == sum(map(len, DOCUMENTS))
    assert ours.n_windows == 3
    assert ours.nll == pytest.approx(np.concatenate(nll).mean(), rel=1e-4)
    np.testing.assert_allclose(ours.window_nll, [part.mean() for part in nll], rtol=1e-4)


def test_documents_without_bos_cannot_score_their_first_token(tiny_gpt2: Path) -> None:
    with exact_session(tiny_gpt2) as session:
        ids = session.model.tokenize(DOCUMENTS[0]).ids
        ours = perplexity(session.model, DOCUMENTS[:1], session=session)
        nll = llama_cpp_nll(tiny_gpt2, [ids], first=0)
    assert ours.n_tokens == len(ids) - 1
    assert ours.nll == pytest.approx(nll.mean(), rel=1e-4)


def test_long_documents_are_cut_into_windows(tiny_llama: Path, session: Session) -> None:
    ours = perplexity(session.model, [TEXT, "No"], window_size=64, session=session)
    nll = [llama_cpp_nll(tiny_llama, [window], first=0) for window in windows_of(session.model, TEXT, 64)]
    nll.append(llama_cpp_nll(tiny_llama, [session.model.tokenize("No").ids], first=0))
    assert ours.n_windows == len(nll)
    assert ours.nll == pytest.approx(np.concatenate(nll).mean(), rel=1e-4)


def test_control_tokens_written_in_a_text_are_text(tiny_gpt2: Path) -> None:
    text = "the end<|endoftext|>" * 5
    with exact_session(tiny_gpt2) as session:
        model = session.model
        ours = perplexity(model, text, window_size=30, session=session)
    assert ours.n_windows == len(model.tokenize(text, parse_special=False)) // 30 > len(model.tokenize(text)) // 30
    nll = llama_cpp_nll(tiny_gpt2, windows_of(model, text, 30))
    assert ours.nll == pytest.approx(nll.mean(), rel=1e-4)


def test_the_interval_holds_the_number_and_needs_two_windows(session: Session) -> None:
    many = perplexity(session.model, TEXT, window_size=32, session=session)
    assert many.low < many.perplexity < many.high
    one = perplexity(session.model, TEXT[:70], window_size=64, session=session)
    assert one.n_windows == 1
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    again = perplexity(session.model, TEXT, window_size=32, session=session, seed=1)
    assert (again.perplexity, again.low == many.low) == (many.perplexity, False)


def test_identical_windows_have_an_interval_of_no_width(session: Session) -> None:
    result: PerplexityResult = perplexity(session.model, ["The same."] * 3, session=session)
    assert result.low == pytest.approx(result.high, rel=1e-5)
    assert result.low == pytest.approx(result.perplexity, rel=1e-5)


def test_progress_counts_windows(session: Session) -> None:
    seen: list[tuple[int, int]] = []
    perplexity(
        session.model, TEXT, window_size=64, session=session, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(k, 4) for k in range(5)]


@pytest.mark.parametrize(
    ("text", "size", "words"),
    [
        pytest.param("short", 512, "6 tokens, fewer than one window of 512", id="too short"),
        pytest.param("", 512, "1 tokens, fewer", id="empty"),
        pytest.param(TEXT, 3, "window_size is 3", id="window too small"),
        pytest.param([], 512, "no document", id="no document"),
        pytest.param(["fine", ""], 512, "document of 1 tokens", id="empty document"),
    ],
)
def test_what_cannot_be_measured_is_an_error(session: Session, text: str | list[str], size: int, words: str) -> None:
    with pytest.raises(MeasurementError, match=words):
        perplexity(session.model, text, window_size=size, session=session)


def test_a_window_larger_than_the_memory_is_refused(tiny_llama: Path, tiny_gpt2: Path) -> None:
    with exact_session(tiny_llama, n_ctx=256) as session:
        with pytest.raises(ContextFullError):
            perplexity(session.model, TEXT * 2, window_size=300, session=session)
        assert perplexity(session.model, TEXT, window_size=64, session=session).n_windows == 4
    with pytest.raises(ContextFullError, match="256"):  # positions are learned
        perplexity(Model.load(tiny_gpt2), TEXT * 4, window_size=300)


def test_more_strengths_than_sequences_are_refused(tiny_llama: Path) -> None:
    with exact_session(tiny_llama, n_sequences=2) as session, pytest.raises(MeasurementError, match="3 runs"):
        perplexities(session.model, TEXT, [[add(VECTOR, 1.0)], [add(VECTOR, 2.0)]], window_size=64, session=session)


def test_the_steering_of_a_session_in_use_is_the_base(session: Session) -> None:
    with session.steer(VECTOR, coefficient=1.0):
        base, more = perplexities(session.model, TEXT, [[add(VECTOR, 1.0)]], window_size=64, session=session)
    plain, once, twice = perplexities(
        session.model, TEXT, [[add(VECTOR, 1.0)], [add(VECTOR, 1.0), add(VECTOR, 1.0)]], window_size=64, session=session
    )
    assert base.nll == pytest.approx(once.nll, rel=1e-5)
    assert more.nll == pytest.approx(twice.nll, rel=1e-5)
    assert base.nll != pytest.approx(plain.nll, rel=1e-3)
