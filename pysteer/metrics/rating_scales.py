"""What a judge's output is worth in numbers: scales, expected values, parsed texts. Not a metric itself.

Two ways to a rating. **Expected value** over the tokens that say a rating: ``sum_r r p(r) / sum_r p(r)``, p the judge's
next-token probabilities, as in G-Eval (Liu et al. 2023, arXiv:2303.16634); it needs no generation, is not rounded to
whole numbers, and cannot fail to parse, but says nothing where the judge would not have answered with a rating, which
its mass ``sum_r p(r)`` shows. **Parsed text**: a number between XML tags, as in "Mind the Performance Gap"
(arXiv:2602.04903); what cannot be read is a failure, NaN, and is counted by every metric.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import finite_values


@dataclass(frozen=True)
class RatingScale:
    """Whole numbers from ``low`` to ``high``."""

    low: int
    high: int

    @property
    def values(self) -> Float64Array:
        """Every rating, float64, (high - low + 1,)."""
        return np.arange(self.low, self.high + 1, dtype=np.float64)


SCALES = {"1-5": RatingScale(1, 5), "0-10": RatingScale(0, 10), "0-100": RatingScale(0, 100)}
"""1-5: behaviour and coherence of arXiv:2602.04903. 0-10: the judge of arXiv:2312.06681. 0-100: finer."""


@dataclass(frozen=True, eq=False)
class ExpectedRatings:
    """Ratings read off a judge's probabilities.

    Parameters
    ----------
    ratings : float64, shape (n_texts,)
        NaN where the mass is below the least that was asked for.
    mass : float64, shape (n_texts,)
        Probability that the judge answers with a rating at all.
    """

    ratings: Float64Array
    mass: Float64Array


def expected_ratings(log_probs: npt.ArrayLike, values: npt.ArrayLike, *, min_mass: float) -> ExpectedRatings:
    """Return each text's expected rating over the rating tokens.

    Parameters
    ----------
    log_probs : float, shape (n_texts, n_ratings)
        Log-probability of each rating's token or tokens among everything that the judge could say, nats; ``-inf``
        where it is impossible.
    values : float, shape (n_ratings,)
        What each of them means, such as ``SCALES["1-5"].values``.
    min_mass : float
        In [0, 1]: a text whose ratings have less probability together has no rating (NaN).

    Raises
    ------
    MeasurementError
        No text, another shape, NaN, a log-probability above 0, a text on which all ratings are impossible, or
        ``min_mass`` out of range.

    Examples
    --------
    >>> expected_ratings(np.log([[0.25, 0.25], [0.0625, 0.1875]]), [1, 5], min_mass=0.3)
    ExpectedRatings(ratings=array([ 3., nan]), mass=array([0.5 , 0.25]))
    """
    # given is (n_texts, n_ratings), meaning (n_ratings,)
    meaning = finite_values(values, n_dims=1, what="values")
    given = np.asarray(log_probs, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != meaning.size or given.size == 0:
        raise MeasurementError(f"log_probs: expected (n_texts, {meaning.size}), got shape {given.shape}")
    if np.isnan(given).any() or given.max() > 1e-4:  # float32 log-softmax rounds a sure token to slightly above 0
        raise MeasurementError(f"log_probs: expected log-probabilities (at most 0), got NaN or {given.max()}")
    if not 0.0 <= min_mass <= 1.0:
        raise MeasurementError(f"min_mass: expected a probability, got {min_mass}")
    highest = given.max(axis=1, keepdims=True)
    if np.isneginf(highest).any():
        raise MeasurementError(f"log_probs: all ratings of text {int(np.argmin(highest))} are impossible")
    weights = np.exp(given - highest)
    mass = np.minimum(np.exp(highest[:, 0]) * weights.sum(1), 1.0)
    ratings = weights @ meaning / weights.sum(1)
    return ExpectedRatings(np.where(mass >= min_mass, ratings, np.nan), mass)


def parse_rating(text: str, *, tag: str, scale: RatingScale) -> float:
    """Return the number between the first ``<tag>`` and ``</tag>``, or NaN where there is none on the scale.

    "4/5" on a scale to 5 is 4. Tags may be written in any case.

    Examples
    --------
    >>> parse_rating("<scores><coherence> 4 </coherence></scores>", tag="coherence", scale=SCALES["1-5"])
    4.0
    >>> parse_rating("<coherence>very good</coherence>", tag="coherence", scale=SCALES["1-5"])
    nan
    """
    name = re.escape(tag)
    found = re.search(rf"<{name}>\s*(-?\d+(?:\.\d+)?)\s*(?:/\s*{scale.high})?\s*</{name}>", text, re.IGNORECASE)
    rating = float(found.group(1)) if found else np.nan
    return rating if scale.low <= rating <= scale.high else np.nan


def readable_pairs(
    first: npt.ArrayLike, second: npt.ArrayLike, *, what: tuple[str, str]
) -> tuple[Float64Array, Float64Array, int]:
    """Return the pairs of which neither is NaN, and how many pairs were left out.

    Raises
    ------
    MeasurementError
        Unequal lengths, no pair, none that can be read, or an infinite value.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != two.shape:
        raise MeasurementError(
            f"{what[0]} and {what[1]}: expected two lists of one length, got {one.shape}, {two.shape}"
        )
    is_readable = ~(np.isnan(one) | np.isnan(two))
    failures = int((~is_readable).sum())
    if failures and failures == one.size:
        raise MeasurementError(f"{what[0]} and {what[1]}: all {failures} pairs failed, so there is no number")
    kept = [finite_values(side[is_readable], n_dims=1, what=name) for side, name in zip((one, two), what, strict=True)]
    return kept[0], kept[1], failures


def readable_preferences(
    preferences: npt.ArrayLike, swapped_preferences: npt.ArrayLike
) -> tuple[Float64Array, Float64Array, int]:
    """Return what `readable_pairs` returns; MeasurementError where a preference lies outside [0, 1]."""
    names = ("preferences", "swapped_preferences")
    first, second, failures = readable_pairs(preferences, swapped_preferences, what=names)
    for values, name in zip((first, second), names, strict=True):
        if values.min() < 0.0 or values.max() > 1.0:
            raise MeasurementError(f"{name}: expected probabilities, got {values.min()} to {values.max()}")
    return first, second, failures
