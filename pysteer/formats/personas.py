"""pysteer's persona files, and repeng's way of making pairs: two personas, a template, and begun answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, parse_object, text_field, text_list_field
from pysteer.pairs import Dataset

_PLACEHOLDER = "{persona}"


def _is_personas(source: Source) -> bool:
    first = source.first_records
    return isinstance(first, tuple) and isinstance(first[0], dict) and "template" in first[0]


@formats.register("personas", holds="pairs", recognises=_is_personas, files=".json")
def read_personas(source: Source) -> Dataset:
    """One object: a template, positive and negative personas, and suffixes that both say."""
    record = parse_object(source.text, source.where)
    check_fields(record, ("template", "positive", "negative", "suffixes", "name"), source.where)
    template = text_field(record, "template", source.where)
    positive, negative, suffixes = (
        text_list_field(record, name, source.where) for name in ("positive", "negative", "suffixes")
    )
    name = text_field(record, "name", source.where) if "name" in record else source.name
    return _expand(source, template, positive, negative, suffixes, name)


def persona_pairs(
    template: str, positive: Sequence[str], negative: Sequence[str], suffixes: Sequence[str], *, name: str
) -> Dataset:
    """Return every suffix under every persona pair, as pairs of whole texts; suffixes in the outer loop.

    Parameters
    ----------
    template : str
        Holds "{persona}" where the persona goes.
    positive, negative : sequence of str
        Personas; entry i of one goes with entry i of the other.
    suffixes : sequence of str
        What the persona begins to say, such as repeng's truncated outputs (`load_texts`).

    Raises
    ------
    DataError
        No placeholder, lists that do not match, no suffix, or a pair that occurs twice.
    """
    return _expand(Source(Path(name), ""), template, positive, negative, suffixes, name)


def _expand(
    source: Source,
    template: str,
    positive: Sequence[str],
    negative: Sequence[str],
    suffixes: Sequence[str],
    name: str,
) -> Dataset:
    where = source.where
    if template.count(_PLACEHOLDER) == 0:
        raise DataError(f"{where}, template: expected {_PLACEHOLDER} where the persona goes, got {template!r}")
    if len(positive) != len(negative):
        raise DataError(
            f"{where}: expected as many positive as negative personas, which go in pairs, "
            f"got {len(positive)} and {len(negative)}"
        )
    collector = PairCollector(source, repeats_are_errors=True)
    for s, suffix in enumerate(suffixes):
        for p, personas in enumerate(zip(positive, negative, strict=True)):
            said = (template.replace(_PLACEHOLDER, persona) for persona in personas)
            wanted, other = (f"{text} {suffix}" if suffix else text for text in said)
            collector.add("", wanted, other, f"{where}, suffixes[{s}] with positive[{p}] and negative[{p}]")
    return collector.dataset(name)
