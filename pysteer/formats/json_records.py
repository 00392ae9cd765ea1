"""JSON as the formats need it: strict, with the place of everything that is wrong.

A field twice in one object is an error everywhere, because JSON readers disagree on which one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pysteer.errors import DataError
from pysteer.formats.format import Source
from pysteer.registry import did_you_mean


def parse_json(text: str, where: str) -> Any:
    """Return what ``text`` holds; DataError where it is not JSON or repeats a field."""

    def without_repeats(items: Sequence[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in items]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise DataError(f"{where}: field {repeated[0]!r} occurs twice")
        return dict(items)

    try:
        return json.loads(text, object_pairs_hook=without_repeats)
    except json.JSONDecodeError as error:
        at = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{where}: not JSON at {at}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: not JSON that can be read: {error}") from error


def parse_object(text: str, where: str) -> Mapping[str, object]:
    """Return the JSON object that ``text`` holds."""
    return as_object(parse_json(text, where), where)


def as_object(value: object, where: str) -> Mapping[str, object]:
    """Return ``value`` if it is a JSON object."""
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected a JSON object, got {type(value).__name__}")
    return value


def lines(source: Source) -> Iterator[tuple[str, str]]:
    """Yield (where, text) of every line that is not blank."""
    # Not splitlines(): it also breaks at characters such as U+2028, which JSON allows inside a text.
    for number, line in enumerate(source.text.split("\n"), start=1):
        if line.strip():
            yield f"{source.where}, line {number}", line


def records(source: Source) -> Iterator[tuple[str, Any]]:
    """Yield (where, value) of every line of a .jsonl file, or of every item of a JSON list; DataError for none."""
    n = 0
    if source.suffix == ".jsonl":
        for where, line in lines(source):
            n += 1
            yield where, parse_json(line, where)
    else:
        value = parse_json(source.text, source.where)
        if not isinstance(value, list):
            raise DataError(f"{source.where}: expected a JSON list of records, got {type(value).__name__}")
        for n, item in enumerate(value, start=1):
            yield f"{source.where}, record {n}", item
    if n == 0:
        raise DataError(f"{source.where}: expected at least one record, got none")


def record_objects(source: Source) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Yield (where, object) as `records` does; DataError for a record that is not an object."""
    for where, value in records(source):
        yield where, as_object(value, where)


def check_fields(record: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Raise DataError for a field that the format does not have."""
    for name in record:
        if name not in known:
            raise DataError(f"{where}: unknown field {name!r}{did_you_mean(name, known)} Known: {', '.join(known)}")


def text_field(record: Mapping[str, object], name: str, where: str) -> str:
    """Return the text in a field, or raise a DataError that says what is there instead."""
    if name not in record:
        raise DataError(f"{where}, {name}: expected text, got nothing")
    value = record[name]
    if not isinstance(value, str):
        raise DataError(f"{where}, {name}: expected text, got {type(value).__name__}")
    return value


def text_list_field(record: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    """Return the list of texts in a field; it must not be empty."""
    value = record.get(name)
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        got = "nothing" if name not in record else "an empty list" if value == [] else json.dumps(value)[:60]
        raise DataError(f"{where}, {name}: expected a list of texts with at least one, got {got}")
    return tuple(value)


def glance(source: Source) -> Any:
    """Return a file's first record, for recognising its format; None where it cannot be read.

    For a .json file that is a list, its first item; for one that is an object, the object itself, wrapped in a tuple
    so that it is not taken for a record.
    """
    try:
        if source.suffix == ".jsonl":
            return next((parse_json(line, where) for where, line in lines(source)), None)
        if source.suffix != ".json":
            return None
        value = parse_json(source.text, source.where)
    except DataError:
        return None
    if isinstance(value, list):
        return value[0] if value else None
    return (value,)


def is_list_of(source: Source, fields: set[str], *, suffix: str = ".json", optional: set[str] | None = None) -> bool:
    """Whether the first record of a file with this ending has these fields and, at most, the optional ones."""
    first = source.first_records
    return (
        source.suffix == suffix and isinstance(first, dict) and fields <= first.keys() <= fields | (optional or set())
    )
