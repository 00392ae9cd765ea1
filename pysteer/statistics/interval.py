"""A number of examples, and between which ends it lies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A mean of ``n`` examples between ``low`` and ``high``, at the given confidence."""

    mean: float
    low: float
    high: float
    n: int
    confidence: float
