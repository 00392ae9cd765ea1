"""Which settings are worth choosing between?

Question: of many layers, strengths and operations, which are not beaten in behaviour and capability by another one?
Source: Pareto efficiency; trade-off curves as in "Mind the Performance Gap", arXiv:2602.04903.
Formula: a point is on the front when no other is at least as good in both and better in one.
Unit: none. Range: true or false for each point.
Convention: higher is better in both; turn costs round. Points that are equal are both on the front. Noise puts points
on the front by luck: look at their intervals.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.statistics.checks import paired_values


def pareto_front(behaviour: npt.ArrayLike, capability: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which points no other point beats, bool (n_points,).

    Parameters
    ----------
    behaviour, capability : float, shape (n_points,)
        Of each setting; higher is better.

    Raises
    ------
    MeasurementError
        No point, unequal lengths, or a value that is not finite.

    Examples
    --------
    >>> pareto_front([1.0, 2.0, 1.5], [3.0, 1.0, 0.5])
    array([ True,  True, False])
    """
    x, y = paired_values(behaviour, capability, what=("behaviour", "capability"))
    as_good = (x[:, None] >= x) & (y[:, None] >= y)
    better = (x[:, None] > x) | (y[:, None] > y)
    return np.asarray(~(as_good & better).any(axis=0), dtype=np.bool_)
