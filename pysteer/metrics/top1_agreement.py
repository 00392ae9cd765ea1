"""How often would the steered and the unsteered model say the same next token?

Question: as `kl_divergence`, in the terms of greedy decoding: how much of what is written changes?
Source: the "same top" figure of llama.cpp's perplexity tool.
Formula: share of scored positions at which both models have the same most probable token.
Unit: share of positions. Range: [0, 1]; 1 where steering changes nothing.
Convention: windows are resampled whole, because the tokens of a window are alike.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_weighted_mean, finite_values


@metrics.register(
    "top1_agreement",
    needs=("window_agreement", "window_tokens"),
    better="higher",
    unit="share of positions",
    theme="capability",
    version=1,
)
def top1_agreement(
    window_agreement: npt.ArrayLike,
    window_tokens: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of positions with the same most probable token.

    Parameters
    ----------
    window_agreement : float, shape (n_windows,)
        Share of each window's scored positions; at least two windows.
    window_tokens : int, shape (n_windows,)
        Scored tokens of each window; they are its weight.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each window's share.

    Raises
    ------
    MeasurementError
        Fewer than two windows, unequal lengths, a value that is not finite, or a window without tokens; a share outside
        [0, 1].

    Examples
    --------
    >>> top1_agreement([1.0, 0.5], [10, 10], seed=0).value
    0.75
    """
    values = finite_values(window_agreement, n_dims=1, what="window_agreement")
    if values.min() < 0.0 or values.max() > 1.0:
        raise MeasurementError(f"window_agreement: expected shares in [0, 1], got {values.min()} to {values.max()}")
    interval = bootstrap_weighted_mean(values, window_tokens, seed=seed, confidence=confidence)
    return score_of("top1_agreement", interval, values, seed=seed, model_hash=model_hash, data_hash=data_hash)
