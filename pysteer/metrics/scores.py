"""From one number per example to a `Score`: what the metrics share. Not a metric itself."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.metric import metrics
from pysteer.score import Better, Score
from pysteer.statistics import Correlation, Interval, bootstrap_mean, finite_values, wilson_interval


def mean_score(
    name: str,
    per_example: npt.ArrayLike,
    *,
    seed: int,
    confidence: float,
    model_hash: str,
    data_hash: str,
    failures: int = 0,
) -> Score:
    """Return the mean of one number per example, with its bootstrap interval.

    Parameters
    ----------
    name : str
        Registered name; unit and ``better`` are its facts.
    per_example : float, shape (n,)
        At least two.
    failures : int
        Examples that could not be measured, and are not in ``per_example``.

    Raises
    ------
    MeasurementError
        As `bootstrap_mean`; the message tells how many examples failed.
    """
    values = check_measured(per_example, failures, what=name)
    interval = bootstrap_mean(values, seed=seed, confidence=confidence)
    return score_of(name, interval, values, seed=seed, model_hash=model_hash, data_hash=data_hash, failures=failures)


def share_score(
    name: str,
    hits: npt.ArrayLike,
    *,
    confidence: float,
    model_hash: str,
    data_hash: str,
    failures: int = 0,
) -> Score:
    """Return the share of hits among examples, with its Wilson interval; nothing is random, so the seed is None.

    Parameters
    ----------
    name : str
        Registered name.
    hits : bool or 0 and 1, shape (n,)
        At least one.
    failures : int
        As in `mean_score`.
    """
    values = check_measured(hits, failures, what=name)
    if not np.isin(values, (0.0, 1.0)).all():
        raise MeasurementError(f"{name}: expected 0 or 1 for each example, got other values")
    interval = wilson_interval(int(values.sum()), values.size, confidence=confidence)
    return score_of(name, interval, values, seed=None, model_hash=model_hash, data_hash=data_hash, failures=failures)


def correlation_score(
    name: str, correlation: Correlation, *, model_hash: str, data_hash: str, failures: int = 0
) -> Score:
    """Return a correlation as a score; ``per_example`` are the contributions whose mean is the correlation."""
    found = correlation
    return score_of(
        name,
        Interval(found.value, found.low, found.high, found.n, found.confidence),
        found.contributions,
        seed=None,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )


def score_of(
    name: str,
    interval: Interval,
    per_example: npt.ArrayLike,
    *,
    seed: int | None,
    model_hash: str,
    data_hash: str,
    failures: int = 0,
) -> Score:
    """Return the score of a registered metric from its interval and examples."""
    facts = metrics.facts(name)
    examples = np.asarray(per_example, dtype=np.float64)
    return Score(
        name=name,
        value=interval.mean,
        # Resampling can end a rounding error short of the number itself.
        low=min(interval.low, interval.mean),
        high=max(interval.high, interval.mean),
        n=examples.size,
        unit=str(facts["unit"]),
        better=cast(Better, facts["better"]),
        per_example=examples,
        seed=seed,
        model_hash=model_hash,
        data_hash=data_hash,
        failures=failures,
    )


def exponential(interval: Interval) -> Interval:
    """Return the interval of ``exp`` of the number."""
    mean, low, high = exponentials(np.array([interval.mean, interval.low, interval.high]))
    return replace(interval, mean=float(mean), low=float(low), high=float(high))


def exponentials(values: Float64Array) -> Float64Array:
    """Return ``exp(values)``; MeasurementError where that is too large for a float, as perplexities above 1e308."""
    with np.errstate(over="ignore"):
        result: Float64Array = np.exp(values)
    if not np.isfinite(result).all():
        raise MeasurementError(f"exp({values.max():.4g}) is too large: the text has next to no probability")
    return result


def check_measured(per_example: npt.ArrayLike, failures: int, *, what: str) -> Float64Array:
    """Return one number per example as float64 (n,); MeasurementError where all examples failed or there was none."""
    if np.size(per_example) == 0 and failures:
        raise MeasurementError(f"{what}: all {failures} examples failed, so there is no number")
    return finite_values(per_example, n_dims=1, what=what)


def without_failures(values: npt.ArrayLike, *, what: str) -> tuple[Float64Array, int]:
    """Return the values that are not NaN, and how many are: NaN says that an example could not be measured.

    Raises
    ------
    MeasurementError
        No value, all are NaN, one is infinite, or not one axis.
    """
    try:
        given = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"{what}: expected an array of numbers: {error}") from error
    if given.ndim != 1:
        raise MeasurementError(f"{what}: expected 1 axis, got shape {given.shape}")
    is_missing = np.isnan(given)
    failures = int(is_missing.sum())
    return check_measured(given[~is_missing], failures, what=what), failures
