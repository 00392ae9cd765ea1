"""How sure a share is, from successes counted among trials."""

from __future__ import annotations

import math
from statistics import NormalDist

from pysteer.errors import MeasurementError
from pysteer.statistics.checks import check_confidence
from pysteer.statistics.interval import Interval


def wilson_interval(n_hits: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Return ``n_hits / n`` with its Wilson score interval (Wilson 1927).

    Unlike the bootstrap it has a width where no trial or every trial is a hit, and needs no seed. It assumes that the
    trials are independent: for several answers to one question use `bootstrap_clusters`.

    Parameters
    ----------
    n_hits, n : int
        ``0 <= n_hits <= n``, at least one trial.

    Raises
    ------
    MeasurementError
        A number out of range.

    Examples
    --------
    >>> interval = wilson_interval(0, 10)
    >>> interval.mean, interval.low, round(interval.high, 3)
    (0.0, 0.0, 0.278)
    """
    if n < 1 or not 0 <= n_hits <= n:
        raise MeasurementError(f"a share needs at least one trial and 0 to n hits, got {n_hits} of {n}")
    check_confidence(confidence)
    share = n_hits / n
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    centre = (share + z**2 / (2 * n)) / (1.0 + z**2 / n)
    half = z / (1.0 + z**2 / n) * math.sqrt(share * (1.0 - share) / n + z**2 / (4 * n**2))
    # At the ends the formula gives exactly 0 and 1, but for rounding.
    low = 0.0 if n_hits == 0 else max(0.0, centre - half)
    high = 1.0 if n_hits == n else min(1.0, centre + half)
    return Interval(share, low, high, n, confidence)
