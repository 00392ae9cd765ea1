"""Reading questions with choices from a file, in any of the formats of `pysteer.formats` that hold them.

``docs/formats.md`` describes them, field by field.
"""

from __future__ import annotations

from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats import formats, read_source, recognised
from pysteer.metrics.question_subset import first_per_subject
from pysteer.questions import QuestionSet


def load_questions(*paths: str | Path, format: str | None = None) -> QuestionSet:
    """Return the questions of a data file, or of several as one set.

    Parameters
    ----------
    paths : str or Path
        One set is called after its file; several after the first, with their number.
    format : str, optional
        A name of `pysteer.formats.formats`; default: the one that recognises the file's first record.

    Raises
    ------
    DataError
        A file cannot be read, is not UTF-8, holds no questions, or breaks a rule of its format; the message holds the
        file, the line or record, what was expected and what came. Or two files hold the same question.

    Warns
    -----
    DroppedDataWarning
        A file repeats questions, or holds some with two right answers; they were left out.
    """
    if not paths:
        raise DataError("expected at least one file of questions, got none")
    sets = [_load_one(Path(path), format) for path in paths]
    if len(sets) == 1:
        return sets[0]
    return QuestionSet(tuple(q for each in sets for q in each), f"{sets[0].name}+{len(sets) - 1}")


def first_questions(questions: QuestionSet, n_per_subject: int) -> QuestionSet:
    """Return the first questions of every subject: with 3, of MMLU's 57 development files, arXiv:2602.04903's 171.

    Raises
    ------
    MeasurementError
        A subject has fewer.
    """
    kept = first_per_subject([question.subject for question in questions], n_per_subject=n_per_subject)
    return questions.select(kept, f"{questions.name}.first-{n_per_subject}")


def _load_one(path: Path, format: str | None) -> QuestionSet:
    if format is not None:
        formats.get(format)
    source = read_source(path)
    ours = [name for name in formats if formats.facts(name)["holds"] == "questions"]
    found = [name for name in recognised(source) if name in ours]
    if format is None and not found:
        known = "; ".join(f"{name} ({formats.facts(name)['files']})" for name in ours)
        raise DataError(f"{path}: holds no questions in a form that pysteer knows: {known}")
    result = formats.get(format or found[0])(source)
    if not isinstance(result, QuestionSet):
        raise DataError(f"{path}: format {format!r} holds {formats.facts(str(format))['holds']}, not questions")
    return result
