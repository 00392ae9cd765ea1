"""Computing the units of a grid, each written to the store the moment it is done."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pysteer.errors import MeasurementError
from pysteer.evaluation_plan import PlannedCell, Unit
from pysteer.measurements import Measured, Steering, Subject
from pysteer.progress import Progress
from pysteer.store import Cell, CellHead, RunStore
from pysteer.store.claims import Claim, claim

_WAIT_S = 0.2
"""Between two looks at what another process is computing."""


def run_units(subject: Subject, units: Sequence[Unit], store: RunStore, progress: Progress) -> None:
    """Compute what is missing; units that another living process has claimed are waited for, not computed again.

    ``progress`` is called with (done, total) in items times steerings.
    """
    total = sum(unit.size for unit in units)
    done = 0
    pending = list(units)
    progress(0, total)
    while pending:
        waiting = []
        for unit in pending:
            if not store.missing([cell.key for cell in unit.cells]):  # done by another process meanwhile
                pass
            elif (mine := claim(store, unit.id)) is not None:
                with mine:
                    _compute(subject, unit, store, mine, _Part(progress, done, unit.size, total))
            else:
                waiting.append(unit)
                continue
            done += unit.size
            progress(done, total)
        if len(waiting) == len(pending):
            time.sleep(_WAIT_S)
        pending = waiting


class _Part:
    """Progress within one unit, as progress of the whole."""

    def __init__(self, progress: Progress, before: int, size: int, total: int) -> None:
        self.progress, self.before, self.size, self.total = progress, before, size, total

    def report(self, done: int, n: int) -> None:
        if n > 0:
            self.progress(self.before + self.size * min(done, n) // n, self.total)


def _compute(subject: Subject, unit: Unit, store: RunStore, mine: Claim, part: _Part) -> None:
    def report(done: int, n: int) -> None:
        mine.renew()
        part.report(done, n)

    subject.setting = unit.group.setting
    begin = time.perf_counter()
    measured = _measure(subject, unit, report)
    seconds = (time.perf_counter() - begin) / len(unit.cells)
    store.put([_stored(cell, result, seconds) for cell, result in zip(unit.cells, measured, strict=True)])


def _measure(subject: Subject, unit: Unit, progress: Progress) -> list[Measured]:
    steerings = [cell.steering for cell in unit.cells]
    try:
        return _beside_base(subject, unit, steerings, progress)
    except MeasurementError:
        if not any(steerings):
            raise
    # One steering that cannot be measured, such as one so strong that logits overflow, must not take the others along.
    results = []
    for steering in steerings:
        try:
            results += _beside_base(subject, unit, [steering], progress)
        except MeasurementError as error:
            if not steering:
                raise
            results.append(Measured({}, failures={str(error): len(unit.group.data)}))
    return results


def _beside_base(subject: Subject, unit: Unit, steerings: Sequence[Steering], progress: Progress) -> list[Measured]:
    """Return what each steering did; the unsteered model goes first where the measurement needs it there."""
    measurement, data = unit.group.measurement, unit.group.data
    if not measurement.beside_base:
        return _checked(unit, measurement.measure(subject, data, steerings, progress), len(steerings))
    active = [steering for steering in steerings if steering]
    base, *rest = _checked(unit, measurement.measure(subject, data, [(), *active], progress), 1 + len(active))
    others = iter(rest)
    return [next(others) if steering else base for steering in steerings]


def _checked(unit: Unit, measured: list[Measured], n_expected: int) -> list[Measured]:
    if len(measured) != n_expected:
        raise RuntimeError(f"{unit.group.measurement} returned {len(measured)} results for {n_expected} steerings")
    return measured


def _stored(cell: PlannedCell, measured: Measured, seconds: float) -> Cell:
    head = CellHead(cell.key, cell.identity, cell.labels, seconds, sum(measured.failures.values()))
    content = {"details": dict(measured.details), "failures": dict(measured.failures)}
    return Cell(head, measured.values, content)


def measured_from(cell: Cell) -> Measured:
    """Return what a stored cell holds."""
    return Measured(cell.arrays, cell.content["details"], cell.content["failures"])
