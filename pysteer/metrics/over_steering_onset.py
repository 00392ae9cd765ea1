"""From which strength on does steering cost capability?

Question: where does over-steering set in, so that a recommended range can end there?
Source: the strength sweep of "Mind the Performance Gap", arXiv:2602.04903; the change point is an addition (segmented
regression, Muggeo 2003, with a flat first segment).
Formula: least squares of the mean capability over ``|c|``: ``a`` up to the onset, ``a - b (|c| - onset)`` behind it, b
> 0; the onset is the best of 201 places between the smallest and the largest ``|c|``.
Unit: coefficient. Range: from the smallest to the largest ``|c|``.
Convention: one sign of the coefficient at a time, 0 included. There is an onset only where the items' mean slope over
``|c|`` is below 0 with its whole interval: the best place of a flat, noisy curve would be chance. The interval
resamples items; a draw in which capability does not fall has its onset at the largest ``|c|``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.metrics.change_point import fit_onsets
from pysteer.metrics.metric import check_propensities, metrics
from pysteer.metrics.scores import score_of
from pysteer.score import Score
from pysteer.statistics import Interval, bootstrap_mean, slope
from pysteer.statistics.bootstrap import bootstrap_ends


@metrics.register(
    "over_steering_onset",
    needs=("coefficients", "capabilities"),
    better="higher",
    unit="coefficient",
    theme="trade-off",
    version=1,
)
def over_steering_onset(
    coefficients: npt.ArrayLike,
    capabilities: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Strength at which capability begins to fall.

    Parameters
    ----------
    coefficients : float, shape (n_coefficients,)
        At least four different ones, none of them of another sign.
    capabilities : float, shape (n_items, n_coefficients)
        Of each item at each strength, higher is better, such as 0 and 1; at least two items.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds each item's loss from the smallest to the largest strength.

    Raises
    ------
    MeasurementError
        Fewer than four strengths or two items, both signs, a value that is not finite, or a capability that does not
        fall with its whole interval.

    Examples
    --------
    >>> strengths = [0.0, 1.0, 2.0, 3.0, 4.0]
    >>> score = over_steering_onset(strengths, [[1.0, 1.0, 1.0, 0.5, 0.0]] * 2, seed=0)
    >>> round(score.value, 6)
    2.0
    """
    at, values = check_propensities(coefficients, capabilities)
    if (at > 0.0).any() and (at < 0.0).any():
        raise MeasurementError("coefficients: expected one sign, got both: measure the onset of each by itself")
    order = np.argsort(np.abs(at))
    strengths, table = np.abs(at)[order], values[:, order]
    if np.unique(strengths).size < 4:
        raise MeasurementError(f"coefficients: expected at least four strengths, got {np.unique(strengths).size}")
    fall = bootstrap_mean(slope(strengths, table), seed=seed, confidence=confidence)
    if fall.high >= 0.0:
        raise MeasurementError(
            f"over-steering does not set in up to {strengths[-1]:g}: the slope of capability over strength, "
            f"{fall.mean:.4g} [{fall.low:.4g}, {fall.high:.4g}], may be 0"
        )
    low, high = bootstrap_ends(
        lambda draw: fit_onsets(strengths, table[draw].mean(axis=1)),
        len(table),
        seed=seed,
        confidence=confidence,
        n_resamples=2000,
    )
    onset = float(fit_onsets(strengths, table.mean(axis=0)[None])[0])
    interval = Interval(onset, low, high, len(table), confidence)
    losses = table[:, 0] - table[:, -1]
    return score_of("over_steering_onset", interval, losses, seed=seed, model_hash=model_hash, data_hash=data_hash)
