"""Reading contrast pairs from a file: JSON Lines of pairs, or a JSON file of personas and suffixes.

``docs/formats.md`` describes both, field by field. An unknown field is an error: a misspelt optional one would
otherwise be ignored and every number after it be about other texts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pysteer.errors import DataError
from pysteer.pairs import ContrastPair, Dataset
from pysteer.registry import did_you_mean

_PLACEHOLDER = "{persona}"


def load_pairs(path: str | Path) -> Dataset:
    """Return the pairs of a ``.jsonl`` file, or of a ``.json`` file of personas.

    The data set is called after the file, or as the persona file's ``name`` says. A byte order mark, CRLF line ends
    and blank lines are accepted.

    Raises
    ------
    DataError
        The file cannot be read, is not UTF-8 or JSON, or breaks a rule of its format. The message holds the file,
        the line or pair, the field, what was expected and what came.
    """
    path = Path(path)
    if path.suffix.lower() not in (".jsonl", ".json"):
        raise DataError(f"{path}: expected a .jsonl file of pairs or a .json file of personas, got {path.suffix!r}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from error
    if path.suffix.lower() == ".jsonl":
        return _from_lines(text, path)
    return _from_personas(text, path)


def _from_lines(text: str, path: Path) -> Dataset:
    """Return one pair per line that is not blank."""
    pairs: dict[ContrastPair, int] = {}
    # Not splitlines(): it also breaks at characters such as U+2028, which JSON allows inside a text.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        record = _parse_object(line, where)
        _check_fields(record, ("prompt", "positive", "negative", "meta"), where)
        try:
            pair = ContrastPair(
                _text(record, "prompt", where) if "prompt" in record else "",
                _text(record, "positive", where),
                _text(record, "negative", where),
            )
        except DataError as error:
            raise error if str(error).startswith(where) else DataError(f"{where}: {error}") from error
        if pairs.setdefault(pair, number) != number:
            raise DataError(f"{where}: the same pair as line {pairs[pair]}; remove one, it would count twice")
    if not pairs:
        raise DataError(f"{path}: expected one pair per line, got no line that is not blank")
    return Dataset(tuple(pairs), path.stem)


def _from_personas(text: str, path: Path) -> Dataset:
    """Return every suffix under every persona pair; suffixes in the outer loop."""
    where = str(path)
    record = _parse_object(text, where)
    _check_fields(record, ("template", "positive", "negative", "suffixes", "name"), where)
    template = _text(record, "template", where)
    if template.count(_PLACEHOLDER) == 0:
        raise DataError(f"{where}, template: expected {_PLACEHOLDER} where the persona goes, got {template!r}")
    positive, negative, suffixes = (_texts(record, field, where) for field in ("positive", "negative", "suffixes"))
    if len(positive) != len(negative):
        raise DataError(
            f"{where}: expected as many positive as negative personas, which go in pairs, "
            f"got {len(positive)} and {len(negative)}"
        )
    pairs: dict[ContrastPair, str] = {}
    for s, suffix in enumerate(suffixes):
        for p, personas in enumerate(zip(positive, negative, strict=True)):
            here = f"{where}, suffixes[{s}] with positive[{p}] and negative[{p}]"
            statements = (template.replace(_PLACEHOLDER, persona) for persona in personas)
            try:
                pair = ContrastPair("", *(f"{said} {suffix}" if suffix else said for said in statements))
            except DataError as error:
                raise DataError(f"{here}: {error}") from error
            if pairs.setdefault(pair, here) != here:
                raise DataError(f"{here}: the same pair as {pairs[pair]}; remove one, it would count twice")
    return Dataset(tuple(pairs), _text(record, "name", where) if "name" in record else path.stem)


def _parse_object(text: str, where: str) -> Mapping[str, object]:
    """Return the JSON object that ``text`` holds."""

    def without_repeats(items: Sequence[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in items]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise DataError(f"{where}: field {repeated[0]!r} occurs twice")
        return dict(items)

    try:
        record = json.loads(text, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{where}: not JSON at {at}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: not JSON that can be read: {error}") from error
    if not isinstance(record, dict):
        raise DataError(f"{where}: expected a JSON object, got {type(record).__name__}")
    return record


def _check_fields(record: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Raise DataError for a field that the format does not have."""
    for field in record:
        if field not in known:
            raise DataError(f"{where}: unknown field {field!r}{did_you_mean(field, known)} Known: {', '.join(known)}")


def _text(record: Mapping[str, object], field: str, where: str) -> str:
    """Return the text in ``field``, or raise a DataError that says what is there instead."""
    if field not in record:
        raise DataError(f"{where}, {field}: expected text, got nothing")
    value = record[field]
    if not isinstance(value, str):
        raise DataError(f"{where}, {field}: expected text, got {type(value).__name__}")
    return value


def _texts(record: Mapping[str, object], field: str, where: str) -> tuple[str, ...]:
    """Return the list of texts in ``field``; it must not be empty."""
    value = record.get(field)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        got = "nothing" if field not in record else "an empty list" if value == [] else json.dumps(value)[:60]
        raise DataError(f"{where}, {field}: expected a list of texts with at least one, got {got}")
    return tuple(value)
