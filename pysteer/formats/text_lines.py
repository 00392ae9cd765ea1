"""Texts as JSON records: passages, LAMBADA, prompts, instructions."""

from __future__ import annotations

from pysteer.formats.drops import Drops
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, is_list_of, record_objects, text_field
from pysteer.formats.texts import Texts

_NOTES = {"kind", "topic", "subject", "meta"}
_ALPACA = {"input", "output", "category"}


def _is_text_lines(source: Source) -> bool:
    return any(is_list_of(source, {field}, suffix=".jsonl", optional=_NOTES) for field in ("text", "prompt"))


@formats.register("text_lines", holds="texts", recognises=_is_text_lines, files=".jsonl")
def read_text_lines(source: Source) -> Texts:
    """One text a line, as ``text`` (LAMBADA, passages) or as ``prompt`` (open requests).

    kind, topic, subject and meta are notes, which are not read.
    """
    first = source.first_records
    field = "prompt" if isinstance(first, dict) and "prompt" in first else "text"
    return _records(source, field, _NOTES)


def _is_instructions(source: Source) -> bool:
    return is_list_of(source, {"instruction"}, optional=_ALPACA)


@formats.register("instructions", holds="texts", recognises=_is_instructions, files=".json")
def read_instructions(source: Source) -> Texts:
    """A list of {"instruction"}, with category, or Alpaca's input and output, which are not read."""
    return _records(source, "instruction", _ALPACA)


def _records(source: Source, field: str, notes: set[str]) -> Texts:
    drops = Drops(source.where)
    kept: dict[str, str] = {}
    for where, record in record_objects(source):
        check_fields(record, (field, *sorted(notes)), where)
        text = text_field(record, field, where)
        if text in kept:
            drops.add("repeat an earlier text", where)
        kept.setdefault(text, where)
    drops.warn(kept=len(kept))
    return Texts(source.name, tuple(kept))
