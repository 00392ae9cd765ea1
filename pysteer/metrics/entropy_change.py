"""Does steering make the model surer or less sure of what comes next?

Question: a steered model that repeats itself has lost entropy; one that rambles has gained it. Neither shows in KL.
Source: Shannon 1948; computed position by position in `pysteer.text_perplexity`.
Formula: mean over scored positions of ``H(steered) - H(unsteered)``, ``H = -sum_v p(v) ln p(v)`` over the vocabulary.
Unit: nats per token. Range: between plus and minus the logarithm of the vocabulary's size; 0 where nothing changes.
Convention: windows are resampled whole, because the tokens of a window are alike. Both runs are resampled together.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_weighted_mean, paired_values


@metrics.register(
    "entropy_change",
    needs=("window_entropy", "base_window_entropy", "window_tokens"),
    better="neither",
    unit="nats per token",
    theme="capability",
    version=1,
)
def entropy_change(
    window_entropy: npt.ArrayLike,
    base_window_entropy: npt.ArrayLike,
    window_tokens: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean change of the predictions' entropy.

    Parameters
    ----------
    window_entropy, base_window_entropy : float, shape (n_windows,)
        Mean entropy of each window's predictions with steering and without, nats; at least two windows.
    window_tokens : int, shape (n_windows,)
        Scored tokens of each window; they are its weight.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each window's change.

    Raises
    ------
    MeasurementError
        Fewer than two windows, unequal lengths, a value that is not finite, or a window without tokens.

    Examples
    --------
    >>> entropy_change([2.0, 3.0], [1.0, 3.0], [10, 10], seed=0).value
    0.5
    """
    steered, base = paired_values(window_entropy, base_window_entropy, what=("window_entropy", "base_window_entropy"))
    change = steered - base
    interval = bootstrap_weighted_mean(change, window_tokens, seed=seed, confidence=confidence)
    return score_of("entropy_change", interval, change, seed=seed, model_hash=model_hash, data_hash=data_hash)
