"""Numbers with their intervals as figures and tables take them, and how a number is written.

Here NaN means "not measured": it is drawn and written as such, and never left out silently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError

MINUS = "\N{MINUS SIGN}"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, eq=False)
class Estimates:
    """Values, each with the ends of its interval; all of one shape, () for a single number.

    Parameters
    ----------
    values : float, any shape
        NaN: not measured.
    low, high : float, same shape, optional
        NaN: there is no interval, as with one example.

    Raises
    ------
    MeasurementError
        The shapes differ, a value is infinite, or an interval has one end only or ends before it begins.
    """

    values: Float64Array
    low: Float64Array
    high: Float64Array

    def __init__(
        self, values: npt.ArrayLike, low: npt.ArrayLike | None = None, high: npt.ArrayLike | None = None
    ) -> None:
        if (low is None) != (high is None):
            raise MeasurementError("expected both ends of an interval or none, got one")
        at = as_numbers(values, "values")
        nothing = np.full(at.shape, np.nan)
        for name, given in (("values", at), ("low", low), ("high", high)):
            array = nothing if given is None else as_numbers(given, name)
            if array.shape != at.shape:
                raise MeasurementError(f"{name}: expected shape {at.shape} as the values, got {array.shape}")
            object.__setattr__(self, name, array)
        if (np.isnan(self.low) != np.isnan(self.high)).any():
            raise MeasurementError("expected both ends of an interval or none, got one")
        if (self.low > self.high).any():
            raise MeasurementError("an interval ends before it begins")

    @classmethod
    def of(cls, score: Any) -> Estimates:
        """Return the number of a `Score`, or of whatever else has ``value``, ``low`` and ``high``."""
        return cls(score.value, score.low, score.high)

    @property
    def one(self) -> tuple[float, float, float]:
        """Value, low and high of a single number."""
        return float(self.values), float(self.low), float(self.high)

    def at(self, index: int) -> tuple[float, float, float]:
        """Value, low and high of one number of several."""
        return float(self.values[index]), float(self.low[index]), float(self.high[index])

    def error_bars(self) -> Float64Array:
        """Return the lengths of error bars below and above the values, (2, ...); 0 where there is no interval."""
        return np.nan_to_num(np.maximum([self.values - self.low, self.high - self.values], 0.0), nan=0.0)


def as_numbers(values: npt.ArrayLike, what: str) -> Float64Array:
    """Return a read-only float64 copy; NaN is allowed, infinity is not.

    Raises
    ------
    MeasurementError
        No numbers, or infinite ones.
    """
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeasurementError(f"{what}: expected numbers: {error}") from error
    if np.isinf(array).any():
        raise MeasurementError(f"{what}: {np.count_nonzero(np.isinf(array))} of {array.size} values are infinite")
    array.flags.writeable = False
    return array


def number(value: float, digits: int = 3) -> str:
    """Return a number for readers: significant digits, a real minus sign, "not measured" for NaN.

    Examples
    --------
    >>> number(0.31251), number(1234567.0), number(2e-7), number(-0.5) == MINUS + "0.5", number(float("nan"))
    ('0.313', '1234567', '2e-07', True, 'not measured')
    """
    if math.isnan(value):
        return NOT_MEASURED
    if value == 0.0:
        return "0"
    text = f"{value:.0f}" if 10**digits <= abs(value) < 1e9 else f"{value:.{digits}g}"
    return text.replace("-", MINUS, 1) if text.startswith("-") else text


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """Return "value [low, high]", without the brackets where there is no interval.

    Examples
    --------
    >>> interval(0.5, 0.25, 0.75), interval(1.0, float("nan"), float("nan"))
    ('0.5 [0.25, 0.75]', '1')
    """
    if math.isnan(value) or math.isnan(low):
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def percent(value: float) -> str:
    """Return a share, or a difference of shares, as a percentage; NaN is "not measured".

    Examples
    --------
    >>> percent(0.123), percent(1.0), percent(0.004), percent(-0.12) == MINUS + percent(0.12)
    ('12\xa0%', '100\xa0%', '0.4\xa0%', True)
    """
    if math.isnan(value):
        return NOT_MEASURED
    digits = 1 if 0.0 < abs(value) < 0.01 or 0.99 < abs(value) < 1.0 else 0
    text = f"{100 * value:.{digits}f}"
    if float(text) == 0.0:
        text = text.removeprefix("-")  # no "-0.0 %"
    return f"{text.replace('-', MINUS, 1)}\N{NO-BREAK SPACE}%"


def percent_interval(value: float, low: float, high: float) -> str:
    """Return "12 % [8 %, 17 %]", without the brackets where there is no interval."""
    if math.isnan(value) or math.isnan(low):
        return percent(value)
    return f"{percent(value)} [{percent(low)}, {percent(high)}]"
