"""Where does the spread of steerability come from: the letter, Yes and No, or the items?

Question: how much of the variance over items is explained by which option the wanted answer is, and by whether it says
Yes? What they explain is bias; what is left is a matter of the item (and noise).
Source: Tan et al. 2024, "Analyzing the Generalization and Reliability of Steering Vectors", arXiv:2407.12404.
Formula: least squares of the slope on the factors, ``V = var(s)``: ``V_letter = V - var(residual | isA)``;
``V_both = V - var(residual | isA, isYes)``; marginal of Yes/No ``V_both - V_letter``; unexplained ``V - V_both``.
Unit: squared steerability. Range: [0, V] each; the three parts add up to V.
Convention: Yes/No gets only what the letter leaves over; where both go together (few data sets are balanced in both)
the letter gets what they share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.answer_factors import BoolArray, check_factor
from pysteer.statistics import finite_values


@dataclass(frozen=True)
class VarianceShares:
    """Parts of the variance of slopes over items, squared steerability.

    Parameters
    ----------
    total : float
        Variance over items (divided by n).
    letter : float
        Explained by the letter of the wanted answer.
    yes_no : float
        Explained by Yes/No beyond the letter.
    unexplained : float
        The rest; the three parts add up to ``total``.
    n : int
        Items.
    """

    total: float
    letter: float
    yes_no: float
    unexplained: float
    n: int

    @property
    def explained(self) -> float:
        """Explained by both factors together."""
        return self.letter + self.yes_no

    def shares(self) -> dict[str, float]:
        """Return each part over the total, under its name; they add up to 1."""
        return {name: getattr(self, name) / self.total for name in ("letter", "yes_no", "unexplained")}


def decompose_variance(slopes: npt.ArrayLike, is_a: npt.ArrayLike, is_yes: npt.ArrayLike) -> VarianceShares:
    """Return the parts of the variance of slopes over items.

    Parameters
    ----------
    slopes : float, shape (n_items,)
        Per-sample steerability; at least four items, not all alike.
    is_a, is_yes : bool, shape (n_items,)
        Factors of the wanted answer. One that is the same for all items explains nothing.

    Raises
    ------
    MeasurementError
        Fewer than four items, unequal lengths, a value that is not finite, or slopes that are all alike.

    Examples
    --------
    >>> parts = decompose_variance([4.0, 2.0, 3.0, 1.0], [True, False, True, False], [True, True, False, False])
    >>> parts.total, round(parts.letter, 9), round(parts.yes_no, 9), abs(round(parts.unexplained, 9))
    (1.25, 1.0, 0.25, 0.0)
    """
    values = finite_values(slopes, n_dims=1, what="slopes")
    letter_a, yes = check_factor(is_a, values.size, what="is_a"), check_factor(is_yes, values.size, what="is_yes")
    if values.size < 4 or np.ptp(values) == 0.0:
        raise MeasurementError(f"no variance to decompose: {values.size} slopes, from {values.min()} to {values.max()}")
    total = float(values.var())
    nothing = np.zeros_like(yes)
    # Fits with more factors never leave more over; only rounding could say otherwise.
    left_letter = min(total, float((values - fitted_slopes(values, letter_a, nothing)).var()))
    left_both = min(left_letter, float((values - fitted_slopes(values, letter_a, yes)).var()))
    return VarianceShares(total, total - left_letter, left_letter - left_both, left_both, int(values.size))


def fitted_slopes(slopes: Float64Array, is_a: BoolArray, is_yes: BoolArray) -> Float64Array:
    """Return the least-squares fit of slopes on both factors, float64 (n_items,)."""
    design = np.stack([np.ones(slopes.size), is_a.astype(np.float64), is_yes.astype(np.float64)], axis=1)
    fitted: Float64Array = design @ np.linalg.lstsq(design, slopes, rcond=None)[0]
    return fitted


def explained_shares(slopes: Float64Array, is_a: BoolArray, is_yes: BoolArray) -> Float64Array:
    """Return R squared of the fit for many draws at once: arguments (k, n_items), result (k,).

    A draw in which all slopes are alike has no variance; its share is 0.
    """
    # Sums over the items of a draw: design^T design is (k, 3, 3), design^T slopes (k, 3).
    centred = slopes - slopes.mean(axis=1, keepdims=True)
    n, n_a, n_yes = np.full(len(slopes), slopes.shape[1]), is_a.sum(axis=1), is_yes.sum(axis=1)
    n_both = (is_a & is_yes).sum(axis=1)
    gram = np.array([[n, n_a, n_yes], [n_a, n_a, n_both], [n_yes, n_both, n_yes]], dtype=np.float64)
    sums = [centred.sum(axis=1), np.where(is_a, centred, 0.0).sum(axis=1), np.where(is_yes, centred, 0.0).sum(axis=1)]
    moments = np.stack(sums, axis=1)
    inverse = np.linalg.pinv(np.moveaxis(gram, 2, 0), hermitian=True)
    explained = np.einsum("ki,kij,kj->k", moments, inverse, moments)
    total = (centred**2).sum(axis=1)
    shares: Float64Array = np.clip(np.where(total > 0.0, explained / np.where(total > 0.0, total, 1.0), 0.0), 0.0, 1.0)
    return shares
