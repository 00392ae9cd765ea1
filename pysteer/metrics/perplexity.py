"""How well does the model predict a text?

Question: what does steering do to the language model as such, whatever the behaviour?
Source: the windows are those of llama.cpp's perplexity tool, see `pysteer.text_perplexity`, which also computes them.
Formula: ``exp(sum_w n_w nll_w / sum_w n_w)`` over windows w with n_w scored tokens.
Unit: perplexity (exp of nats per token). Range: [1, inf); lower is better; a uniform guess gives the vocabulary's size.
Convention: windows are resampled whole, because the tokens of a window are alike. Comparable only for one tokenizer and
one text.
"""

from __future__ import annotations

import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import exponential, exponentials, score_of
from pysteer.score import Score
from pysteer.statistics import bootstrap_weighted_mean, finite_values


@metrics.register(
    "perplexity",
    needs=("window_nll", "window_tokens"),
    better="lower",
    unit="perplexity",
    theme="capability",
    version=1,
)
def perplexity(
    window_nll: npt.ArrayLike,
    window_tokens: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Exp of the mean negative log-likelihood of a token.

    Parameters
    ----------
    window_nll : float, shape (n_windows,)
        Mean negative log-likelihood of each window's scored tokens, nats; at least two windows.
    window_tokens : int, shape (n_windows,)
        Scored tokens of each window; they are its weight.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each window's own perplexity.

    Raises
    ------
    MeasurementError
        Fewer than two windows, unequal lengths, a window without tokens, or a value that is not finite or below 0.

    Examples
    --------
    >>> round(perplexity([0.0, 2.0], [10, 10], seed=0).value, 3)
    2.718
    """
    nll = finite_values(window_nll, n_dims=1, what="window_nll")
    if nll.min() < 0.0:
        raise MeasurementError(f"window_nll: expected nats of at least 0, got {nll.min()}")
    interval = bootstrap_weighted_mean(nll, window_tokens, seed=seed, confidence=confidence)
    return score_of(
        "perplexity", exponential(interval), exponentials(nll), seed=seed, model_hash=model_hash, data_hash=data_hash
    )
