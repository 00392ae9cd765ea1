"""BLiMP: pairs of sentences that differ in one point of grammar, 67 paradigms of 1000 pairs each."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import is_list_of, lines, parse_object, text_field
from pysteer.pairs import Dataset

_NEEDED = {"sentence_good", "sentence_bad", "UID"}
_OPTIONAL = {
    "field", "linguistics_term", "simple_LM_method", "one_prefix_method", "two_prefix_method", "lexically_identical",
    "pairID", "pair_id", "one_prefix_prefix", "one_prefix_word_good", "one_prefix_word_bad", "two_prefix_prefix_good",
    "two_prefix_prefix_bad", "two_prefix_word", "dependency_length", "crucial_item",
}  # fmt: skip
_SAME = "say the same twice"


def _is_blimp(source: Source) -> bool:
    return is_list_of(source, _NEEDED, suffix=".jsonl", optional=_OPTIONAL)


@formats.register("blimp", holds="pairs", recognises=_is_blimp, files=".jsonl")
def read_blimp(source: Source) -> Dataset:
    """BLiMP's paradigms: pairs of whole sentences without a prompt, the grammatical one first.

    The published files hold seven pairs of two equal sentences; they are left out, counted and reported.

    References
    ----------
    Warstadt et al. 2019, "BLiMP: The Benchmark of Linguistic Minimal Pairs for English", arXiv:1912.00582.
    """
    collector = PairCollector(source)
    for where, line in lines(source):
        good, bad = _sentences(line, where)
        if good == bad:
            collector.drops.add(_SAME, where)
        else:
            collector.add("", good, bad, where)
    return collector.dataset()


def sample_blimp(path: str | Path, n_pairs: int, *, seed: int) -> Dataset:
    """Return pairs of the archive as published, evenly from its paradigms: every paradigm has as many, or one more.

    Parameters
    ----------
    path : str or Path
        "BLiMP.zip", with a file ``data/<paradigm>.jsonl`` for each paradigm.
    n_pairs : int
        At least 1; all, where there are no more. Which paradigms have one more, and which pairs, is drawn; where a pair
        says the same twice, another one is drawn for it. Only these are read.

    Raises
    ------
    DataError
        No such archive, one without paradigms, or a broken line among those that were drawn.
    """
    if n_pairs < 1:
        raise DataError(f"expected at least one pair to sample, got {n_pairs}")
    collector = PairCollector(Source(Path(path), ""))
    paradigms = dict(_paradigms(Path(path)))
    if not paradigms:
        raise DataError(f"{path}: expected paradigms of BLiMP, files such as data/adjunct_island.jsonl, found none")
    order = np.random.default_rng(seed).permutation(len(paradigms)).tolist()
    each, more = divmod(n_pairs, len(paradigms))
    for number, (name, listed) in enumerate(sorted(paradigms.items())):
        n = each + (order[number] < more)
        drawn: dict[int, tuple[str, str, str]] = {}
        for place in np.random.default_rng([seed, number]).permutation(len(listed)).tolist():
            if len(drawn) == n:
                break
            where, line = listed[place]
            where = where.replace(f"{name},", f"{path}, {name},")
            good, bad = _sentences(line, where)
            if good == bad:
                collector.drops.add(_SAME, where)
            else:
                drawn[place] = (good, bad, where)
        for _, sentences in sorted(drawn.items()):
            collector.add("", *sentences)
    return collector.dataset(f"BLiMP.{n_pairs}")


def _sentences(line: str, where: str) -> tuple[str, str]:
    """Return the grammatical sentence of a line, and the other one."""
    record = parse_object(line, where)
    return text_field(record, "sentence_good", where), text_field(record, "sentence_bad", where)


def _paradigms(path: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the name and the lines of every paradigm, with the place of each."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.startswith("data/") and name.endswith(".jsonl"):
                    text = archive.read(name).decode("utf-8")
                    yield name, list(lines(Source(Path(name), text)))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be read as a zip archive: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x}") from error
