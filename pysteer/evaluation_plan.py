"""A grid as cells, and the cells that are missing as units of work.

A cell is what the model did under one steering, on one data set, in one prompt setting, for one measurement. Strengths
that change nothing, such as add with coefficient 0, are the unsteered model's cell, which all vectors share.

A unit is what one call of `Measurement.measure` computes: some missing cells that share measurement, data and setting,
so that they share prompts and batches. Units are cut from the missing cells in the grid's order, always in the same
way: a run that is killed and started again computes the remaining units in the same company, so that its table equals
that of an uninterrupted run to the last digit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pysteer.errors import DataError, MeasurementError
from pysteer.evaluation_axes import Arm
from pysteer.evaluation_keys import cell_identity, group_identity
from pysteer.measurements import Data, Measurement, Steering, Subject
from pysteer.prompt_settings import PromptSetting
from pysteer.steering_program import compile_interventions
from pysteer.store import RunStore, key_of


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """One cell: its key, what decides it, and the steering (empty: the unsteered model)."""

    key: str
    identity: dict[str, Any]
    steering: Steering
    labels: dict[str, str]


@dataclass(frozen=True, eq=False)
class Curve:
    """The cells of one arm over the strengths; ``cells[k]`` belongs to the k-th coefficient."""

    arm: Arm
    cells: tuple[PlannedCell, ...]


@dataclass(frozen=True, eq=False)
class Group:
    """All cells of one measurement on one data set in one prompt setting."""

    measurement: Measurement
    data: Data
    setting: PromptSetting | None
    base: PlannedCell
    curves: tuple[Curve, ...]

    @property
    def data_hash(self) -> str:
        return str(self.base.identity["data"]["hash"])

    @cached_property
    def cells(self) -> tuple[PlannedCell, ...]:
        """Every cell once, the unsteered model's first."""
        every = [self.base, *(cell for curve in self.curves for cell in curve.cells)]
        return tuple({cell.key: cell for cell in reversed(every)}[key] for key in dict.fromkeys(c.key for c in every))


@dataclass(frozen=True, eq=False)
class Unit:
    """Cells of one group that are computed together."""

    group: Group
    cells: tuple[PlannedCell, ...]

    @property
    def id(self) -> str:
        """For claims: a hash of the keys."""
        return hashlib.sha256("".join(cell.key for cell in self.cells).encode("ascii")).hexdigest()

    @property
    def size(self) -> int:
        """Items times steerings: how much of a run it is, for progress."""
        return len(self.group.data) * len(self.cells)


def plan_groups(
    subject: Subject,
    chosen: Sequence[Measurement],
    data_sets: Sequence[Data],
    settings: Sequence[PromptSetting | None],
    arms: Sequence[Arm],
    coefficients: Sequence[float],
) -> list[Group]:
    """Return the cells of a grid, in the order of its table.

    Raises
    ------
    DataError
        A data set that no measurement can read, or a measurement without data.
    """
    for measurement in chosen:
        if not any(measurement.accepts(data) for data in data_sets):
            kinds = ", ".join(kind.__name__ for kind in measurement.data_types)
            raise DataError(f"{measurement} cannot be measured on any of the data sets; it needs {kinds}")
    for data in data_sets:
        if not any(measurement.accepts(data) for measurement in chosen):
            raise DataError(f"data set {data.name!r} ({type(data).__name__}) is read by none of the measurements")
    steerings = [[arm.at(coefficient) for coefficient in coefficients] for arm in arms]
    changes = [[bool(compile_interventions(steering)) for steering in row] for row in steerings]
    groups = []
    for measurement in chosen:
        for data in data_sets:
            if not measurement.accepts(data):
                continue
            for setting in settings if measurement.uses_setting_on(data) else (None,):
                cell = _CellMaker(subject, measurement, data, setting)
                base = cell(())
                curves = [
                    Curve(
                        arm, tuple(cell(s, arm.name) if active else base for s, active in zip(row, flags, strict=True))
                    )
                    for arm, row, flags in zip(arms, steerings, changes, strict=True)
                ]
                groups.append(Group(measurement, data, setting, base, tuple(curves)))
    return groups


class _CellMaker:
    """Makes the cells of one group; what they have in common is hashed once."""

    def __init__(self, subject: Subject, measurement: Measurement, data: Data, setting: PromptSetting | None) -> None:
        self.common = group_identity(subject, measurement, data, setting)
        named = "" if setting is None else setting.name
        self.labels = {"model": subject.model.name, "data": data.name, "setting": named}

    def __call__(self, steering: Steering, name: str = "") -> PlannedCell:
        identity = cell_identity(self.common, steering)
        return PlannedCell(key_of(identity), identity, steering, {**self.labels, "vector": name})


def missing_units(groups: Sequence[Group], store: RunStore) -> list[Unit]:
    """Return the work that is left, in the grid's order."""
    units: list[Unit] = []
    planned: set[str] = set()
    for group in groups:
        absent = set(store.missing([cell.key for cell in group.cells])) - planned
        left = [cell for cell in group.cells if cell.key in absent]
        planned |= absent
        units += [Unit(group, tuple(some)) for some in _chunks(left, group.measurement.steerings_at_once(group.data))]
    return units


def check_groups(subject: Subject, groups: Sequence[Group]) -> None:
    """Let every measurement look at its data before anything is computed."""
    for group in groups:
        subject.setting = group.setting
        group.measurement.check(subject, group.data)


def _chunks(cells: Sequence[PlannedCell], size: int) -> Iterator[Sequence[PlannedCell]]:
    if size < 1:
        raise MeasurementError(f"most_steerings is {size}; expected at least 1")
    for begin in range(0, len(cells), size):
        yield cells[begin : begin + size]
