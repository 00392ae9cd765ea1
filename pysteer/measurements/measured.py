"""What measurements take and give: data, what the model did item by item, and the scores made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics import metrics
from pysteer.score import Better, Score
from pysteer.statistics import bootstrap_mean


class Data(Protocol):
    """Items in a fixed order: `pysteer.Dataset`, `pysteer.formats.texts.Texts`, and whatever else has these three."""

    @property
    def name(self) -> str: ...
    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of all that is asked and expected, and its order; not of the name."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Measured:
    """What the model did under one steering, item by item.

    Parameters
    ----------
    values : mapping of str to float, shape (n_items,) or (n_items, k)
        NaN where an item could not be measured: it is left out of means and counted as a failure, never dropped.
        Converted to float64, read-only. One-letter items and windows of text are items, too.
    details : mapping
        What JSON can hold, such as the generated texts; for reading, and for scores that need it.
    failures : mapping of str to int
        Items by what went wrong: {"no <answer>": 3, "stopped at max_tokens": 1}. Also what did not make a NaN.
    """

    values: Mapping[str, Float64Array]
    details: Mapping[str, Any] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frozen: dict[str, Float64Array] = {}
        for name, values in self.values.items():
            array = np.array(values, dtype=np.float64)
            if array.ndim == 0 or array.size == 0:
                raise MeasurementError(f"values {name!r}: expected a number for each item, got shape {array.shape}")
            array.flags.writeable = False
            frozen[name] = array
        object.__setattr__(self, "values", frozen)
        object.__setattr__(self, "failures", {reason: int(n) for reason, n in self.failures.items() if n})


@dataclass(frozen=True)
class Undefined:
    """A score without a number, such as a mean when every item failed; shown in the table with its reason."""

    name: str
    n: int
    failures: int
    unit: str
    better: Better
    reason: str


Result = Score | Undefined


@dataclass(frozen=True)
class About:
    """What every score carries: seed of the bootstrap, confidence of the interval, and the hashes."""

    seed: int
    confidence: float = 0.95
    model_hash: str = ""
    data_hash: str = ""

    def mean(self, name: str, values: Float64Array, *, unit: str, better: Better) -> Result:
        """Return the mean over items with its bootstrap interval; NaN items are failures, infinite ones an error.

        ``values`` has shape (n_items,). With fewer than two numbers there is no interval: `Undefined`.
        """
        items = np.asarray(values, dtype=np.float64)
        if items.ndim != 1 or np.isinf(items).any():
            raise MeasurementError(f"score {name!r}: expected a finite number or NaN per item, got shape {items.shape}")
        known = items[~np.isnan(items)]
        n_failed = len(items) - len(known)
        if len(known) < 2:
            reason = f"{len(known)} of {len(items)} items have a number; an interval needs two"
            return Undefined(name, len(known), n_failed, unit, better, reason)
        interval = bootstrap_mean(known, seed=self.seed, confidence=self.confidence)
        return Score(
            name=name,
            value=interval.mean,
            low=interval.low,
            high=interval.high,
            n=interval.n,
            unit=unit,
            better=better,
            per_example=known,
            seed=self.seed,
            model_hash=self.model_hash,
            data_hash=self.data_hash,
            failures=n_failed,
        )

    def metric(self, name: str, *, failures: int = 0, **arrays: Any) -> Result:
        """Return a metric of `pysteer.metrics`; `Undefined` where it refuses its arrays.

        Parameters
        ----------
        failures : int
            Items that are not in the arrays because they could not be measured.
        arrays
            What the metric ``needs``.
        """
        facts: Any = metrics.facts(name)
        hashes = {"model_hash": self.model_hash, "data_hash": self.data_hash}
        try:
            score = metrics.get(name)(**arrays, seed=self.seed, confidence=self.confidence, **hashes)
        except MeasurementError as error:
            n = len(next((arrays[need] for need in facts["needs"] if need != "coefficients"), ()))
            return Undefined(name, n, failures, facts["unit"], facts["better"], str(error))
        return replace(score, failures=score.failures + failures)

    def metrics_of(self, *, failures: int = 0, **arrays: Any) -> list[Result]:
        """Return every metric that needs none but these arrays, by name."""
        needs: dict[str, Any] = {name: metrics.facts(name)["needs"] for name in metrics}
        return [
            self.metric(name, failures=failures, **{need: arrays[need] for need in needed})
            for name, needed in needs.items()
            if set(needed) <= set(arrays)
        ]


@dataclass(frozen=True)
class Work:
    """What a measurement will compute, for the estimate of time and memory.

    Parameters
    ----------
    n_tokens : int
        Tokens read in batches, over all steerings, with shared prefixes counted once.
    n_generated : int
        Tokens generated at most, over all steerings.
    n_outputs : int
        Read tokens after which the next one is scored: each costs a row of logits.
    n_ctx, n_sequences : int
        Of the session: memory for keys and values.
    """

    n_tokens: int
    n_generated: int = 0
    n_outputs: int = 0
    n_ctx: int = 0
    n_sequences: int = 1
