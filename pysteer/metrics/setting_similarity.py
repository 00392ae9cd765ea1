"""Does a vector transfer better between prompt settings in which the model behaves alike?

Question: is the distance between two settings, without any steering, a sign of how well a vector goes from one to the
other?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404 (rank
correlations of -.26 and -.46 for two models; with the cosine of the vectors -.63 and -.86).
Formula: distance of settings a and b: mean over items of ``|m_a(x) - m_b(x)|``, m the unsteered propensity. Against it
`relative_table` (or cosines): Spearman's rank correlation over the cells a != b.
Unit: nats; correlation. Range: distance [0, inf); correlation [-1, 1].
Convention: cells that share a setting are not independent, so the p value comes from renaming the settings (Mantel
1967) and there is no interval; with few settings few renamings exist, and p cannot be small.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, permutations
from math import factorial

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import finite_values, spearman
from pysteer.statistics.scipy_access import load


@dataclass(frozen=True)
class TransferCorrelation:
    """Spearman's correlation over cells off the diagonal, its two-sided p from renaming settings, and their numbers.

    ``failures`` are cells without a number, which are left out.
    """

    value: float
    p: float
    n_cells: int
    n_renamings: int
    failures: int


def setting_distances(base_propensities: npt.ArrayLike) -> Float64Array:
    """Return the mean absolute difference of unsteered propensities between all settings.

    Parameters
    ----------
    base_propensities : float, shape (n_settings, n_items)
        Column ``i`` of all rows is the same item; nats.

    Returns
    -------
    float64, shape (n_settings, n_settings)
        Symmetric, 0 on the diagonal.

    Raises
    ------
    MeasurementError
        Fewer than two settings, another shape, or a value that is not finite.

    Examples
    --------
    >>> setting_distances([[0.0, 1.0], [2.0, 1.0]])
    array([[0., 1.],
           [1., 0.]])
    """
    table = finite_values(base_propensities, n_dims=2, what="base_propensities")
    if len(table) < 2:
        raise MeasurementError("expected at least two settings, got one")
    return np.asarray(np.abs(table[:, None] - table[None]).mean(axis=2), dtype=np.float64)


def transfer_correlation(
    distances: npt.ArrayLike, transfer: npt.ArrayLike, *, seed: int, n_resamples: int = 2000
) -> TransferCorrelation:
    """Return how transfer goes with distance, over pairs of different settings.

    Parameters
    ----------
    distances : float, shape (n, n)
        As `setting_distances` gives them.
    transfer : float, shape (n, n)
        Such as `relative_table` or cosines of vectors; NaN where there is none.
    seed : int
        Of the renamings, where there are more than ``n_resamples``; else all are taken.

    Raises
    ------
    MeasurementError
        Not two square tables of one size, fewer than three settings, fewer than four cells with a number, or SciPy is
        not installed.
    """
    far = finite_values(distances, n_dims=2, what="distances")
    gain = np.asarray(transfer, dtype=np.float64)
    n = len(far)
    if far.shape != (n, n) or gain.shape != (n, n) or n < 3:
        raise MeasurementError(f"expected two (n, n) tables with n of at least 3, got {far.shape} and {gain.shape}")
    is_cell = ~np.eye(n, dtype=bool) & np.isfinite(gain)
    value = spearman(far[is_cell], gain[is_cell]).value
    if factorial(n) <= n_resamples:
        orders = np.array(list(islice(permutations(range(n)), 1, None)))  # the first one renames nothing
    else:
        generator = np.random.default_rng(seed)
        orders = np.stack([generator.permutation(n) for _ in range(n_resamples)])
    # All renamed tables at once, (n_renamings, n_cells).
    renamed = far[orders[:, :, None], orders[:, None, :]][:, is_cell]
    others = _rank_correlations(renamed, gain[is_cell])
    p = (1 + int(np.count_nonzero(np.abs(others) >= abs(value) - 1e-12))) / (1 + len(orders))
    return TransferCorrelation(value, p, int(is_cell.sum()), len(orders), int((~np.isfinite(gain)).sum()))


def _rank_correlations(rows: Float64Array, with_row: Float64Array) -> Float64Array:
    """Return Spearman's correlation of each row (k, n) with one row (n,); 0 where a row is all alike."""
    rank = load("scipy.stats").rankdata
    middle = (rows.shape[1] + 1) / 2.0
    first, second = rank(rows, axis=1) - middle, rank(with_row) - middle
    norms = np.sqrt((first**2).sum(axis=1) * (second @ second))
    result: Float64Array = np.where(norms > 0.0, first @ second / np.where(norms > 0.0, norms, 1.0), 0.0)
    return result
