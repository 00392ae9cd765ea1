"""A histogram in text."""

from __future__ import annotations

import math

from pysteer.arrays import Float64Array

_PARTS = " ▏▎▍▌▋▊▉█"


def histogram(values: Float64Array, *, width: int, n_bins: int = 10) -> list[tuple[str, bool]]:
    """Return one line for each bin, ascending, and whether the bin lies at or below zero.

    Zero is always an edge and edges are round numbers, so that no bin mixes values of both signs.

    Parameters
    ----------
    values : float64, shape (n,)
        At least one, finite. A bin holds ``low < value <= high``.
    width : int
        Characters of the longest bar.
    n_bins : int
        About how many bins there are.

    Examples
    --------
    >>> import numpy as np
    >>> for line, _ in histogram(np.array([-1.0, 0.5, 1.0, 1.0]), width=6, n_bins=1):
    ...     print(line)
         -2 to 0         ██ 1
          0 to 2         ██████ 3
    """
    step = _round_step((values.max() - values.min()) / n_bins)
    first, last = math.ceil(values.min() / step) - 1, math.ceil(values.max() / step) - 1
    counts = dict.fromkeys(range(first, last + 1), 0)
    for value in values:
        counts[math.ceil(value / step) - 1] += 1
    longest = max(counts.values())
    return [
        (
            f"{_plain(index * step):>7} to {_plain((index + 1) * step):<7}   {_bar(count / longest * width)} {count}",
            index < 0,
        )
        for index, count in counts.items()
    ]


def _round_step(step: float) -> float:
    """Return the next of 1, 2, 5, 10, ... times a power of ten."""
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def _plain(edge: float) -> str:
    return f"{edge + 0.0:.6g}"


def _bar(length: float) -> str:
    whole = int(length)
    return ("█" * whole + _PARTS[int((length - whole) * 8)]).rstrip()
