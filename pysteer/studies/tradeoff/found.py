"""Results of the study by what they are about: model, style, arm, quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.measurements.measured import Data
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import Origin, Row, joined_hash, no_number, row_of
from pysteer.studies.study import OfModel, StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.arms import ARMS, BASE
from pysteer.studies.tradeoff.cells import clustered_mean, n_without, told_of_cells, widened
from pysteer.studies.tradeoff.crossed_draws import crossed_mean
from pysteer.studies.tradeoff.plan_basics import name_of
from pysteer.studies.tradeoff.sizes import Sizes
from pysteer.studies.tradeoff.study_material import Material
from pysteer.studies.tradeoff.writing import QUANTITIES

RATIO_UNIT = "nats per token"
PAIRS_UNIT = "of all pairs of tokens"


@dataclass(frozen=True, eq=False)
class Found(OfModel):
    """All results of one model.

    Parameters
    ----------
    model : StudyModel
    context : StudyContext
    material : Material
    results : mapping of str to PartResult
        Of all parts.
    """

    model: StudyModel
    context: StudyContext
    material: Material
    results: Mapping[str, PartResult]

    @property
    def sizes(self) -> Sizes:
        sizes: Sizes = self.context.sizes
        return sizes

    @property
    def names(self) -> list[str]:
        return [style.name for style in self.material.styles]

    @cached_property
    def origin(self) -> Origin:
        """Seed and hashes of model, questions and requests."""
        return self.origin_of(self.material.tasks.asked, self.material.tasks.scored, self.material.requests)

    def origin_of(self, *data: Data) -> Origin:
        """Return the seed and the hashes of the model and of the data that a number is about."""
        hashes = [each.content_hash for each in data]
        return self.context.origin(self.model, hashes[0] if len(hashes) == 1 else joined_hash(hashes))

    def part(self, *words: str) -> PartResult:
        """Return a part's result by the words of its name."""
        return self.results[name_of(self.model, *words)]

    @property
    def arms(self) -> list[str]:
        """Arms that were written for every style."""
        tables = [self.part(name, "arms").arrays for name in self.names]
        return [arm.name for arm in ARMS if all(arm.name in table for table in tables)]

    def cells(self, arm: str, quantity: str, where: str = "all") -> Float64Array:
        """Return a quantity of an arm's texts, (n_styles, n_items); NaN: none.

        Parameters
        ----------
        where : "questions", "requests" or "all"
        """
        column = QUANTITIES.index(quantity)
        table = np.stack([self.part(name, "arms").arrays[arm][:, column] for name in self.names])
        n = len(self.material.tasks.asked)
        return {"questions": table[:, :n], "requests": table[:, n:], "all": table}[where]

    def written_hits(self, arm: str) -> Float64Array:
        """Return 1 (right) or 0 (wrong, or no readable answer) of every written answer, (n_styles, n_questions)."""
        return np.nan_to_num(self.cells(arm, "hit", "questions"))

    def letter_hits(self, arm: str) -> Float64Array:
        """Return 1 or 0 of every question that was read off the letters, (n_styles, n_scored); NaN: too long."""
        shared = self.part("letters").arrays
        if arm in BASE:
            return np.stack([shared[arm] for _ in self.names])
        return np.stack([self.part(name, "letters").arrays[arm] for name in self.names])

    def capability(self, arm: str) -> Float64Array:
        """Return hits, (n_styles, n_items), of writing where it is above chance without steering, else of letters."""
        return self.written_hits(arm) if self.capability_kind == "written" else self.letter_hits(arm)

    @property
    def capability_name(self) -> str:
        """What `capability` is: "written answers" or "letters"."""
        return "written answers" if self.capability_kind == "written" else "letters"

    @property
    def capability_kind(self) -> str:
        """Which accuracy can be lost: "written", "letters", or "", judged on questions that no loss is measured on."""
        return str(self.part("capability").content["kind"])

    @property
    def nothing_to_lose(self) -> str:
        """Why no loss of accuracy can be measured; "" where it can."""
        if self.capability_kind:
            return ""
        return (
            "without steering, accuracy is not above chance (25 %), neither in writing nor by letters: there is "
            "nothing to lose"
        )

    @property
    def contrast_requests(self) -> list[list[str]]:
        """The request of each pair of contrast texts, for every style."""
        return [[pair.prompt for pair in style.train] for style in self.material.styles]

    @cached_property
    def ratio_check(self) -> Row:
        """How far the likelihood ratio tells contrast texts with a style from those without, over styles.

        Styles have contrast texts on the same requests, so that both are drawn. Failures: pairs of texts.
        """
        checks = [self.part("check of the ratio").arrays[name] for name in self.names]
        about, quantity = {"model": self.label}, "ratio, texts with the style minus texts without"
        origin = self.origin_of(*(style.train for style in self.material.styles))
        differences = [each[:, 0] - each[:, 1] for each in checks]
        n_missing = sum(int(np.isnan(each).sum()) for each in differences)
        try:
            interval = crossed_mean(differences, self.contrast_requests, seed=self.seed)
        except MeasurementError as error:
            return no_number(origin, quantity, str(error), unit=RATIO_UNIT, failures=n_missing, labels=about)
        return row_of(interval, origin, quantity=quantity, unit=RATIO_UNIT, failures=n_missing, labels=about)

    @property
    def ratio_is_blind(self) -> str:
        """Why the likelihood ratio decides nothing here; "" where it tells contrast texts apart."""
        if self.ratio_check.low > 0.0:
            return ""
        return "on this model the likelihood ratio does not tell texts with a style from texts without"

    def sweep(self, kind: str, quantity: str, where: str = "all") -> Float64Array:
        """Return a quantity of the sweep's texts, (n_styles, n_items, n_strengths); see `sweep_of`."""
        return sweep_of(
            [self.part(name, "sweep") for name in self.names], self.n_swept_questions, kind, quantity, where
        )

    @property
    def strengths(self) -> Float64Array:
        """Strengths of the sweep, 0 first, as shares of the residual stream's length."""
        return np.array([0.0, *self.sizes.strengths])

    @property
    def n_swept_questions(self) -> int:
        """Questions among the items of the sweep; they come first."""
        return min(self.material.n_swept, len(self.material.tasks.asked))

    def mean_row(
        self, values: Float64Array, quantity: str, *, unit: str = "", is_change: bool = False, **labels: str | float
    ) -> Row:
        """Return the mean over cells (n_styles, n_items), with its interval from drawing items.

        NaN: no number. Failures are items without any; where an item has some, they count, and the note says how many
        cells have none. A share without any spread has an interval of its own: see `widened`.
        """
        about = {"model": self.label, **labels}
        interval = clustered_mean(values, seed=self.seed)
        if interval is not None and unit == "share":
            interval = widened(interval, is_change=is_change)
        n_missing = n_without(values)
        if interval is None:
            reason = "fewer than two items have a number"
            return no_number(self.origin, quantity, reason, unit=unit, failures=n_missing, labels=about)
        note = told_of_cells(values)
        return row_of(interval, self.origin, quantity=quantity, unit=unit, failures=n_missing, labels=about, note=note)

    def none(self, quantity: str, reason: str, *, unit: str = "", failures: int = 0, **labels: str | float) -> Row:
        """Return the row of what cannot be measured."""
        about = {"model": self.label, **labels}
        return no_number(self.origin, quantity, reason, unit=unit, failures=failures, labels=about)

    def behaviour_gain(self, arm: str, other: str = "control", where: str = "requests") -> Row:
        """Return the likelihood ratio of one arm's texts minus that of another's; no number where it is blind."""
        quantity = f"likelihood ratio, {arm} minus {other}"
        if self.ratio_is_blind:
            return self.none(quantity, self.ratio_is_blind, unit=RATIO_UNIT)
        if not {arm, other} <= set(self.arms):
            return self.none(quantity, missing(arm), unit=RATIO_UNIT)
        values = self.cells(arm, "ratio", where) - self.cells(other, "ratio", where)
        return self.mean_row(values, quantity, unit=RATIO_UNIT)

    def words_gain(self, arm: str, other: str) -> Row:
        """Return the share of replies whose words show the style, under one arm minus under another."""
        quantity = f"replies that show the style, {arm} minus {other}"
        if not {arm, other} <= set(self.arms):
            return self.none(quantity, missing(arm), unit="share")
        values = self.cells(arm, "shows", "requests") - self.cells(other, "shows", "requests")
        return self.mean_row(values, quantity, unit="share", is_change=True)

    def accuracy_change(self, arm: str, other: str = "control") -> Row:
        """Return the accuracy of one arm minus that of another; no number where there is nothing to lose."""
        quantity = f"accuracy, {arm} minus {other}"
        if self.nothing_to_lose:
            return self.none(quantity, self.nothing_to_lose, unit="share")
        if not {arm, other} <= set(self.arms):
            return self.none(quantity, missing(arm), unit="share")
        return self.mean_row(self.capability(arm) - self.capability(other), quantity, unit="share", is_change=True)

    def surprise_change(self, arm: str, other: str = "control") -> Row:
        """Return the surprise of one arm's texts minus that of another's, questions and requests together."""
        quantity = f"surprise, {arm} minus {other}"
        if not {arm, other} <= set(self.arms):
            return self.none(quantity, missing(arm), unit=RATIO_UNIT)
        values = self.cells(arm, "surprise") - self.cells(other, "surprise")
        return self.mean_row(values, quantity, unit=RATIO_UNIT)


def sweep_of(parts: Sequence[PartResult], n_questions: int, kind: str, quantity: str, where: str) -> Float64Array:
    """Return a quantity of swept texts, (n_styles, n_items, n_strengths); NaN: none. A missing answer is a wrong one.

    Parameters
    ----------
    parts : sequence of PartResult
        One a style.
    kind : "vector", "features" or "random"
    where : "questions", "requests" or "all"
    """
    column = QUANTITIES.index(quantity)
    table = np.stack([part.arrays[kind][:, :, column] for part in parts])
    if quantity == "hit":
        is_there = ~np.isnan(np.stack([part.arrays[kind][:, :, QUANTITIES.index("n_tokens")] for part in parts]))
        table = np.where(is_there, np.nan_to_num(table), np.nan)
    return {"questions": table[:, :n_questions], "requests": table[:, n_questions:], "all": table}[where]


def missing(arm: str) -> str:
    """Return why an arm has no number."""
    return f"the arm {arm!r} was not written for every style: no feature of the dictionary sets some style apart"
