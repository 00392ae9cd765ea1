"""How often does what the model writes show the behaviour?

Question: does steering work outside questionnaires, on open questions of users?
Source: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189 (open-ended prompts).
Formula: mean of 1 where a judge found the behaviour in the response. From ratings: ``displays_of``.
Unit: share of responses. Range: [0, 1].
Convention: responses that could not be judged are counted in ``failures``, never left out in silence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import share_score, without_failures
from pysteer.score import Score


def displays_of(ratings: npt.ArrayLike, *, threshold: float) -> npt.NDArray[np.float64]:
    """Return 1 where a rating is at least ``threshold``, 0 where it is below, NaN where there is none.

    Raises
    ------
    MeasurementError
        The threshold is not finite.
    """
    if not np.isfinite(threshold):
        raise MeasurementError(f"threshold: expected a finite rating, got {threshold}")
    values = np.asarray(ratings, dtype=np.float64)
    return np.where(np.isnan(values), np.nan, (values >= threshold).astype(np.float64))


@metrics.register(
    "open_behaviour_rate",
    needs=("displays",),
    better="higher",
    unit="share of responses",
    theme="behaviour",
    version=1,
)
def open_behaviour_rate(
    displays: npt.ArrayLike,
    *,
    seed: int | None = None,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Share of responses that show the behaviour.

    Parameters
    ----------
    displays : float, shape (n_items,)
        1: shows the behaviour; 0: does not; NaN: could not be judged.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says; Wilson interval.

    Returns
    -------
    Score
        ``failures`` are the NaN, which are not in n.

    Raises
    ------
    MeasurementError
        No response that could be judged, or a value other than 0, 1 and NaN.

    Examples
    --------
    >>> score = open_behaviour_rate(displays_of([4.5, 2.0, float("nan")], threshold=3.0))
    >>> score.value, score.failures
    (0.5, 1)
    """
    hits, failures = without_failures(displays, what="open_behaviour_rate")
    return share_score(
        "open_behaviour_rate",
        hits,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
