"""How far do the steered model's predictions lie from the unsteered one's?

Question: how much does steering change on text that it is not meant for? Unlike perplexity it sees changes that make
the text neither likelier nor less likely.
Source: Kullback & Leibler 1951; computed position by position in `pysteer.text_perplexity`.
Formula: mean over scored positions of ``sum_v p(v) ln(p(v) / q(v))``, p unsteered, q steered, over the vocabulary.
Unit: nats per token. Range: [0, inf); 0 where steering changes nothing.
Convention: windows are resampled whole, because the tokens of a window are alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_weighted_mean, finite_values


@metrics.register(
    "kl_divergence",
    needs=("window_kl", "window_tokens"),
    better="lower",
    unit="nats per token",
    theme="capability",
    version=1,
)
def kl_divergence(
    window_kl: npt.ArrayLike,
    window_tokens: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean KL(unsteered || steered) of a position.

    Parameters
    ----------
    window_kl : float, shape (n_windows,)
        Mean over each window's scored positions, nats; at least two windows. Rounding may leave up to 1e-6 below 0,
        which counts as 0.
    window_tokens : int, shape (n_windows,)
        Scored tokens of each window; they are its weight.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each window's mean.

    Raises
    ------
    MeasurementError
        Fewer than two windows, unequal lengths, a value that is not finite, or a window without tokens; a divergence
        below 0.

    Examples
    --------
    >>> kl_divergence([0.0, 0.2], [30, 10], seed=0).value
    0.05
    """
    values = finite_values(window_kl, n_dims=1, what="window_kl")
    if values.min() < -1e-6:
        raise MeasurementError(f"window_kl: a divergence is at least 0, got {values.min()}")
    values = np.maximum(values, 0.0)
    interval = bootstrap_weighted_mean(values, window_tokens, seed=seed, confidence=confidence)
    return score_of("kl_divergence", interval, values, seed=seed, model_hash=model_hash, data_hash=data_hash)
