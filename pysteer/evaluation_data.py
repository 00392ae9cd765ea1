"""Data files of any kind that a measurement can read: pairs, questions, texts, or one running text."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from pysteer.errors import DataError
from pysteer.formats import formats, read_source, recognised
from pysteer.measurements import Data, measurements
from pysteer.measurements.running_text import RunningText
from pysteer.pair_files import load_pairs
from pysteer.question_files import load_questions

_RUNNING = (".txt", ".md", ".text", ".raw")


def load_data(path: str | Path, *, format: str | None = None) -> Data:
    """Return what a data file holds, as measurements take it.

    A file of a known format is what its format says, such as a `Dataset`, a `QuestionSet` or `Texts`; a ``.txt`` or
    ``.md`` file of none is one `RunningText`; any other is read as pairs, and errors say what is missing for these.

    Parameters
    ----------
    format : str, optional
        A name of `pysteer.formats.formats`; default: the one that recognises the file's first record.

    Raises
    ------
    DataError
        The file cannot be read, breaks a rule of its format, or holds what no measurement reads.
    """
    path = Path(path)
    if path.is_dir():
        return load_pairs(path, format=format)
    source = read_source(path)
    found = recognised(source) if format is None else (format,)
    if format is not None:
        formats.get(format)
    if not found and source.suffix in _RUNNING:
        return RunningText(source.name, source.text)
    holds = {str(formats.facts(name)["holds"]) for name in found}
    if holds == {"questions"}:
        return load_questions(path, format=format)
    if len(found) == 1 and holds != {"pairs"}:
        result = formats.get(found[0])(source)
        if any(isinstance(result, measurements.get(name).data_types) for name in measurements):
            return cast(Data, result)
        raise DataError(f"{path}: format {found[0]!r} holds {holds.pop()}, which no measurement reads")
    return load_pairs(path, format=format)
