"""One call from models to report: declare, compute what is missing, analyse, write."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pysteer.errors import DataError
from pysteer.store import RunStore
from pysteer.studies import studies
from pysteer.studies.claims import Verdict
from pysteer.studies.running import Estimate, Watcher, estimate, probe_speed, run_parts, watch_nothing
from pysteer.studies.study import Analysis, Study, StudyContext
from pysteer.studies.study_files import write_study
from pysteer.studies.study_model import ModelOptions, StudyModel, study_models


@dataclass(frozen=True, eq=False)
class StudyRun:
    """A finished study.

    Parameters
    ----------
    analysis : Analysis
    verdicts : tuple of Verdict
    files : tuple of Path
        What was written, the report first.
    """

    analysis: Analysis
    verdicts: tuple[Verdict, ...]
    files: tuple[Path, ...]


def data_folder(given: str | Path | None = None) -> Path | None:
    """Return the folder of public data sets: the one given, else ``$PYSTEER_DATA``, else ``../shared/data``, if there.

    Raises
    ------
    DataError
        The folder that was given, or that the variable names, does not exist.
    """
    named = given or os.environ.get("PYSTEER_DATA")
    if named:
        if not Path(named).is_dir():
            raise DataError(f"{named}: there is no such folder of data sets")
        return Path(named)
    beside = Path("..", "shared", "data")
    return beside if beside.is_dir() else None


def make_context(
    study: Study,
    models: Sequence[str | Path] | Sequence[StudyModel],
    *,
    preset: str,
    seed: int,
    data: str | Path | None = None,
    options: ModelOptions | None = None,
) -> StudyContext:
    """Return what a study is run on; errors as `study_models`, `data_folder` and `Study.sizes`."""
    sizes = study.sizes(preset)
    made = [model for model in models if isinstance(model, StudyModel)]
    chosen = tuple(made) if made else study_models([str(model) for model in models], options=options)
    return StudyContext(chosen, preset, sizes, seed, data_folder(data))


def make_study(name: str) -> Study:
    """Return a registered study; UnknownNameError where there is none of that name."""
    return studies.get(name)()


def estimate_study(study: Study, context: StudyContext, store: RunStore) -> Estimate:
    """Return what is still to be computed and how long it will take here; reads and writes a few texts for it."""
    with _models_closed(context):
        parts = study.parts(context)
        return estimate(parts, store, {model.label: probe_speed(model) for model in context.models})


def run_study(
    study: Study,
    context: StudyContext,
    store: RunStore,
    folder: str | Path,
    *,
    command: str,
    watcher: Watcher = watch_nothing,
) -> StudyRun:
    """Compute the parts that are missing, analyse all, write the folder.

    Parameters
    ----------
    store : RunStore
        Keeps every part that is done; a run that was interrupted goes on from there.
    command : str
        That the report tells its readers to run.
    """
    with _models_closed(context):
        parts = study.parts(context)
        speeds = {model.label: probe_speed(model) for model in context.models}
        results = run_parts(parts, store, speeds=speeds, watcher=watcher)
        analysis = study.analyse(context, results)
        files = write_study(folder, study, context, analysis, command=command, n_parts=len(parts))
        return StudyRun(analysis, study.verdicts(analysis), files)


@contextmanager
def _models_closed(context: StudyContext) -> Iterator[None]:
    """Give the models' memory back at the end, whatever happened: another study may be next."""
    try:
        yield
    finally:
        for model in context.models:
            model.close()
