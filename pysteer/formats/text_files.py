"""Two text files, as llama.cpp's generator takes them: line i of one goes with line i of the other."""

from __future__ import annotations

import re
from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats, read_source
from pysteer.formats.json_records import lines
from pysteer.pairs import Dataset

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "'": "'", '"': '"', "\\": "\\"}


def _is_text_file(source: Source) -> bool:
    return source.path.name == "positive.txt"


@formats.register("text_files", holds="pairs", recognises=_is_text_file, files="positive.txt and negative.txt")
def read_text_files(source: Source) -> Dataset:
    """positive.txt with negative.txt beside it: one whole text a line, with \\n for a line break.

    Lines that are blank are skipped on both sides, escapes are resolved, as in llama-cvector-generator. The data set is
    called after the folder.
    """
    if source.path.name != "positive.txt":
        raise DataError(f"{source.where}: expected the file positive.txt, with negative.txt beside it")
    return text_file_pairs(source.path, source.path.with_name("negative.txt"), name=source.path.resolve().parent.name)


def text_file_pairs(positive: str | Path, negative: str | Path, *, name: str) -> Dataset:
    """Return the pairs of two text files of any names: see `read_text_files`.

    Raises
    ------
    DataError
        A file cannot be read or is empty, they differ in the number of lines, or two lines that go together are equal.
    """
    sides = [read_source(positive), read_source(negative)]
    texts = [[(where, _unescape(line.rstrip("\r"))) for where, line in lines(side)] for side in sides]
    if not all(texts) or len(texts[0]) != len(texts[1]):
        raise DataError(
            f"{sides[0].where} has {len(texts[0])} lines that are not blank, {sides[1].where} has {len(texts[1])}: "
            "expected as many in both, at least one"
        )
    collector = PairCollector(sides[0])
    for (where, wanted), (_, other) in zip(*texts, strict=True):
        collector.add("", wanted, other, where)
    return collector.dataset(name)


def _unescape(line: str) -> str:
    return re.sub(r"""\\([nrt'"\\])""", lambda match: _ESCAPES[match[1]], line)
