"""Are the numbers made from logits right? Against NumPy in float64 on the same logits; 1e-5, for float32 results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from core_runs import add, decode, int32, logits_of, open_session, random_vector, steer, step

from pysteer import _core
from pysteer.errors import MeasurementError, ShapeError

TOKENS = [5, 9, 14, 200, 77, 31, 8, 8, 120]
N = len(TOKENS)
TARGETS = int32([9, 14, 200, -1, 31, 8, 8, 120, 3])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@pytest.fixture(scope="module")
def scored(tiny_llama: Path) -> _core.Decoded:
    return decode(
        open_session(tiny_llama), TOKENS, targets=TARGETS, candidates=int32([3, 353, 0, 3]), n_top=7, logits=True
    )


@pytest.fixture(scope="module")
def log_probs(scored: _core.Decoded) -> np.ndarray:
    return log_softmax(scored.logits)


def test_log_prob_is_the_log_softmax_at_the_target(scored: _core.Decoded, log_probs: np.ndarray) -> None:
    has_target = TARGETS >= 0
    expected = log_probs[np.arange(N), TARGETS][has_target]
    np.testing.assert_allclose(scored.log_prob[has_target], expected, rtol=1e-5)


def test_a_row_without_a_target_has_no_log_prob_and_no_rank(scored: _core.Decoded) -> None:
    np.testing.assert_array_equal(np.isnan(scored.log_prob), TARGETS < 0)
    np.testing.assert_array_equal(scored.rank == -1, TARGETS < 0)


def test_rank_counts_the_more_probable_tokens(scored: _core.Decoded) -> None:
    for row in np.flatnonzero(TARGETS >= 0):
        logits = scored.logits[row]
        assert scored.rank[row] == (logits > logits[TARGETS[row]]).sum()


def test_rank_of_the_most_probable_token_is_0_and_of_the_least_the_last(tiny_llama: Path) -> None:
    logits = logits_of(open_session(tiny_llama), TOKENS)
    for targets, rank in ((logits.argmax(axis=1), 0), (logits.argmin(axis=1), logits.shape[1] - 1)):
        ranks = decode(open_session(tiny_llama), TOKENS, targets=int32(targets)).rank
        np.testing.assert_array_equal(ranks, rank)


def test_entropy_is_in_nats(scored: _core.Decoded, log_probs: np.ndarray) -> None:
    np.testing.assert_allclose(scored.entropy, -(np.exp(log_probs) * log_probs).sum(axis=1), rtol=1e-5)


def test_logit_is_log_prob_plus_log_normaliser(scored: _core.Decoded) -> None:
    logits = scored.logits.astype(np.float64)
    np.testing.assert_allclose(scored.log_normaliser, np.log(np.exp(logits).sum(axis=1)), rtol=1e-5)


def test_candidates_are_scored_in_their_order(scored: _core.Decoded, log_probs: np.ndarray) -> None:
    np.testing.assert_allclose(scored.candidate_log_probs, log_probs[:, [3, 353, 0, 3]], rtol=1e-5)


def test_top_tokens_are_the_most_probable_in_order(scored: _core.Decoded, log_probs: np.ndarray) -> None:
    order = np.argsort(-log_probs, axis=1, kind="stable")[:, :7]
    np.testing.assert_array_equal(scored.top_ids, order)
    np.testing.assert_array_equal(scored.top_id, order[:, 0])
    np.testing.assert_allclose(scored.top_log_probs, np.take_along_axis(log_probs, order, axis=1), rtol=1e-5)


def test_all_tokens_can_be_asked_for_and_their_probabilities_sum_to_1(tiny_llama: Path) -> None:
    decoded = decode(open_session(tiny_llama), TOKENS, n_top=354)
    np.testing.assert_allclose(np.exp(decoded.top_log_probs.astype(np.float64)).sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(np.sort(decoded.top_ids, axis=1), np.tile(np.arange(354), (N, 1)))


def test_shapes_without_requests_are_empty_and_not_missing(tiny_llama: Path) -> None:
    decoded = decode(open_session(tiny_llama), TOKENS)
    shapes = [array.shape for array in (decoded.logits, decoded.top_ids, decoded.candidate_log_probs)]
    assert shapes == [(0, 354), (N, 0), (N, 0)]


def test_a_decode_without_outputs_scores_nothing(tiny_llama: Path) -> None:
    decoded = decode(open_session(tiny_llama), TOKENS, outputs=None)
    assert decoded.rows.shape == decoded.log_prob.shape == decoded.entropy.shape == (0,)


def pairs(session: _core.Session, references: list[int]) -> _core.Decoded:
    """TOKENS[:4] in sequences 0 and 1, all outputs."""
    tokens, positions = int32(TOKENS[:4] * 2), int32([*range(4)] * 2)
    return session.decode(
        tokens,
        positions,
        int32([0] * 4 + [1] * 4),
        outputs=np.ones(8, dtype=bool),
        references=int32(references),
        logits=True,
    )


def test_kl_is_the_divergence_of_this_row_from_its_reference(tiny_llama: Path) -> None:
    session = open_session(tiny_llama)
    steer(session, 1, step("resid_post", 2, add(random_vector(64, seed=1), 0.5)))
    decoded = pairs(session, [-1, 3, 0, -1, 0, 1, 2, 3])
    log_probs = log_softmax(decoded.logits)
    assert np.isnan(decoded.kl[[0, 3]]).all()
    for row, reference in ((1, 3), (2, 0), (4, 0), (5, 1), (6, 2), (7, 3)):
        p = log_probs[reference]
        expected = (np.exp(p) * (p - log_probs[row])).sum()
        assert expected > 0.01
        np.testing.assert_allclose(decoded.kl[row], expected, rtol=1e-4)


def test_kl_of_a_row_with_itself_is_exactly_0(tiny_llama: Path) -> None:
    np.testing.assert_array_equal(pairs(open_session(tiny_llama), list(range(8))).kl, 0.0)


def test_kl_of_equal_sequences_is_0_to_rounding_and_never_negative(tiny_llama: Path) -> None:
    kl = pairs(open_session(tiny_llama), [4, 5, 6, 7, 0, 1, 2, 3]).kl
    assert (kl >= 0.0).all()
    assert (kl < 1e-9).all()


def test_rows_of_different_parts_cannot_be_compared(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_batch=4)
    with pytest.raises(ShapeError, match="different parts"):
        pairs(session, [-1, -1, -1, -1, 0, 1, 2, 3])
    assert session.length(0) == 0


def test_rows_of_one_part_of_a_long_batch_are_compared(tiny_llama: Path) -> None:
    session = open_session(tiny_llama, n_batch=4)
    kl = pairs(session, [0, 0, 0, 0, 4, 4, 4, 4]).kl
    expected = pairs(open_session(tiny_llama), [0, 0, 0, 0, 4, 4, 4, 4]).kl
    np.testing.assert_allclose(kl, expected, rtol=1e-3, atol=1e-6)


def test_scores_of_a_split_batch_are_in_batch_order(tiny_llama: Path, scored: _core.Decoded) -> None:
    decoded = decode(open_session(tiny_llama, n_batch=4), TOKENS, targets=TARGETS, n_top=2)
    np.testing.assert_allclose(decoded.log_prob, scored.log_prob, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(decoded.top_ids, scored.top_ids[:, :2])


def test_more_threads_give_the_same_scores(tinytalk_f32: Path) -> None:
    """Enough rows that the scoring is shared between threads."""
    tokens = [int(token) for token in np.random.default_rng(0).integers(1000, size=60)]
    results = [
        decode(open_session(tinytalk_f32, n_threads=n), tokens, targets=int32(tokens), n_top=3, candidates=int32([7]))
        for n in (1, 3)
    ]
    for name in ("log_prob", "rank", "entropy", "log_normaliser", "top_ids", "candidate_log_probs"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))


@pytest.mark.parametrize("layer", range(4))
@pytest.mark.parametrize("path_fixture", ["tiny_llama", "tiny_gpt2"])
def test_a_coefficient_of_1e38_is_a_measurement_error(
    path_fixture: str, layer: int, request: pytest.FixtureRequest
) -> None:
    """Its squares overflow: the model's norms would divide by infinity, and the logits would be finite nonsense."""
    session = open_session(request.getfixturevalue(path_fixture))
    steer(session, 0, step("resid_post", layer, add(random_vector(64, seed=1), 1e38)))
    with pytest.raises(MeasurementError, match="too strong"):
        decode(session, TOKENS)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_logits_that_are_not_finite_are_a_measurement_error(tmp_path: Path, tiny_llama: Path, value: str) -> None:
    """A model file with one broken weight of the output matrix."""
    path = write_with_broken_output_weight(tiny_llama, tmp_path / "broken.gguf", float(value))
    session = open_session(path)
    with pytest.raises(MeasurementError, match="not finite"):
        decode(session, TOKENS)


def test_logits_that_are_not_finite_cannot_be_sampled(tmp_path: Path, tiny_llama: Path) -> None:
    model = _core.Model.load(str(write_with_broken_output_weight(tiny_llama, tmp_path / "broken.gguf", np.nan)))
    session = open_session(model)
    with pytest.raises(MeasurementError):
        decode(session, TOKENS)
    for temperature in (0.0, 1.0):
        sampler = _core.Sampler(
            model, temperature=temperature, top_k=40, top_p=0.9, min_p=0.0,
            repetition_penalty=1.0, penalty_window=0, seed=0,
        )  # fmt: skip
        with pytest.raises(MeasurementError):
            session.sample(sampler, N - 1)


def write_with_broken_output_weight(source: Path, path: Path, value: float) -> Path:
    import gguf

    reader = gguf.GGUFReader(source)
    tensor = next(tensor for tensor in reader.tensors if tensor.name == "output.weight")
    data = bytearray(source.read_bytes())
    at = int(tensor.data_offset) + 4 * 64 * 100  # the first weight of token 100
    data[at : at + 4] = np.float32(value).tobytes()
    path.write_bytes(data)
    return path
