"""Records of a foreign file that are left out: counted by reason, and said aloud once."""

from __future__ import annotations

import warnings

from pysteer.errors import DroppedDataWarning


class Drops:
    """Collects what one file's reader leaves out, for a single warning.

    Our own formats refuse a repeated pair. Published files repeat records (up to 174 of 1000), and refusing them would
    only make everybody edit the data by hand, so there repeats are dropped, counted and reported.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.reasons: dict[str, list[str]] = {}

    def add(self, reason: str, where: str) -> None:
        """Note a record: ``reason`` completes "3 records ...", ``where`` names the record."""
        self.reasons.setdefault(reason, []).append(where.removeprefix(f"{self.path}, "))

    def warn(self, *, kept: int) -> None:
        """Give a DroppedDataWarning, if anything was dropped."""
        if not self.reasons:
            return
        parts = [f"{len(places)} {reason} ({_some(places)})" for reason, places in self.reasons.items()]
        dropped = sum(map(len, self.reasons.values()))
        warnings.warn(
            f"{self.path}: {dropped} records dropped, {kept} kept: {'; '.join(parts)}",
            DroppedDataWarning,
            stacklevel=4,
        )


def _some(places: list[str]) -> str:
    return ", ".join(places[:3]) + (", ..." if len(places) > 3 else "")
