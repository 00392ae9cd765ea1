"""What was claimed, what was published for it, and by which rule a measured number confirms or refutes it.

A claim is one sentence about one number. Its rule is fixed before anything is measured and looks at the whole interval:
confirmed where all of it agrees with the claim, refuted where all of it contradicts, inconclusive otherwise. So few
items give "inconclusive" and never a verdict by luck of the mean.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pysteer.errors import MeasurementError
from pysteer.report.estimates import interval, number
from pysteer.studies.rows import Row

Outcome = Literal["confirmed", "refuted", "inconclusive"]


@dataclass(frozen=True)
class Published:
    """A number that somebody else reported.

    Parameters
    ----------
    value : str
        As reported: "0.89", "nearly 50 %", or "not found" where only the sentence is known.
    setup : str
        Of what: model, data. Empty where nothing was published.
    source : str
        Where it stands. Empty where nothing was published.
    """

    value: str
    setup: str
    source: str


@dataclass(frozen=True)
class Rule(ABC):
    """When an interval confirms a claim."""

    @property
    @abstractmethod
    def words(self) -> str:
        """The rule as a clause: "the interval lies above 0"."""

    @abstractmethod
    def agrees(self, low: float, high: float) -> bool:
        """Return whether the whole interval agrees with the claim."""

    @abstractmethod
    def contradicts(self, low: float, high: float) -> bool:
        """Return whether the whole interval contradicts the claim."""


@dataclass(frozen=True)
class Above(Rule):
    """The number is larger than ``bound``."""

    bound: float

    @property
    def words(self) -> str:
        return f"the interval lies above {number(self.bound)}"

    def agrees(self, low: float, high: float) -> bool:
        return low > self.bound

    def contradicts(self, low: float, high: float) -> bool:
        return high < self.bound


@dataclass(frozen=True)
class Below(Rule):
    """The number is smaller than ``bound``."""

    bound: float

    @property
    def words(self) -> str:
        return f"the interval lies below {number(self.bound)}"

    def agrees(self, low: float, high: float) -> bool:
        return high < self.bound

    def contradicts(self, low: float, high: float) -> bool:
        return low > self.bound


@dataclass(frozen=True)
class Within(Rule):
    """The number lies between ``low_bound`` and ``high_bound``: for "no difference that matters", "about 80"."""

    low_bound: float
    high_bound: float

    @property
    def words(self) -> str:
        return f"the interval lies between {number(self.low_bound)} and {number(self.high_bound)}"

    def agrees(self, low: float, high: float) -> bool:
        return low >= self.low_bound and high <= self.high_bound

    def contradicts(self, low: float, high: float) -> bool:
        return high < self.low_bound or low > self.high_bound


@dataclass(frozen=True)
class Claim:
    """One sentence that a study confirms, refutes or leaves open.

    Parameters
    ----------
    id : str
        Such as "C1.4b".
    experiment : str
        Id of the experiment whose number decides.
    sentence : str
    measured : str
        What is measured for it, in words.
    rule : Rule
    published : tuple of Published
    n_min : int
        With fewer units (items, data sets) behind the number nothing is decided.
    """

    id: str
    experiment: str
    sentence: str
    measured: str
    rule: Rule
    published: tuple[Published, ...] = ()
    n_min: int = 4

    @property
    def published_text(self) -> str:
        """What was published, in a line: "0.89 (Llama-2-7b-chat), 0.69 (Qwen1.5-14B-Chat); arXiv:2407.12404"."""
        sources = dict.fromkeys(each.source for each in self.published)
        told = []
        for source in sources:
            numbers = (each for each in self.published if each.source == source)
            told.append(", ".join(f"{each.value} ({each.setup})" if each.setup else each.value for each in numbers))
        lines = [f"{text}; {source}" if source else text for text, source in zip(told, sources, strict=True)]
        return ". ".join(lines) or "no number found"

    def judge(self, row: Row) -> Verdict:
        """Return the verdict that a measured number gives."""
        shown = interval(row.value, row.low, row.high)
        if math.isnan(row.value):
            return Verdict(self.id, row, "inconclusive", f"There is no number: {row.note}.")
        if row.n < self.n_min:
            return Verdict(
                self.id, row, "inconclusive", f"{shown} rests on n = {row.n}; fewer than {self.n_min} decide nothing."
            )
        if self.rule.agrees(row.low, row.high):
            return Verdict(self.id, row, "confirmed", f"{shown}: {self.rule.words}.")
        if self.rule.contradicts(row.low, row.high):
            return Verdict(self.id, row, "refuted", f"{shown}, but the claim needs that {self.rule.words}.")
        return Verdict(
            self.id, row, "inconclusive", f"{shown} is compatible with both: the claim needs that {self.rule.words}."
        )


@dataclass(frozen=True)
class Verdict:
    """What became of a claim on one model.

    Parameters
    ----------
    claim : str
        Its id.
    row : Row
        The number that decided; its label "model" says where.
    outcome : "confirmed", "refuted" or "inconclusive"
    reason : str
        One sentence.
    """

    claim: str
    row: Row
    outcome: Outcome
    reason: str


@dataclass(frozen=True)
class Experiment:
    """One experiment of a study.

    Parameters
    ----------
    id : str
        Such as "E03".
    title : str
    design : str
        What is done, and how to read what comes out; two or three sentences for readers without a background.
    """

    id: str
    title: str
    design: str


def claim_of(claims: Sequence[Claim], id: str) -> Claim:
    """Return the claim with an id; MeasurementError where there is none."""
    for claim in claims:
        if claim.id == id:
            return claim
    raise MeasurementError(f"no claim {id!r}; this study has {', '.join(claim.id for claim in claims) or 'none'}")
