"""How well does a vector from one prompt setting steer another, compared with that one's own vector?

Question: can a vector be used under prompts that it was not made for?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404. Against
the settings' similarity: `pysteer.metrics.setting_similarity`.
Formula: ``S[a, b] / |S[b, b]|`` for settings a (of the vector) and b (of the test); the mean over a != b.
Unit: ratio. Range: unbounded; 1: as good as the own vector; negative: the wrong way.
Convention: settings b whose own steerability is at most 0.25 are left out, as in the source, because the ratio says
nothing there; their cells are counted in ``failures``. Cells of one setting are not independent, so the interval over
cells is too narrow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.metrics.scores import mean_score, without_failures
from pysteer.score import Score
from pysteer.statistics import finite_values


def relative_table(transfer_steerability: npt.ArrayLike, *, least: float = 0.25) -> Float64Array:
    """Return ``S[a, b] / |S[b, b]|``, float64 (n_settings, n_settings); NaN in columns with ``S[b, b] <= least``."""
    table = finite_values(transfer_steerability, n_dims=2, what="transfer_steerability")
    if table.shape[0] != table.shape[1] or len(table) < 2:
        raise MeasurementError(f"transfer_steerability: expected (n, n) with n of at least 2, got {table.shape}")
    if not least >= 0.0:
        raise MeasurementError(f"least: expected a steerability of at least 0, got {least}")
    own = np.diag(table)
    relative: Float64Array = np.where(own > least, table / np.where(own > least, np.abs(own), 1.0), np.nan)
    return relative


@metrics.register(
    "relative_steerability",
    needs=("transfer_steerability",),
    better="higher",
    unit="ratio of steerabilities",
    theme="reliability",
    version=1,
)
def relative_steerability(
    transfer_steerability: npt.ArrayLike,
    *,
    least: float = 0.25,
    seed: int,
    confidence: float = 0.95,
    model_hash: str = "",
    data_hash: str = "",
) -> Score:
    """Mean steerability of other settings' vectors relative to a setting's own.

    Parameters
    ----------
    transfer_steerability : float, shape (n_settings, n_settings)
        Row: setting of the vector. Column: setting of the test items.
    least : float
        Columns whose own steerability is not above it are left out.
    seed, confidence, model_hash, data_hash
        As `pysteer.metrics.metric` says.

    Returns
    -------
    Score
        ``per_example`` holds the cells off the diagonal that are kept, row by row.

    Raises
    ------
    MeasurementError
        Not square, fewer than two settings, a value that is not finite, or fewer than two cells are kept.

    Examples
    --------
    >>> table = [[2.0, 0.5, 0.3], [1.0, 1.0, 0.3], [4.0, 0.0, 0.1]]
    >>> score = relative_steerability(table, seed=0)
    >>> score.value, score.failures
    (0.75, 2)
    """
    table = relative_table(transfer_steerability, least=least)
    cells = table[~np.eye(len(table), dtype=bool)]
    kept, failures = without_failures(cells, what="relative_steerability")
    return mean_score(
        "relative_steerability",
        kept,
        seed=seed,
        confidence=confidence,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )
