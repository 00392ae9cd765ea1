"""pysteer's own format: one contrast pair per line.

An unknown field is an error: a misspelt optional one would otherwise be ignored, and every number after it be about
other texts.
"""

from __future__ import annotations

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, lines, parse_object, text_field
from pysteer.pairs import Dataset


def _is_pair_lines(source: Source) -> bool:
    first = source.first_records
    return source.suffix == ".jsonl" and isinstance(first, dict) and isinstance(first.get("positive"), str)


@formats.register("pairs", holds="pairs", recognises=_is_pair_lines, files=".jsonl")
def read_pair_lines(source: Source) -> Dataset:
    """One object a line: positive, negative, and optionally prompt and meta."""
    collector = PairCollector(source, repeats_are_errors=True)
    for where, line in lines(source):
        record = parse_object(line, where)
        check_fields(record, ("prompt", "positive", "negative", "meta"), where)
        prompt = text_field(record, "prompt", where) if "prompt" in record else ""
        collector.add(prompt, text_field(record, "positive", where), text_field(record, "negative", where), where)
    if not collector.pairs:
        raise DataError(f"{source.where}: expected one pair per line, got no line that is not blank")
    return collector.dataset()
