"""repeng's ``DatasetEntry`` lists as JSON: two whole texts a pair."""

from __future__ import annotations

from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, record_objects, text_field
from pysteer.pairs import Dataset


def _is_dataset_entries(source: Source) -> bool:
    first = source.first_records
    return source.suffix == ".json" and isinstance(first, dict) and isinstance(first.get("positive"), str)


@formats.register("repeng", holds="pairs", recognises=_is_dataset_entries, files=".json")
def read_dataset_entries(source: Source) -> Dataset:
    """A list of {"positive", "negative"}: whole texts, with the chat template written into them."""
    collector = PairCollector(source)
    for where, record in record_objects(source):
        check_fields(record, ("positive", "negative"), where)
        collector.add("", text_field(record, "positive", where), text_field(record, "negative", where), where)
    return collector.dataset()
