"""Metrics of `pysteer.metrics` as the scores of a measurement, with items that failed counted and kept out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pysteer.measurements.measured import About, Result, Undefined


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
    called = name or metric
    result = about.metric(metric, failures=failures, **inputs)
    if isinstance(result, Undefined):
        return replace(result, name=called, n=n_items - unusable, failures=failures + unusable)
    return replace(result, name=called)


def measured_choices(
    values: Mapping[str, npt.NDArray[np.float64]],
) -> tuple[npt.NDArray[np.bool_], dict[str, Any]]:
    """Return which questions were measured, (n_items,), and what `scored` takes of these for a metric of choices."""
    known = measured_rows(values["log_probs"])
    n, failures = int(known.sum()), int((~known).sum())
    given = {"log_probs": values["log_probs"][known], "answers": values["answers"][known]}
    return known, {"n_items": n, "failures": failures, **given}


def measured_rows(table: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which rows hold no NaN, (n_items,)."""
    return np.asarray(~np.isnan(table).any(axis=tuple(range(1, table.ndim))))
