"""How much of the behaviour that steering adds is left on prompts of another kind?

Question: a vector from questionnaires, or from synthetic prompts: does it work on what users ask?
Source: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189 (works in distribution, next
to no effect outside it).
Formula: gain = behaviour with steering minus without, mean over items, for either kind of prompt; their ratio.
Unit: that of the behaviour measured (share of items, probability, rating); the ratio has none.
Range: gains between plus and minus the range of the behaviour; ratio unbounded, 1 where nothing is lost.
Convention: items of one kind are paired (with and without steering); the two kinds are different items and are
resampled apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, bootstrap_difference, bootstrap_ratio
from pysteer.statistics.checks import paired_values


@dataclass(frozen=True)
class BehaviourTransfer:
    """Gains on either kind of prompt, and their ratio.

    Parameters
    ----------
    id_gain, ood_gain : Interval
        Behaviour with steering minus without.
    ratio : Interval or None
        ``ood_gain`` over ``id_gain``; None where the interval of ``id_gain`` holds 0, so that there is none.
    """

    id_gain: Interval
    ood_gain: Interval
    ratio: Interval | None


def behaviour_transfer(
    id_base: npt.ArrayLike,
    id_steered: npt.ArrayLike,
    ood_base: npt.ArrayLike,
    ood_steered: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = 0.95,
) -> BehaviourTransfer:
    """Return the gain in behaviour in and out of distribution.

    Parameters
    ----------
    id_base, id_steered : float, shape (n,)
        Behaviour of each item in distribution without and with steering, such as 0 and 1; at least two items.
    ood_base, ood_steered : float, shape (m,)
        The same out of distribution.
    seed : int
        Of the bootstrap over items.

    Raises
    ------
    MeasurementError
        Unequal lengths, fewer than two items of a kind, or a value that is not finite.

    Examples
    --------
    >>> found = behaviour_transfer([0.0, 0.0], [1.0, 1.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.5], seed=0)
    >>> found.id_gain.mean, found.ood_gain.mean, found.ratio.mean
    (1.0, 0.5, 0.5)
    """
    before, after = paired_values(id_base, id_steered, what=("id_base", "id_steered"))
    before_ood, after_ood = paired_values(ood_base, ood_steered, what=("ood_base", "ood_steered"))
    inside = bootstrap_difference(after, before, seed=seed, confidence=confidence)
    outside = bootstrap_difference(after_ood, before_ood, seed=seed, confidence=confidence)
    try:
        ratio = bootstrap_ratio(
            after_ood - before_ood, after - before, is_paired=False, seed=seed, confidence=confidence
        )
    except MeasurementError:  # everything else has been checked: the gain in distribution may be 0
        ratio = None
    return BehaviourTransfer(inside, outside, ratio)
