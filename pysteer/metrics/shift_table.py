"""Which prompt settings may differ between a vector and its use, and what does each shift cost?

Question: vectors from each of the settings (BASE, SYS_POS, SYS_NEG, USER_POS, USER_NEG), tested in each of them, over
many data sets: does steerability keep its rank, and how much of it is left?
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404. A shift
is written ``train->test``; in distribution is BASE->BASE, the headline shift SYS_POS->USER_NEG.
Formula: per shift Spearman's rank correlation over data sets with the reference shift, and the ratio of the means.
Unit: correlation; ratio. Range: correlation [-1, 1]; ratio unbounded, 1 where nothing is lost.
Convention: the source compares with BASE->BASE; `ShiftTable.compare` takes any reference. A table of the variances of
slopes over items, in place of their means, gives the correlation of variances that the source reports, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.ood_correlation import ood_correlation
from pysteer.metrics.ood_ratio import ood_ratio
from pysteer.score import Score
from pysteer.statistics import finite_values


@dataclass(frozen=True)
class Shift:
    """One shift against the reference: correlation over data sets, and ratio of mean steerabilities."""

    train: str
    test: str
    correlation: Score
    ratio: Score


@dataclass(frozen=True, eq=False)
class ShiftTable:
    """Steerability of every data set under every pair of prompt settings.

    Parameters
    ----------
    values : float64, shape (n_datasets, n_settings, n_settings)
        Second axis: setting of the vector's training data. Third axis: setting of the test items.
    settings : tuple of str

    Raises
    ------
    MeasurementError
        Another shape, a value that is not finite, or a name that is there twice.
    """

    values: Float64Array
    settings: tuple[str, ...]

    def __post_init__(self) -> None:
        table = finite_values(self.values, n_dims=3, what="steerability").copy()
        n = len(self.settings)
        if table.shape[1:] != (n, n) or len(set(self.settings)) != n:
            raise MeasurementError(
                f"expected (n_datasets, {n}, {n}) for settings {', '.join(self.settings)}, each once, got {table.shape}"
            )
        table.flags.writeable = False
        object.__setattr__(self, "values", table)

    def shift(self, train: str, test: str) -> Float64Array:
        """Return the steerability of each data set, float64 (n_datasets,); MeasurementError for an unknown setting."""
        return self.values[:, self._place(train), self._place(test)]

    def means(self) -> Float64Array:
        """Return the mean steerability over data sets, float64 (n_settings, n_settings)."""
        return np.asarray(self.values.mean(axis=0), dtype=np.float64)

    def compare(
        self,
        *,
        seed: int,
        reference: tuple[str, str] = ("BASE", "BASE"),
        shifts: Sequence[tuple[str, str]] | None = None,
    ) -> list[Shift]:
        """Return correlation and ratio of shifts against a reference.

        Parameters
        ----------
        seed : int
            Of the bootstrap over data sets.
        reference : (train, test)
            In distribution.
        shifts : sequence of (train, test), optional
            Default: all but the reference.

        Raises
        ------
        MeasurementError
            Fewer than four data sets, a shift without spread, or a reference whose mean may be 0.
        """
        inside = self.shift(*reference)
        wanted = shifts or [(a, b) for a in self.settings for b in self.settings if (a, b) != reference]
        return [
            Shift(
                train,
                test,
                ood_correlation(inside, self.shift(train, test)),
                ood_ratio(inside, self.shift(train, test), seed=seed),
            )
            for train, test in wanted
        ]

    def _place(self, setting: str) -> int:
        if setting not in self.settings:
            raise MeasurementError(f"no setting {setting!r}; there are {', '.join(self.settings)}")
        return self.settings.index(setting)
