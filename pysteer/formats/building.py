"""Pairs out of records, with the record's place in every error."""

from __future__ import annotations

from pysteer.errors import DataError
from pysteer.formats.drops import Drops
from pysteer.formats.format import Source
from pysteer.pairs import ContrastPair, Dataset


class PairCollector:
    """Collects the pairs of one file.

    Parameters
    ----------
    source : Source
    repeats_are_errors : bool
        For our own formats. Elsewhere a repeated pair is dropped, counted and reported.
    """

    def __init__(self, source: Source, *, repeats_are_errors: bool = False) -> None:
        self.source = source
        self.repeats_are_errors = repeats_are_errors
        self.pairs: dict[ContrastPair, str] = {}
        self.drops = Drops(source.where)

    def add(self, prompt: str, positive: str, negative: str, where: str) -> None:
        """Add one pair; DataError where it is one-sided, says the same twice, or (own formats) repeats another."""
        try:
            pair = ContrastPair(prompt, positive, negative)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        first = self.pairs.setdefault(pair, where)
        if first == where:
            return
        if self.repeats_are_errors:
            earlier = first.removeprefix(f"{self.source.where}, ")
            raise DataError(f"{where}: the same pair as {earlier}; remove one, it would count twice")
        self.drops.add("repeat an earlier pair", where)

    def dataset(self, name: str | None = None) -> Dataset:
        """Return the data set; warns if something was dropped, DataError if nothing is left."""
        if not self.pairs:
            raise DataError(f"{self.source.where}: expected at least one pair, got none")
        self.drops.warn(kept=len(self.pairs))
        return Dataset(tuple(self.pairs), name or self.source.name)
