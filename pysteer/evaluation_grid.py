"""Measure everything about some vectors: a grid of vectors, layers, operations, windows, data sets and measurements.

Every cell of the grid is kept in a run store the moment it is done, and never computed again: a run that was killed
goes on where it stopped, a larger grid computes only what is new, and the unsteered model is measured once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from pysteer.errors import MeasurementError, StoreError
from pysteer.evaluation import COEFFICIENTS
from pysteer.evaluation_axes import DataSets, LayerSet, Operations, Vectors, Windows, arms_of, data_sets_of
from pysteer.evaluation_estimate import Estimate, estimate_units
from pysteer.evaluation_plan import Group, Unit, check_groups, missing_units, plan_groups
from pysteer.evaluation_rows import RowMaker
from pysteer.evaluation_run import measured_from, run_units
from pysteer.evaluation_table import EvaluationTable
from pysteer.measurements import Measured, Measurement, Subject, make_measurement
from pysteer.model import Model
from pysteer.pair_files import check_disjoint
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.store import RunStore


def evaluate(
    model: Model,
    vectors: Vectors,
    data: DataSets,
    *,
    coefficients: Sequence[float] = COEFFICIENTS,
    layers: LayerSet | list[LayerSet] = None,
    operations: Operations = "add",
    windows: Windows = "answer",
    settings: Sequence[PromptSetting | None] = (None,),
    metrics: Sequence[str | Measurement] = ("steerability",),
    train: Dataset | Sequence[Dataset] = (),
    raw: bool = False,
    seed: int = 0,
    confidence: float = 0.95,
    store: str | Path | RunStore | None = None,
    n_threads: int | None = None,
    n_ctx: int | None = None,
    kv_type: str = "f16",
    progress: Progress = silent,
    on_estimate: Callable[[Estimate], object] | None = None,
) -> EvaluationTable:
    """Return the table of a grid of measurements.

    Parameters
    ----------
    vectors : SteeringVector, several, or a mapping of names to vectors
        None measures the unsteered model alone.
    data : data set, text, or several
        Every measurement is made on every data set that it can read. A plain text is measured as a `RunningText`.
    coefficients : sequence of float
        Strengths. Their cells are computed side by side.
    layers : None, int, tuple, text, or a list of these
        Layer sets; the layers of one set are used together. None: all of a vector's. "12", "8:20", (3, 5); "each" is
        one set for each layer of the vector.
    operations : str or sequence
        "add", "affine:gain=0,offset=1", or ("affine", {"gain": 0.0, "offset": 1.0}) in a list.
    windows : str, Window or a sequence
        Which tokens are steered. "answer": from the last prompt token on.
    settings : sequence of (PromptSetting or None)
        What stands around the prompts.
    metrics : sequence of (str or Measurement)
        Names of `pysteer.measurements`, with settings behind a colon: "perplexity:window_size=256".
    train : Dataset or several
        What the vectors were extracted from; checked to share no prompt and no text with the data.
    seed : int
        Of the bootstrap, and of measurements that sample.
    store : path or RunStore, optional
        Where cells are kept. None keeps them in memory: an interrupted run is lost.
    n_ctx : int, optional
        Tokens of memory for texts computed at once.
    kv_type : "f16" or "f32"
        Of keys and values. "f32" makes batched and single runs agree closest.
    progress : Progress
        Called with (done, total) in items times strengths.
    on_estimate : callable, optional
        Gets the `Estimate` before anything is computed; an exception raised in it stops the run.

    Raises
    ------
    DataError
        Data that no measurement reads, a measurement without data, data shared with ``train``, or data that a
        measurement cannot use.
    SteeringError, SiteError, UnknownNameError
        An axis names what there is not.
    StoreError
        The store cannot be read or written. What was finished stays in it.
    MeasurementError
        No measurement or strength, or the unsteered model cannot be measured.

    Examples
    --------
    ::

        table = pysteer.evaluate(
            model, vector, [test, text], metrics=["steerability", "perplexity"], store="runs.sqlite"
        )
        print(table.one(metric="steerability").value)
        table.to_csv("table.csv")
    """
    at = [float(coefficient) for coefficient in coefficients]
    chosen = [make_measurement(given) for given in metrics]
    if not chosen or (not at and vectors is not None):
        raise MeasurementError("nothing to measure: give at least one measurement and one coefficient")
    data_sets = data_sets_of(data)
    for known in [train] if isinstance(train, Dataset) else train:
        for measured in data_sets:
            if isinstance(measured, Dataset):
                check_disjoint(known, measured)
    arms = arms_of(vectors, layers, operations, windows, n_layers=model.n_layers)
    with ExitStack() as stack:
        subject = stack.enter_context(
            Subject(model, raw=raw, seed=seed, n_threads=n_threads, kv_type=kv_type, n_ctx=n_ctx)
        )
        kept = store if isinstance(store, RunStore) else stack.enter_context(RunStore(store))
        groups = plan_groups(subject, chosen, data_sets, settings, arms, at)
        units = missing_units(groups, kept)
        if units:
            check_groups(subject, groups)
        if on_estimate is not None:
            on_estimate(_estimate(subject, groups, units))
        run_units(subject, units, kept, progress)
        cells = read_cells(groups, kept)
        maker = RowMaker(subject, cells, at, seed, confidence)
        return EvaluationTable(tuple(maker.rows(groups)), cells)


def read_cells(groups: Sequence[Group], store: RunStore) -> dict[str, Measured]:
    """Return what is stored for every cell of a grid, by key."""
    cells: dict[str, Measured] = {}
    for planned in (cell for group in groups for cell in group.cells):
        found = store.get(planned.key)
        if found is None:
            raise StoreError(f"{store.path}: cell {planned.key[:16]} is gone; was the store changed by hand? Run again")
        cells[planned.key] = measured_from(found)
    return cells


def _estimate(subject: Subject, groups: Sequence[Group], units: Sequence[Unit]) -> Estimate:
    n_cells = len({cell.key for group in groups for cell in group.cells})
    n_rows = sum(1 + sum(len(curve.cells) for curve in group.curves) for group in groups)
    return estimate_units(subject, units, n_cells=n_cells, n_rows=n_rows)
