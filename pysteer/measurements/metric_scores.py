"""Metrics of `pysteer.metrics` as the scores of a measurement, with items that failed counted and kept out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.measurements.measured import About, Result, Undefined
from pysteer.metrics import metrics
from pysteer.score import Better


def scored(
    metric: str,
    about: About,
    *,
    n_items: int,
    failures: int = 0,
    unusable: int = 0,
    name: str | None = None,
    **inputs: Any,
) -> Result:
    """Return a metric's score, or `Undefined` with the metric's own reason where there is no number.

    Parameters
    ----------
    metric : str
        Registered name.
    n_items : int
        Items that are given to it.
    failures : int
        Items that were left out before; added to those that the metric counts itself.
    unusable : int
        Those of the items given that the metric will count as failures itself.
    name : str, optional
        Of the score; the metric's by default.
    inputs
        What the metric takes, and its parameters.
    """
    facts = metrics.facts(metric)
    called = name or metric
    try:
        score = metrics.get(metric)(
            **inputs,
            seed=about.seed,
            confidence=about.confidence,
            model_hash=about.model_hash,
            data_hash=about.data_hash,
        )
    except MeasurementError as error:
        unit, better = str(facts["unit"]), cast(Better, facts["better"])
        return Undefined(called, n_items - unusable, failures + unusable, unit, better, str(error))
    return replace(score, name=called, failures=score.failures + failures)


def measured_rows(table: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which rows hold no NaN, (n_items,)."""
    return np.asarray(~np.isnan(table).any(axis=tuple(range(1, table.ndim))))
