"""What was found by the searches of E23, and intervals over strings and items at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.estimates import interval
from pysteer.statistics import Interval, bootstrap_mean, drawn_interval
from pysteer.studies.mechanisms.adversarial_plan import choice_name, n_ranks, part_name, unfit
from pysteer.studies.mechanisms.found import Found

KINDS = ("none", "natural", "random", "sampled", "plain", "typed", "found")
"""Kinds of strings, in the order in which tables and figures show them."""
NAMES = {
    "none": "no string",
    "natural": "ordinary text",
    "random": "random tokens",
    "sampled": "best of as many random",
    "plain": "found, as plain as ordinary text",
    "typed": "found, typed as text",
    "found": "found by search",
    "front": "found, less surprising",
}
_N_RESAMPLES = 4000
Sides = tuple[Float64Array, Float64Array | None]
"""Numbers by string and item, (n_strings, n_items), and what is subtracted from them, on the same items."""


@dataclass(frozen=True, eq=False)
class Tested:
    """The strings of one behaviour on held-out items.

    Parameters
    ----------
    behaviour : str
    strength : float
    weights : str
        Weight type that the model was quantised to; empty for the file given.
    kinds : tuple of str
    restarts : tuple of int
    texts : tuple of str
    steered, unsteered, cross_entropy : float64, shape (n_strings, n_items)
        Reversals with and without steering, nats; nats per token.
    curves, samples : float64, each (n, 2)
        Strings measured and best target so far, on search items: of searches, and of random strings.
    n_measured : int
        Strings that each search measured.
    file_bytes : int
    file_hash, items_hash : str
        Of the weights, and of the held-out items.
    """

    behaviour: str
    strength: float
    weights: str
    kinds: tuple[str, ...]
    restarts: tuple[int, ...]
    texts: tuple[str, ...]
    steered: Float64Array
    unsteered: Float64Array
    cross_entropy: Float64Array
    curves: tuple[Float64Array, ...]
    samples: tuple[Float64Array, ...]
    n_measured: int
    file_bytes: int
    file_hash: str
    items_hash: str

    def of(self, kind: str, table: Float64Array) -> Float64Array:
        """Return the rows of a table for strings of a kind, (n, n_items)."""
        return table[[each == kind for each in self.kinds]]

    def preference(self, kind: str, *, is_steered: bool = True) -> Float64Array:
        """Return preferences for the steered behaviour with strings of a kind, nats, (n, n_items)."""
        return -self.of(kind, self.steered if is_steered else self.unsteered)

    def effect(self, kind: str) -> Float64Array:
        """Return what steering adds to the preference with strings of a kind, nats, (n, n_items)."""
        return self.preference(kind) - self.preference(kind, is_steered=False)

    def reversal(self, kind: str) -> Float64Array:
        """Return what strings of a kind take away from the steered preference, nats, (n, n_items)."""
        return self.preference("none") - self.preference(kind)

    def flipped(self, kind: str) -> Float64Array:
        """Return 1 where the opposite answer is preferred, else 0, of items where it is not without a string."""
        shows = self.preference("none")[0] > 0.0
        return (self.preference(kind)[:, shows] < 0.0).astype(np.float64)

    def doubt(self) -> str | None:
        """Return why there may be nothing to reverse on held-out items; None where there is.

        It decides nothing: what is searched was chosen on validation items, and choosing again by the items that are
        measured would make the preference look larger than it is.
        """
        for what, values in (("effect of steering", self.effect("none")), ("preference", self.preference("none"))):
            mean = bootstrap_mean(values[0], seed=0)
            if mean.low <= 0.0:
                shown = interval(mean.mean, mean.low, mean.high)
                return f"the {what} for {self.behaviour} on held-out items may be 0: {shown} nats"
        return None


def of_rank(found: Found, rank: int, weights: str = "") -> Tested | str:
    """Return what is known of the ``rank``-th behaviour, or why nothing is."""
    part = found.results[part_name(found.model, rank, "strings", weights=weights)]
    content = part.content
    if "skipped" in content:
        return str(content["skipped"])
    runs: dict[str, list[Float64Array]] = {"search": [], "sample": []}
    n_measured = 0
    for restart in range(found.sizes.adversarial.n_restarts):
        for kind, curves in runs.items():
            run = found.results.get(part_name(found.model, rank, f"{kind} {restart + 1}", weights=weights))
            if run is not None:
                curves.append(run.arrays["curve"])
                n_measured = max(n_measured, int(run.content.get("n_measured", 0)))
    return Tested(
        str(content["behaviour"]), float(content["strength"]), weights, tuple(content["kinds"]),
        tuple(content["restarts"]), tuple(content["texts"]), part.arrays["steered"], part.arrays["unsteered"],
        part.arrays["cross_entropy"], tuple(runs["search"]), tuple(runs["sample"]), n_measured,
        int(content["file_bytes"]), str(content["file_hash"]), str(content["items_hash"]),
    )  # fmt: skip


def all_tested(found: Found) -> tuple[list[Tested], list[str]]:
    """Return what was tested on the file given, and why some behaviours were not."""
    choice = found.results.get(choice_name(found.model))
    if choice is None:
        reasons = [reason for each in found.behaviours if (reason := unfit(each)) is not None]
        return [], reasons or ["no behaviour has items with room for a string"]
    every = [of_rank(found, rank) for rank in range(n_ranks(found.results, found.model))]
    skipped = [one for one in every if isinstance(one, str)]
    return [one for one in every if isinstance(one, Tested)], [*choice.content.get("left_out", ()), *skipped]


def crossed(behaviours: Sequence[Sides], *, seed: int) -> Interval:
    """Return the mean over behaviours of first minus second, with its interval from drawing strings and items.

    Strings and items are crossed: each string meets each item. So both are drawn anew, each on its own, within every
    behaviour, and the items of both sides are the same ones. Such an interval is rather too wide than too narrow
    (Owen 2007, "The pigeonhole bootstrap", arXiv:0712.1111).

    Parameters
    ----------
    behaviours : sequence of (first, second)
        ``first`` (n_strings, n_items); ``second`` with the same items, or None.

    Returns
    -------
    Interval
        ``n`` counts the strings of the first sides.

    Raises
    ------
    MeasurementError
        Nothing to average, or fewer than two items.
    """
    if not behaviours or any(not len(side) for sides in behaviours for side in sides if side is not None):
        raise MeasurementError("there is no such string")
    if any(first.shape[1] < 2 for first, _ in behaviours):
        raise MeasurementError("an interval needs at least two items")
    generator = np.random.default_rng(seed)
    values, draws = [], []
    for first, second in behaviours:
        items = _weights(first.shape[1], generator)
        value, drawn = first.mean(), _means(first, items, generator)
        if second is not None:
            value, drawn = value - second.mean(), drawn - _means(second, items, generator)
        values.append(float(value))
        draws.append(drawn)
    mean = np.mean(draws, axis=0)
    return drawn_interval(float(np.mean(values)), mean, sum(len(first) for first, _ in behaviours))


def _weights(n: int, generator: np.random.Generator) -> Float64Array:
    """Return how often each of n units is drawn, as shares, (n_resamples, n)."""
    return np.asarray(generator.multinomial(n, np.full(n, 1.0 / n), size=_N_RESAMPLES) / n, dtype=np.float64)


def _means(table: Float64Array, items: Float64Array, generator: np.random.Generator) -> Float64Array:
    """Return the means of a table over drawn strings and items, (n_resamples,)."""
    strings = _weights(len(table), generator)
    return np.asarray(np.einsum("rs,si,ri->r", strings, table, items, optimize=True), dtype=np.float64)
