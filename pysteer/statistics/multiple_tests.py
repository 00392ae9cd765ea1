"""What is a p worth when many tests were made?

Bonferroni: every p times the number of tests. Holm (1979): the same for the smallest, one test less for each next one,
never falling; it holds the same guarantee (the chance of any false alarm) and finds more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics.checks import finite_values
from pysteer.statistics.scipy_access import load

METHODS = ("bonferroni", "holm")


def adjust_p(p: npt.ArrayLike, *, method: str) -> Float64Array:
    """Return p values that may be compared with alpha as if each were the only test.

    Parameters
    ----------
    p : float, shape (n_tests,)
        Of all tests that were made, also of those that are not reported.
    method : str
        "bonferroni" or "holm".

    Raises
    ------
    MeasurementError
        No test, a value outside [0, 1], an unknown method, or statsmodels is not installed.

    Examples
    --------
    >>> adjust_p([0.01, 0.02, 0.5], method="bonferroni").round(12).tolist()
    [0.03, 0.06, 1.0]
    >>> adjust_p([0.01, 0.02, 0.5], method="holm").round(12).tolist()
    [0.03, 0.04, 0.5]
    """
    values = finite_values(p, n_dims=1, what="p")
    if values.min() < 0.0 or values.max() > 1.0:
        raise MeasurementError(f"p: expected values in [0, 1], got {values.min()} to {values.max()}")
    if method not in METHODS:
        raise MeasurementError(f"unknown correction {method!r}; expected one of {', '.join(METHODS)}")
    return np.asarray(load("statsmodels.stats.multitest").multipletests(values, method=method)[1], dtype=np.float64)
