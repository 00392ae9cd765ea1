"""A measured number with what it takes to believe it: n, interval, seed, model hash, data hash, every example."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, eq=False)
class Score:
    """One measured number.

    Parameters
    ----------
    name : str
        Metric, such as "steerability".
    value, low, high : float
        The number and its interval, finite, ``low <= high``.
    n : int
        Examples measured, at least 1.
    unit : str
        Unit of value, low, high and per_example, such as "nats per unit of coefficient".
    better : "higher", "lower" or "neither"
    per_example : float, shape (n,)
        What ``value`` summarises; copied to float64, read-only. A mean hides the examples that moved the wrong way.
    seed : int or None
        Of whatever was random; None where nothing was.
    model_hash, data_hash : str
        SHA-256 of the model file and of the data; empty where there is none, as for made-up arrays.
    failures : int
        Examples that could not be measured; they are not in n.

    Raises
    ------
    MeasurementError
        A field breaks the rules above.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    better: Better
    per_example: Float64Array
    seed: int | None
    model_hash: str
    data_hash: str
    failures: int = 0

    def __post_init__(self) -> None:
        for field in ("value", "low", "high"):
            number = float(getattr(self, field))
            if not math.isfinite(number):
                raise MeasurementError(f"score {self.name!r}, {field}: expected a finite number, got {number}")
            object.__setattr__(self, field, number)
        if self.low > self.high:
            raise MeasurementError(
                f"score {self.name!r}: the interval ends at {self.high}, before its begin {self.low}"
            )
        if self.better not in get_args(Better):
            raise MeasurementError(
                f"score {self.name!r}, better: expected one of {get_args(Better)}, got {self.better!r}"
            )
        examples = np.array(self.per_example, dtype=np.float64)
        if self.n < 1 or examples.shape != (self.n,) or not np.isfinite(examples).all():
            raise MeasurementError(
                f"score {self.name!r}, per_example: expected {self.n} finite numbers and at least one, "
                f"got shape {examples.shape}"
            )
        if self.failures < 0:
            raise MeasurementError(f"score {self.name!r}, failures: expected a count, got {self.failures}")
        examples.flags.writeable = False
        object.__setattr__(self, "per_example", examples)

    def to_dict(self) -> dict[str, Any]:
        """Return every field under its name, as JSON can hold it."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**values, "per_example": self.per_example.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Score:
        """Return what `to_dict` wrote; MeasurementError where a field is missing, unknown or wrong."""
        known = {item.name for item in fields(cls)}
        if set(values) | {"failures"} != known:
            odd = sorted((set(values) | {"failures"}) ^ known)
            raise MeasurementError(f"score: fields {odd} are missing or unknown; expected {sorted(known)}")
        return cls(**values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Score):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} [{self.low:.4g}, {self.high:.4g}] {self.unit}, n={self.n}"
