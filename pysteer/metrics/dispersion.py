"""How much do the differences of contrast pairs scatter?

Question: is there one direction behind a data set, and how long is it against the scatter? `delta_cosine` is the number
with an interval; here are the others.
Source: concept metrics of the code of Tan et al. 2024, arXiv:2407.12404.
Formula: over the differences d_i of n pairs and their mean: see `Dispersion`.
Unit: residual-stream units, squared where two differences are multiplied; cosines have none.
Range: cosine [-1/(n-1), 1]; the others [0, inf), the dot product unbounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import finite_values


@dataclass(frozen=True)
class Dispersion:
    """Scatter of the differences of ``n`` contrast pairs.

    Parameters
    ----------
    mean_cosine, mean_dot : float
        Over all pairs of different differences: ``cos(d_i, d_j)`` and ``d_i . d_j``. The mean dot product estimates the
        squared length of the true mean without the bias that the scatter adds.
    norm_variance : float
        Variance of ``|d_i|`` (divided by n).
    relative_norm_variance : float
        ``norm_variance`` over the mean of ``|d_i|``.
    mean_distance : float
        Mean of ``|d_i - mean(d)|``.
    relative_distance : float
        ``mean_distance`` over ``|mean(d)|``.
    n : int
        Contrast pairs.
    """

    mean_cosine: float
    mean_dot: float
    norm_variance: float
    relative_norm_variance: float
    mean_distance: float
    relative_distance: float
    n: int


def dispersion(deltas: npt.ArrayLike) -> Dispersion:
    """Return how much the differences of contrast pairs scatter.

    Parameters
    ----------
    deltas : float, shape (n_pairs, d_model)
        Positive minus negative activation; at least three pairs, none of length 0, residual-stream units.

    Raises
    ------
    MeasurementError
        Fewer than three pairs, a delta or a mean of length 0, or a value that is not finite.

    Examples
    --------
    >>> found = dispersion([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    >>> found.mean_cosine, round(found.mean_dot, 3), round(found.mean_distance, 3)
    (1.0, 3.667, 0.667)
    """
    # rows is (n_pairs, d_model)
    cosine = float(mean_cosines(deltas).mean())
    rows = np.asarray(deltas, dtype=np.float64)
    n, total, mean = len(rows), rows.sum(axis=0), rows.mean(axis=0)
    norms = np.linalg.norm(rows, axis=1)
    length = float(np.linalg.norm(mean))
    if length <= 1e-12 * float(norms.mean()):
        raise MeasurementError("the deltas cancel: their mean has length 0, and no distance is relative to it")
    distance = float(np.linalg.norm(rows - mean, axis=1).mean())
    return Dispersion(
        mean_cosine=cosine,
        mean_dot=float((total @ total - (norms**2).sum()) / (n * (n - 1))),
        norm_variance=float(norms.var()),
        relative_norm_variance=float(norms.var() / norms.mean()),
        mean_distance=distance,
        relative_distance=distance / length,
        n=n,
    )


def mean_cosines(deltas: npt.ArrayLike) -> Float64Array:
    """Return each difference's mean cosine with the others, float64 (n_pairs,); errors as in `dispersion`."""
    rows = finite_values(deltas, n_dims=2, what="deltas")
    if len(rows) < 3:
        raise MeasurementError(f"deltas: expected at least three pairs, got {len(rows)}")
    norms = np.linalg.norm(rows, axis=1)
    if (norms == 0.0).any():
        raise MeasurementError(f"deltas: pair {int(np.argmin(norms))} has a difference of length 0")
    units = rows / norms[:, None]
    # The sum over all units holds the cosine of each with itself, 1.
    return np.asarray((units @ units.sum(axis=0) - 1.0) / (len(rows) - 1), dtype=np.float64)
