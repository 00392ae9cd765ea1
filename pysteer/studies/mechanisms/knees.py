"""E21: the knee of the effect: from how many pairs on do more of them add little to it?

Subsets of up to half of the pairs tell; a knee beyond that is known to be beyond, and no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.metrics.sample_efficiency import crossing
from pysteer.statistics import slope
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.declared import KNEE
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, bootstrap_nested, pooled_row
from pysteer.studies.mechanisms.sizes import SWEEP_STRENGTHS
from pysteer.studies.rows import Row, no_number

EFFECT = 0.95
"""Share of the effect of all pairs from which on more pairs add little."""
PAIRS = "contrast pairs"
_BEYOND = 1e9
"""Stands for knees that cannot be seen, where numbers have to be finite."""


@lru_cache(maxsize=256)
def effects(found: Found, each: Behaviour) -> tuple[Float64Array, Float64Array]:
    """Return the slope of every item: from subsets, (n_items, 2, n_repeats, n_sizes), and from all pairs, (n_items,).

    The second axis: vectors as extracted, and scaled to the norm of the vector of all pairs.
    """
    return slope(SWEEP_STRENGTHS, found.part(each, "subsets").arrays["propensities"]), found.whole_slopes(each)


def knee_of(found: Found, each: Behaviour, items: Indices | None = None, repeats: Indices | None = None) -> float:
    """Return the pairs at which the norm-matched effect reaches `EFFECT` of that of all pairs.

    Infinite where that is above half of the pairs there are: such subsets are largely the whole, so nothing but that
    can be said. NaN where all pairs have no effect.
    """
    subsets, whole = effects(found, each)
    content = found.part(each, "subsets").content
    chosen = np.arange(len(whole)) if items is None else items
    drawn = np.arange(subsets.shape[2]) if repeats is None else repeats
    curve = subsets[chosen, 1][:, drawn].mean(axis=(0, 1))
    full = float(whole[chosen].mean())
    if full <= 0.0:
        return float("nan")
    knee = crossing([*content["sizes"], content["n_pairs"]], np.append(curve, full), EFFECT * full)
    return knee if knee <= content["n_pairs"] / 2 else float("inf")


def decides(found: Found, each: Behaviour) -> bool:
    """Return whether a behaviour has so many pairs that its knee could lie above what the claim allows.

    With fewer, all that it could say is that the knee is smaller, or nothing.
    """
    return int(found.part(each, "subsets").content["n_pairs"]) / 2 >= KNEE[1]


def measured_row(found: Found, each: Behaviour) -> Row:
    """Return the measured knee of the effect, with its interval from drawing items and orders of the pairs."""
    quantity, about = "pairs, measured by the effect", {"model": found.label, "behaviour": each.name}
    subsets, _ = effects(found, each)
    n_pairs = int(found.part(each, "subsets").content["n_pairs"])
    if each not in found.steered:
        return no_number(found.repeat_origin(each), quantity, "it is not steered", unit=PAIRS, labels=about)

    def knee(items: Indices, repeats: Indices) -> float:
        return min(knee_of(found, each, items, repeats), _BEYOND)

    return _seen(
        pooled_row(
            lambda: bootstrap_crossed(knee, subsets.shape[0], subsets.shape[2], seed=found.seed, n_resamples=500),
            found.repeat_origin(each),
            quantity,
            unit=PAIRS,
            labels=about,
            note="" if decides(found, each) else _too_few(n_pairs),
        ),
        n_pairs / 2,
    )


def effect_knee(found: Found) -> Row:
    """Return the median of the measured knees of the behaviours that steer and decide; items and orders are drawn.

    A knee above what can be seen counts as such, in the draws as well: left out, it would make the median smaller.
    """
    chosen = [each for each in found.steered if decides(found, each)]
    quantity, about = "pairs at 95 % of the effect, median", {"model": found.label}
    if not chosen:
        reason = (
            f"no behaviour that is steered has {2 * KNEE[1]:g} pairs or more, so that its knee could lie above "
            f"{KNEE[1]:g}"
            if found.steered
            else "no behaviour is steered"
        )
        return no_number(found.repeat_origin(), quantity, reason, unit=PAIRS, labels=about)
    shapes = [effects(found, each)[0].shape for each in chosen]

    def median(drawn: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        knees = [knee_of(found, chosen[index], *some) for index, some in zip(drawn, items, strict=True)]
        known = [knee for knee in knees if not np.isnan(knee)]  # those without an effect have no knee
        return min(float(np.median(known)), _BEYOND) if known else float("nan")

    return _seen(
        pooled_row(
            lambda: bootstrap_nested(
                median, [(shape[0], shape[2]) for shape in shapes], seed=found.seed, n_resamples=500
            ),
            found.repeat_origin(*chosen),
            quantity,
            unit=PAIRS,
            labels=about,
            note="of " + ", ".join(each.name for each in chosen),
            failures=sum(bool(np.isnan(knee_of(found, each))) for each in chosen),
        ),
        min(int(found.part(each, "subsets").content["n_pairs"]) for each in chosen) / 2,
    )


def _too_few(n_pairs: int) -> str:
    return (
        f"decides nothing: of {n_pairs} pairs only knees up to {n_pairs / 2:g} can be seen, and 95 % of their effect "
        "is less than 95 % of that of the true direction"
    )


def _seen(row: Row, most: float) -> Row:
    """Return a row as it is, or without a number where it or an end of its interval is above what can be seen."""
    if not max(row.value, row.high) > most:
        return row

    def shown(knee: float) -> str:
        return f"above {most:g}" if knee > most else f"{knee:.3g}"

    reason = (
        f"{shown(row.value)} pairs, 95 % interval from {shown(row.low)} to {shown(row.high)}: above half of the pairs "
        "there are, subsets are largely the whole"
    )
    note = "; ".join(filter(None, (reason, row.note)))
    return no_number(row.origin, row.quantity, note, n=row.n, unit=row.unit, labels=row.labels, failures=row.failures)
