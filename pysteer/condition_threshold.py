"""Where does the threshold of a condition belong? Chosen on labelled values, with what it gets right and wrong.

A threshold is chosen halfway between two neighbouring values, so that it equals none. Two criteria: Youden's J,
sensitivity + specificity - 1 (Youden 1950), which does not depend on how many examples of each label there are, and
F1, the harmonic mean of precision and recall, which does. Among equally good thresholds the one with most room on both
sides is taken. The numbers on the examples that it was chosen on are too good: use `threshold_score` on others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.condition import COMPARISONS
from pysteer.errors import MeasurementError, SteeringError
from pysteer.registry import did_you_mean

CRITERIA: Mapping[str, str] = MappingProxyType(
    {"youden": "sensitivity + specificity - 1", "f1": "harmonic mean of precision and recall"}
)


@dataclass(frozen=True)
class ThresholdScore:
    """What a threshold makes of labelled examples.

    Parameters
    ----------
    threshold, comparison
        As in `pysteer.condition.Condition`.
    accuracy : float
        Share of the examples that are decided as their label says, 0 to 1.
    f1 : float
        0 to 1; 0 where no example with the label "met" meets the condition.
    youden : float
        -1 to 1; 0 is no better than deciding without looking.
    sensitivity, specificity : float
        Share of the examples labelled "met" that are met, and of those labelled "not met" that are not.
    n_met, n_unmet : int
        Examples of each label.
    """

    threshold: float
    comparison: str
    accuracy: float
    f1: float
    youden: float
    sensitivity: float
    specificity: float
    n_met: int
    n_unmet: int


def threshold_score(
    values: Sequence[float] | Float64Array,
    labels: Sequence[bool] | npt.NDArray[np.bool_],
    threshold: float,
    comparison: str,
) -> ThresholdScore:
    """Return how well a threshold separates the examples.

    Parameters
    ----------
    values : float, shape (n,)
    labels : bool, shape (n,)
        Whether the condition should be met.

    Raises
    ------
    MeasurementError
        Arrays of different lengths, no example of one label, or a value that is not finite.
    """
    at, wanted = _checked(values, labels, comparison)
    met = at > threshold if comparison == "above" else at < threshold
    hits = int((met & wanted).sum())
    false_alarms = int((met & ~wanted).sum())
    n_met = int(wanted.sum())
    n_unmet = len(wanted) - n_met
    sensitivity, specificity = hits / n_met, 1.0 - false_alarms / n_unmet
    return ThresholdScore(
        threshold=float(threshold),
        comparison=comparison,
        accuracy=float((met == wanted).mean()),
        f1=2.0 * hits / (n_met + hits + false_alarms),
        youden=sensitivity + specificity - 1.0,
        sensitivity=sensitivity,
        specificity=specificity,
        n_met=n_met,
        n_unmet=n_unmet,
    )


def choose_threshold(
    values: Sequence[float] | Float64Array,
    labels: Sequence[bool] | npt.NDArray[np.bool_],
    *,
    by: str = "youden",
    comparison: str | None = None,
) -> ThresholdScore:
    """Return the best threshold for labelled values, with its scores on them.

    Parameters
    ----------
    by : str
        "youden" or "f1".
    comparison : str, optional
        "above" or "below" only. Default: whichever is better, "above" of equals.

    Raises
    ------
    SteeringError
        An unknown criterion or comparison.
    MeasurementError
        As `threshold_score`, or all values are the same.

    Examples
    --------
    >>> choice = choose_threshold([0.1, 0.3, 0.9, 0.7], [False, False, True, True])
    >>> round(choice.threshold, 3), choice.comparison, choice.accuracy
    (0.5, 'above', 1.0)
    """
    if by not in CRITERIA:
        raise SteeringError(f"criterion {by!r}{did_you_mean(by, CRITERIA)} Available: {', '.join(CRITERIA)}")
    sides = ("above", "below") if comparison is None else (comparison,)
    at, wanted = _checked(values, labels, sides[0])
    distinct = np.unique(at)
    if len(distinct) < 2:
        raise MeasurementError(f"all {len(at)} values are {distinct[0]:g}: no threshold separates anything")
    middles, rooms = (distinct[1:] + distinct[:-1]) / 2.0, np.diff(distinct)
    scored = [
        (threshold_score(at, wanted, float(middle), side), float(room))
        for side in sides
        for middle, room in zip(middles, rooms, strict=True)
    ]
    return max(scored, key=lambda item: (round(getattr(item[0], by), 12), item[1]))[0]


def _checked(
    values: Sequence[float] | Float64Array, labels: Sequence[bool] | npt.NDArray[np.bool_], comparison: str
) -> tuple[Float64Array, npt.NDArray[np.bool_]]:
    if comparison not in COMPARISONS:
        raise SteeringError(
            f"comparison {comparison!r}{did_you_mean(comparison, COMPARISONS)} Available: {', '.join(COMPARISONS)}"
        )
    at, wanted = np.asarray(values, dtype=np.float64), np.asarray(labels, dtype=bool)
    if at.ndim != 1 or at.shape != wanted.shape:
        raise MeasurementError(f"expected one label for each value, got shapes {at.shape} and {wanted.shape}")
    if not np.isfinite(at).all():
        raise MeasurementError("a value is not finite")
    if wanted.all() or not wanted.any():
        raise MeasurementError(f"expected examples of both labels, got {len(wanted)} with one of them")
    return at, wanted
