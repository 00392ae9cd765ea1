"""Which strengths can be recommended: those with an effect, and at a cost that is bounded with confidence.

A strength passes when

* the behaviour moves the wanted way: the interval of the change of propensity lies on that side of 0;
* the *upper* end of the perplexity ratio's interval is at most the guard's;
* accuracy on questions, where it was measured, does not fall for certain: the interval of its change does not lie
  below 0.

The recommended range begins at the weakest measured strength that passes, and ends before the first stronger one that
does not; nothing is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pysteer.card.vector_card import CostAt, Quantity, Recommended, Wanted
from pysteer.errors import MeasurementError
from pysteer.report.estimates import interval, number


@dataclass(frozen=True)
class Guard:
    """What a recommended strength may cost.

    Parameters
    ----------
    max_perplexity_ratio : float
        Bound on the upper end of the ratio's interval; above 1.

    Raises
    ------
    MeasurementError
        The bound is not above 1: the unsteered model would not pass.
    """

    max_perplexity_ratio: float = 1.2

    def __post_init__(self) -> None:
        if not self.max_perplexity_ratio > 1.0:
            raise MeasurementError(f"the guard is a perplexity ratio above 1, got {self.max_perplexity_ratio}")

    def __str__(self) -> str:
        return (
            f"upper end of the perplexity ratio's interval at most {number(self.max_perplexity_ratio)}, no certain "
            "loss of accuracy, and a change of propensity whose interval lies on the wanted side of 0"
        )

    def objection(self, cost: CostAt, towards: Wanted) -> str:
        """Return why a strength is not recommended; empty where it passes."""
        ratio, gain, change = cost.perplexity_ratio, cost.gain, cost.accuracy_change
        if gain.low is None or gain.high is None:
            return f"at {number(cost.strength)} the behaviour was not measured ({gain.reason})"
        if ratio.high is None:
            return f"at {number(cost.strength)} the perplexity was not measured ({ratio.reason})"
        if gain.low <= 0.0 if towards == "towards" else gain.high >= 0.0:
            return f"at {number(cost.strength)} the behaviour does not move that way for certain ({_text(gain)} nats)"
        if ratio.high > self.max_perplexity_ratio:
            return f"at {number(cost.strength)} the perplexity ratio is {_text(ratio)}"
        if change.high is not None and change.high < 0.0:
            return f"at {number(cost.strength)} accuracy changes by {_text(change)}"
        return ""


def recommend(costs: Sequence[CostAt], guard: Guard, towards: Wanted, *, onset: Quantity | None = None) -> Recommended:
    """Return the recommended strengths of one sign.

    Parameters
    ----------
    costs : sequence of CostAt
        Any order; only those with the right sign count.
    towards : "towards" or "away"
        Positive strengths, which shall raise the propensity, or negative ones, which shall lower it.
    """
    sign = 1.0 if towards == "towards" else -1.0
    ordered = sorted((cost for cost in costs if sign * cost.strength > 0.0), key=lambda cost: abs(cost.strength))
    found: list[CostAt] = []
    objections: list[str] = []
    reason = "no strength of this sign was measured"
    for cost in ordered:
        objection = guard.objection(cost, towards)
        if not objection:
            found.append(cost)
            reason = f"ends at {number(cost.strength)}, the strongest that was measured"
        elif found:
            reason = f"ends there because {objection}"
            break
        else:
            objections.append(objection)
    limit = onset or Quantity()
    if not found:
        told = "; ".join(dict.fromkeys((*objections[:1], *objections[-1:])))
        return Recommended(towards=towards, reason=told or reason, onset=limit)
    ends = sorted((found[0].strength, found[-1].strength))
    best = max(found, key=lambda cost: abs(cost.gain.value or 0.0))
    return Recommended(towards=towards, low=ends[0], high=ends[1], best=best.strength, reason=reason, onset=limit)


def _text(quantity: Quantity) -> str:
    return interval(*quantity.ends)
