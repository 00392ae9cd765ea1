"""Questions as JSON: pysteer's own lines, lists of choices with the number of the right one, MMLU in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pysteer.errors import DataError
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import (
    as_object,
    check_fields,
    is_list_of,
    parse_json,
    record_objects,
    text_field,
    text_list_field,
)
from pysteer.formats.question_building import QuestionCollector, choice_number
from pysteer.questions import QuestionSet

_OWN = {"question", "choices", "answer"}
_OPTIONAL = {"subject", "passage", "fact", "book", "seen_in_training", "meta"}
_GOLD = {"query", "choices", "gold"}
_COLUMNS = {"question", "subject", "choices", "answer"}


def _is_question_lines(source: Source) -> bool:
    return is_list_of(source, _OWN, suffix=".jsonl", optional=_OPTIONAL)


@formats.register("questions", holds="questions", recognises=_is_question_lines, files=".jsonl")
def read_question_lines(source: Source) -> QuestionSet:
    """pysteer's own: question, choices, answer (letter, or number from 0), subject, passage or fact; one a line.

    ``passage``, or else ``fact``, is the text that holds the answer. Without a ``subject``, ``book`` takes its place.
    """
    collector = QuestionCollector(source, repeats_are_errors=True)
    for where, record in record_objects(source):
        check_fields(record, (*sorted(_OWN), *sorted(_OPTIONAL)), where)
        collector.add(
            text_field(record, "question", where),
            text_list_field(record, "choices", where),
            choice_number(record.get("answer"), f"{where}, answer"),
            where,
            subject=_first_text(record, ("subject", "book"), where),
            passage=_first_text(record, ("passage", "fact"), where),
        )
    return collector.question_set()


def _is_gold_lines(source: Source) -> bool:
    return is_list_of(source, _GOLD, suffix=".jsonl")


@formats.register("gold_choices", holds="questions", recognises=_is_gold_lines, files=".jsonl")
def read_gold_lines(source: Source) -> QuestionSet:
    """ARC and PIQA as evaluation harnesses write them: query, choices, gold (a number from 0).

    The word "Question:" that stands before every query is taken off; a prompt's form is the measurement's business.
    """
    collector = QuestionCollector(source)
    for where, record in record_objects(source):
        check_fields(record, tuple(sorted(_GOLD)), where)
        query = text_field(record, "query", where).removeprefix("Question:").strip()
        gold = choice_number(record.get("gold"), f"{where}, gold")
        collector.add(query, text_list_field(record, "choices", where), gold, where)
    return collector.question_set()


def _is_columns(source: Source) -> bool:
    first = source.first_records
    return isinstance(first, tuple) and isinstance(first[0], dict) and first[0].keys() == _COLUMNS


@formats.register("mmlu_columns", holds="questions", recognises=_is_columns, files=".json")
def read_columns(source: Source) -> QuestionSet:
    """MMLU as one JSON object of columns: question, subject, choices, answer (numbers from 0, or letters)."""
    table = as_object(parse_json(source.text, source.where), source.where)
    columns: dict[str, list[Any]] = {}
    for name in sorted(_COLUMNS):
        value = table.get(name)
        if not isinstance(value, list):
            raise DataError(f"{source.where}, {name}: expected a list, got {type(value).__name__}")
        columns[name] = value
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"{source.where}: expected columns of one length, got {lengths}")
    collector = QuestionCollector(source)
    for index in range(lengths["question"]):
        where = f"{source.where}, record {index + 1}"
        record = {name: values[index] for name, values in columns.items()}
        collector.add(
            text_field(record, "question", where),
            text_list_field(record, "choices", where),
            choice_number(record["answer"], f"{where}, answer"),
            where,
            subject=text_field(record, "subject", where),
        )
    return collector.question_set()


def _first_text(record: Mapping[str, object], names: tuple[str, ...], where: str) -> str:
    return next((text_field(record, name, where) for name in names if name in record), "")
