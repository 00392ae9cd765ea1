"""What one acceptance line is: a share with its Wilson interval, a target, and a verdict."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Check:
    """`value` is a share of `n` unless `n_successes` is None (then it is a plain number, in `unit`)."""

    group: str
    name: str
    value: float
    n: int
    low: float | None
    high: float | None
    target: str
    passed: bool | None
    unit: str = "share"

    def to_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def wilson(n_successes: float, n: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927).

    >>> [round(x, 3) for x in wilson(9, 10)]
    [0.596, 0.982]
    """
    if n <= 0:
        raise ValueError(f"expected at least one trial, got {n}")
    share = n_successes / n
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def share(
    group: str,
    name: str,
    outcomes: list[bool],
    *,
    at_least: float | None = None,
    between: tuple[float, float] | None = None,
) -> Check:
    """A share of true outcomes with a target: at least a value, or between two."""
    n = len(outcomes)
    value = sum(outcomes) / n
    low, high = wilson(sum(outcomes), n)
    if at_least is not None:
        return Check(group, name, value, n, low, high, f">= {at_least:.2f}", value >= at_least)
    if between is not None:
        return Check(
            group,
            name,
            value,
            n,
            low,
            high,
            f"{between[0]:.2f} ... {between[1]:.2f}",
            between[0] <= value <= between[1],
        )
    return Check(group, name, value, n, low, high, "reported", None)


def number(group: str, name: str, value: float, n: int, *, target: str, passed: bool | None, unit: str) -> Check:
    """A plain number."""
    return Check(group, name, value, n, None, None, target, passed, unit)


def table(checks: list[Check]) -> str:
    """Markdown rows, one a check."""
    lines = ["| what | value | 95 % interval | n | target | reached |", "|---|---:|---|---:|---|---|"]
    for check in checks:
        interval = f"{check.low:.3f} ... {check.high:.3f}" if check.low is not None and check.high is not None else ""
        verdict = {True: "yes", False: "**no**", None: ""}[check.passed]
        unit = "" if check.unit == "share" else f" {check.unit}"
        lines.append(
            f"| {check.name} | {check.value:.3f}{unit} | {interval} | {check.n} | {check.target} | {verdict} |"
        )
    return "\n".join(lines)
