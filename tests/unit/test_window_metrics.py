"""Perplexity, its ratio, KL, agreement and entropy from windows: identity, oracles, weights."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics.entropy_change import entropy_change
from pysteer.metrics.kl_divergence import kl_divergence
from pysteer.metrics.perplexity import perplexity
from pysteer.metrics.perplexity_ratio import perplexity_ratio
from pysteer.metrics.top1_agreement import top1_agreement

GENERATOR = np.random.default_rng(0)
N_TOKENS = GENERATOR.integers(5, 50, size=40)
BASE = [GENERATOR.exponential(3.0, size=n) for n in N_TOKENS]
STEERED = [window + GENERATOR.exponential(0.2, size=window.size) for window in BASE]
BASE_NLL, STEERED_NLL = (np.array([window.mean() for window in text]) for text in (BASE, STEERED))


def test_perplexity_is_that_of_all_tokens_and_not_the_mean_of_windows() -> None:
    score = perplexity(BASE_NLL, N_TOKENS, seed=0)
    assert score.value == pytest.approx(np.exp(np.concatenate(BASE).mean()), rel=1e-12)
    assert score.low < score.value < score.high


def test_the_ratio_is_the_quotient_of_the_perplexities_with_a_narrower_interval() -> None:
    ratio = perplexity_ratio(STEERED_NLL, BASE_NLL, N_TOKENS, seed=0)
    steered, base = perplexity(STEERED_NLL, N_TOKENS, seed=0), perplexity(BASE_NLL, N_TOKENS, seed=0)
    assert ratio.value == pytest.approx(steered.value / base.value, rel=1e-12)
    assert 1.0 < ratio.low < ratio.value < ratio.high
    assert ratio.high / ratio.low < steered.high / steered.low


def test_no_steering_is_exactly_no_change() -> None:
    same = perplexity_ratio(BASE_NLL, BASE_NLL, N_TOKENS, seed=0)
    assert (same.low, same.value, same.high) == (1.0, 1.0, 1.0)
    assert entropy_change(BASE_NLL, BASE_NLL, N_TOKENS, seed=0).value == 0.0
    assert kl_divergence(np.zeros(40), N_TOKENS, seed=0).value == 0.0
    assert top1_agreement(np.ones(40), N_TOKENS, seed=0).value == 1.0


def test_swapping_steered_and_unsteered_turns_ratio_and_change_round() -> None:
    there, back = (
        perplexity_ratio(a, b, N_TOKENS, seed=0) for a, b in ((STEERED_NLL, BASE_NLL), (BASE_NLL, STEERED_NLL))
    )
    assert (back.value, back.low, back.high) == pytest.approx((1 / there.value, 1 / there.high, 1 / there.low))
    assert entropy_change(BASE_NLL, STEERED_NLL, N_TOKENS, seed=0).value == pytest.approx(
        -entropy_change(STEERED_NLL, BASE_NLL, N_TOKENS, seed=0).value
    )


def test_a_uniform_guess_has_the_size_of_the_vocabulary_as_perplexity() -> None:
    assert perplexity(np.full(5, np.log(512)), np.ones(5), seed=0).value == pytest.approx(512)


def test_windows_count_by_their_tokens() -> None:
    for metric in (kl_divergence, top1_agreement):
        assert metric([0.0, 1.0], [30, 10], seed=0).value == 0.25


def test_rounding_below_zero_is_no_divergence_and_more_is_an_error() -> None:
    assert kl_divergence([-1e-7, 0.0], [1, 1], seed=0).value == 0.0
    with pytest.raises(MeasurementError, match="at least 0"):
        kl_divergence([-1e-3, 0.0], [1, 1], seed=0)


def test_numbers_out_of_range_are_an_error() -> None:
    with pytest.raises(MeasurementError, match="at least 0"):
        perplexity([-0.1, 1.0], [1, 1], seed=0)
    with pytest.raises(MeasurementError, match=r"in \[0, 1\]"):
        top1_agreement([0.5, 1.2], [1, 1], seed=0)
    with pytest.raises(MeasurementError, match="positive"):
        perplexity([1.0, 1.0], [0, 1], seed=0)
    with pytest.raises(MeasurementError, match="next to no probability"):
        perplexity([800.0, 900.0], [1, 1], seed=0)
    with pytest.raises(MeasurementError, match="two examples"):
        perplexity([1.0], [1], seed=0)
