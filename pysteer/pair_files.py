"""Reading contrast pairs from a file, in any of the formats of `pysteer.formats`.

``docs/formats.md`` describes them, field by field.
"""

from __future__ import annotations

from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats import formats, read_source, recognised
from pysteer.pairs import Dataset

_OWN = {".jsonl": "pairs", ".json": "personas"}


def load_pairs(path: str | Path, *, format: str | None = None) -> Dataset:
    """Return the pairs of a data file.

    The data set is called after the file, or as a persona file's ``name`` says. A byte order mark, CRLF line ends and
    blank lines are accepted. A folder means its positive.txt and negative.txt.

    Parameters
    ----------
    format : str, optional
        A name of `pysteer.formats.formats`; default: the one that recognises the file's first record. A ``.jsonl`` or
        ``.json`` file that none recognises is read as pysteer's own pairs or personas, and errors say what is
        missing for these.

    Raises
    ------
    DataError
        The file cannot be read, is not UTF-8, is of no known format or of one without pairs, or breaks a rule of its
        format. The message holds the file, the line or record, the field, what was expected and what came.
    UnknownNameError
        There is no such format.

    Warns
    -----
    DroppedDataWarning
        A file of another tool repeats pairs, or holds some without a contrast; they were left out.
    """
    path = Path(path)
    if format is not None:
        formats.get(format)
    source = read_source(path / "positive.txt" if path.is_dir() else path)
    name = format or _chosen(source.suffix, recognised(source), path)
    result = formats.get(name)(source)
    if not isinstance(result, Dataset):
        holds = formats.facts(name)["holds"]
        loader = f"load_{str(holds).replace(' ', '_')}"
        raise DataError(f"{path}: format {name!r} holds {holds}, not pairs; read it with pysteer.formats' {loader}")
    return result


def check_disjoint(train: Dataset, test: Dataset) -> None:
    """Raise DataError where both data sets share a prompt or a whole text: what is measured was seen in training."""
    seen = {key for pair in train for key in _keys(pair.prompt, pair.positive_text, pair.negative_text)}
    shared = [
        index
        for index, pair in enumerate(test)
        if seen & set(_keys(pair.prompt, pair.positive_text, pair.negative_text))
    ]
    if shared:
        raise DataError(
            f"{len(shared)} of {len(test)} pairs of {test.name!r} share a prompt or a text with {train.name!r}, "
            f"the first is pair {shared[0]}; leave them out, or split one data set with Dataset.split"
        )


def _keys(prompt: str, positive: str, negative: str) -> list[tuple[str, str]]:
    texts = [("text", positive), ("text", negative)]
    return [*texts, ("prompt", prompt)] if prompt else texts


def _chosen(suffix: str, found: tuple[str, ...], path: Path) -> str:
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{path}: could be {' or '.join(found)}; say which with format= (--format)")
    if suffix in _OWN:
        return _OWN[suffix]
    endings = ", ".join(f"{name} ({formats.facts(name)['files']})" for name in formats)
    raise DataError(
        f"{path}: expected a .jsonl file of pairs or a .json file of personas, got {suffix!r}; or {endings}"
    )
