"""Tables of pairs: CSV with a header, and ParaDetox's tab-separated file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields
from pysteer.pairs import Dataset

_PARADETOX = ["toxic", "neutral1", "neutral2", "neutral3"]


def _is_csv(source: Source) -> bool:
    header = source.text.partition("\n")[0]
    return source.suffix == ".csv" and {"positive", "negative"} <= {name.strip(' "\r') for name in header.split(",")}


@formats.register("csv", holds="pairs", recognises=_is_csv, files=".csv")
def read_csv(source: Source) -> Dataset:
    """Comma-separated, with a header: positive, negative, and optionally prompt and meta."""
    collector = PairCollector(source, repeats_are_errors=True)
    rows = table_rows(source, ",")
    _, header = next(rows, ("", []))
    known = ("prompt", "positive", "negative", "meta")
    check_fields(dict.fromkeys(header), known, f"{source.where}, header")
    if len(set(header)) < len(header) or not {"positive", "negative"} <= set(header):
        raise DataError(f"{source.where}, header: expected positive and negative, each column once, got {header}")
    for where, row in rows:
        if len(row) != len(header):
            raise DataError(f"{where}: expected {len(header)} columns, got {len(row)}")
        cells = dict(zip(header, row, strict=True))
        collector.add(cells.get("prompt", ""), cells["positive"], cells["negative"], where)
    return collector.dataset()


def _is_paradetox(source: Source) -> bool:
    return source.suffix == ".tsv" and source.text.startswith("\t".join(_PARADETOX))


@formats.register("paradetox", holds="pairs", recognises=_is_paradetox, files=".tsv")
def read_paradetox(source: Source) -> Dataset:
    """ParaDetox: a toxic sentence (negative) and its first neutral paraphrase that differs from it (positive).

    Whole texts without a prompt. A sentence with no paraphrase but itself is dropped, counted and reported.

    References
    ----------
    Logacheva et al. 2022, "ParaDetox: Detoxification with Parallel Data", ACL.
    """
    collector = PairCollector(source)
    rows = table_rows(source, "\t")
    _, header = next(rows, ("", []))
    if header != _PARADETOX:
        raise DataError(f"{source.where}, header: expected {_PARADETOX}, got {header}")
    for where, row in rows:
        if len(row) != len(_PARADETOX):
            raise DataError(f"{where}: expected {len(_PARADETOX)} columns, got {len(row)}")
        toxic, *neutral = row
        written = [text for text in neutral if text.strip()]
        if not toxic.strip() or not written:
            raise DataError(f"{where}: expected a toxic sentence and at least one neutral one, got {row}")
        different = [text for text in written if text != toxic]
        if different:
            collector.add("", different[0], toxic, where)
        else:
            collector.drops.add("have no paraphrase that differs", where)
    return collector.dataset()


def table_rows(source: Source, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (where, cells) of every row that is not blank; quoted cells may hold line breaks."""
    reader = csv.reader(io.StringIO(source.text, newline=""), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for row in reader:
            if any(row):
                yield f"{source.where}, line {begin}", row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{source.where}, line {begin}: not a table: {error}") from error
