"""By what factor does steering raise the perplexity of a text?

Question: the cost of a vector on text that has nothing to do with its behaviour.
Source: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189 (perplexity over strength);
the ratio makes models, tokenizers and texts comparable.
Formula: ``exp(sum_w n_w (nll_w - base_w) / sum_w n_w)``: steered over unsteered perplexity of the same windows.
Unit: ratio. Range: (0, inf); 1 where steering changes nothing; below 1 it predicts the text better.
Convention: windows are resampled whole, because the tokens of a window are alike. Both runs are resampled together, so
the interval is that of the difference and far narrower than those of the two perplexities.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import exponential, exponentials, score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_weighted_mean, paired_values


@metrics.register(
    "perplexity_ratio",
    needs=("window_nll", "base_window_nll", "window_tokens"),
    better="lower",
    unit="ratio of perplexities",
    theme="capability",
    version=1,
)
def perplexity_ratio(
    window_nll: npt.ArrayLike,
    base_window_nll: npt.ArrayLike,
    window_tokens: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Perplexity with steering over perplexity without.

    Parameters
    ----------
    window_nll, base_window_nll : float, shape (n_windows,)
        Mean negative log-likelihood of each window's scored tokens with steering and without, nats; at least two
        windows.
    window_tokens : int, shape (n_windows,)
        Scored tokens of each window; they are its weight.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each window's own ratio.

    Raises
    ------
    MeasurementError
        Fewer than two windows, unequal lengths, a value that is not finite, or a window without tokens.

    Examples
    --------
    >>> perplexity_ratio([3.0, 4.0], [3.0, 4.0], [10, 10], seed=0).value
    1.0
    """
    steered, base = paired_values(window_nll, base_window_nll, what=("window_nll", "base_window_nll"))
    interval = bootstrap_weighted_mean(steered - base, window_tokens, seed=seed, confidence=confidence)
    return score_of(
        "perplexity_ratio",
        exponential(interval),
        exponentials(steered - base),
        seed=seed,
        model_hash=model_hash,
        data_hash=data_hash,
    )
