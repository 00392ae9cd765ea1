"""The questionnaires that come with a model: where they are, and in which models their truths are planted."""

from __future__ import annotations

from pathlib import Path

from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel


def dispositions_folder(context: StudyContext) -> Path | None:
    """Return the embedded model's questionnaires: in the data folder, beside a model, or in the package."""
    given = context.data_file("dispositions")
    if given is not None:
        return given
    for model in context.models:
        beside = model.path.resolve().parent / "dispositions"
        if beside.is_dir():
            return beside
    if context.data_file("mwe") is not None:
        return None
    packaged = Path(__file__).resolve().parents[1] / "demo" / "dispositions"
    return packaged if packaged.is_dir() else None


def has_planted_truths(context: StudyContext, model: StudyModel) -> bool:
    """Return whether the truths of these questionnaires are this model's: it lies beside them, or they were given.

    Other models of the same run answer the same questionnaires, and nothing is planted in them.
    """
    beside = model.path.resolve().parent / "dispositions"
    return context.data_file("dispositions") is not None or beside.is_dir()
