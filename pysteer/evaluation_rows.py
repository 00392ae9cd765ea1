"""From cells to rows: scores of every strength, and numbers over all strengths of an arm."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.evaluation_axes import Arm
from pysteer.evaluation_plan import Curve, Group
from pysteer.evaluation_table import Row, listed_failures
from pysteer.measurements import About, Measured, Result, Subject, Undefined


@dataclass(frozen=True, eq=False)
class RowMaker:
    """Makes the rows of a grid from its cells, by key."""

    subject: Subject
    cells: Mapping[str, Measured]
    coefficients: Sequence[float]
    seed: int
    confidence: float

    def rows(self, groups: Sequence[Group]) -> Iterator[Row]:
        """Yield the rows, group by group: the unsteered model, then each arm."""
        for group in groups:
            about = About(self.seed, self.confidence, self.subject.model.hash, group.data_hash)
            base = self.cells[group.base.key]
            base_results = group.measurement.scores(base, base, about)
            for result in base_results:
                yield self._row(group, None, 0.0, result, group.base.key, [base])
            for curve in group.curves:
                yield from self._strengths(group, curve, about, base, base_results)
                yield from self._over_all(group, curve, about, base)

    def _strengths(
        self, group: Group, curve: Curve, about: About, base: Measured, base_results: Sequence[Result]
    ) -> Iterator[Row]:
        for coefficient, cell in zip(self.coefficients, curve.cells, strict=True):
            measured = self.cells[cell.key]
            if not measured.values:
                results: Sequence[Result] = [_failed(result, measured, len(group.data)) for result in base_results]
            elif cell.key == group.base.key:
                results = base_results
            else:
                results = group.measurement.scores(measured, base, about)
            for result in results:
                yield self._row(group, curve.arm, coefficient, result, cell.key, [measured])

    def _over_all(self, group: Group, curve: Curve, about: About, base: Measured) -> Iterator[Row]:
        if len(set(self.coefficients)) < 2:
            return
        measured = [self.cells[cell.key] for cell in curve.cells]
        failed = [each for each in measured if not each.values]
        # One strength without numbers leaves none over all strengths; the unsteered model says which there would be.
        used = [base if failed else each for each in measured]
        key = hashlib.sha256("".join(cell.key for cell in curve.cells).encode("ascii")).hexdigest()
        for result in group.measurement.curves(self.coefficients, used, about):
            shown = _failed(result, failed[0], len(group.data)) if failed else result
            yield self._row(group, curve.arm, None, shown, key, measured)

    def _row(
        self,
        group: Group,
        arm: Arm | None,
        coefficient: float | None,
        result: Result,
        key: str,
        measured: Sequence[Measured],
    ) -> Row:
        trained_on = None if arm is None else arm.vector.provenance.data_hash
        if isinstance(result, Undefined):
            value = low = high = math.nan
            reason, per_example = result.reason, np.empty(0)
        else:
            value, low, high = result.value, result.low, result.high
            reason, per_example = "", result.per_example
        return Row(
            vector="" if arm is None else arm.name,
            layers="" if arm is None else arm.layers_text,
            operation="" if arm is None else arm.operation_text,
            window="" if arm is None else str(arm.window),
            data=group.data.name,
            setting="" if group.setting is None else group.setting.name,
            measurement=str(group.measurement),
            metric=result.name,
            coefficient=coefficient,
            value=value,
            low=low,
            high=high,
            n=result.n,
            failures=result.failures,
            unit=result.unit,
            better=result.better,
            seed=self.seed,
            confidence=self.confidence,
            is_training_data=trained_on is not None and trained_on == group.data_hash,
            model=self.subject.model.name,
            model_hash=self.subject.model.hash,
            data_hash=group.data_hash,
            vector_hash="" if arm is None else arm.vector_hash,
            cell=key,
            reason=reason,
            went_wrong=listed_failures(measured),
            per_example=per_example,
        )


def _failed(result: Result, measured: Measured, n_items: int) -> Undefined:
    """Return a score of that name without a number, because the steering could not be measured."""
    return Undefined(result.name, 0, n_items, result.unit, result.better, next(iter(measured.failures), "failed"))
