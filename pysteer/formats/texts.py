"""Lists of texts without a contrast: begun answers (repeng), scenarios (RepE), open questions (CAA)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats.drops import Drops
from pysteer.formats.format import Source, formats, read_source, recognised
from pysteer.formats.json_records import check_fields, is_list_of, record_objects, records, text_field
from pysteer.pairs import ContrastPair, Dataset


@dataclass(frozen=True)
class Texts:
    """Texts in a fixed order, none twice.

    Parameters
    ----------
    name : str
    texts : tuple of str
        At least one. An empty text is allowed: "say nothing yet" is one of repeng's begun answers.
    """

    name: str
    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.texts:
            raise DataError(f"{self.name!r} holds no text")
        if len(set(self.texts)) < len(self.texts):
            raise DataError(f"{self.name!r} holds a text twice")

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the texts as a compact JSON list in UTF-8."""
        canonical = json.dumps(self.texts, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)


def load_texts(path: str | Path) -> Texts:
    """Return the texts of a JSON file: a list of texts, or records with one each; errors, warnings as `load_pairs`."""
    source = read_source(path)
    readers = [formats.get(name) for name in recognised(source) if formats.facts(name)["holds"] == "texts"]
    result = readers[0](source) if readers else _text_list(source)
    if not isinstance(result, Texts):
        raise DataError(f"{path}: holds no texts")
    return result


def pair_texts(positive: Texts, negative: Texts, *, name: str) -> Dataset:
    """Return pairs of whole texts, the i-th with the i-th, as many as the shorter list has.

    For two lists on different subjects (happy and sad scenarios), where no text has a counterpart of its own.
    """
    both = zip(positive, negative, strict=False)
    return Dataset(tuple(ContrastPair("", wanted, other) for wanted, other in both), name)


def _is_text_list(source: Source) -> bool:
    return source.suffix == ".json" and isinstance(source.first_records, str)


@formats.register("texts", holds="texts", recognises=_is_text_list, files=".json")
def read_text_list(source: Source) -> Texts:
    """A list of texts, such as repeng's truncated outputs."""
    return _text_list(source)


def _text_list(source: Source) -> Texts:
    found: list[tuple[str, str]] = []
    for where, value in records(source):
        if not isinstance(value, str):
            raise DataError(f"{where}: expected text, got {type(value).__name__}")
        found.append((where, value))
    return _texts(source, found)


def _is_open_ended(source: Source) -> bool:
    return is_list_of(source, {"question"})


@formats.register("caa_open_ended", holds="texts", recognises=_is_open_ended, files=".json")
def read_open_ended(source: Source) -> Texts:
    """CAA's open questions: a list of {"question"}, no answers."""
    return _open_ended(source)


def _open_ended(source: Source) -> Texts:
    found = []
    for where, record in record_objects(source):
        check_fields(record, ("question",), where)
        found.append((where, text_field(record, "question", where)))
    return _texts(source, found)


def _texts(source: Source, found: list[tuple[str, str]]) -> Texts:
    drops = Drops(source.where)
    kept: dict[str, str] = {}
    for where, text in found:
        if text in kept:
            drops.add("repeat an earlier text", where)
        kept.setdefault(text, where)
    drops.warn(kept=len(kept))
    return Texts(source.name, tuple(kept))
