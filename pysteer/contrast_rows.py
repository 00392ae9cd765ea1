"""Activations of contrast pairs, for several token rules and any number of sites, in one pass over the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.moments import Moments
from pysteer.pair_text import Answered, answer_pair, is_letter
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.session import Session, session_for_texts
from pysteer.site import Site
from pysteer.token_rules import parse_token_rule
from pysteer.tree_run import Job, RunCount, run_jobs

Place = tuple[str, Site]
"""A token rule and a site."""


@dataclass(frozen=True, eq=False)
class ContrastRows:
    """What was read.

    Parameters
    ----------
    rows : mapping of (rule, Site) to two float32 arrays, shape (n_pairs, width)
        Positive and negative, row i from pair i. Where only means were kept: one row each, whose difference is the mean
        difference.
    second_last : mapping of rule to float
        For rule "letter": the share of texts whose letter is the second-last token, where other tools read.
    """

    rows: Mapping[Place, tuple[Float32Array, Float32Array]]
    second_last: Mapping[str, float]


def read_contrast(
    model: Model,
    pairs: Dataset,
    *,
    rules: Sequence[str],
    sites: Sequence[Site],
    means_only: bool,
    raw: bool = False,
    setting: PromptSetting | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> ContrastRows:
    """Return the activations of both sides of every pair, averaged over the tokens that each rule names.

    Parameters
    ----------
    rules : sequence of str
        Of `pysteer.token_rules`; "auto" is resolved by `auto_token_rule` before.
    means_only : bool
        Keep two means a place instead of two rows a pair: memory does not grow with the data.

    Raises
    ------
    DataError
        A token rule that does not fit a pair (the message names it).
    """
    texts = _texts(model, pairs, rules, raw, setting)
    own = session or session_for_texts(model, max(len(answered.tokens) for answered, _ in texts))
    try:
        jobs = [
            Job(
                answered.tokens.ids,
                record=tuple(sorted(set().union(*picked))),
                steering=own.steering,
                n_prompt=answered.n_prompt,
            )
            for answered, picked in texts
        ]
        places = [(rule, site) for rule in rules for site in sites]
        keep: _Means | _Rows = _Means() if means_only else _Rows(len(pairs))
        halves: dict[int, dict[Place, Float32Array]] = {}
        n_done = 0
        progress(0, len(pairs))
        for group in run_jobs(own, jobs, sites=sites, stop_early=True, count=count):
            for index, result in group:
                read = _averages(result.rows, jobs[index].record, texts[index][1], rules)
                other = halves.pop(index ^ 1, None)
                if other is None:
                    halves[index] = read
                    continue
                positive, negative = (read, other) if index % 2 == 0 else (other, read)
                keep.add(index // 2, positive, negative)
                n_done += 1
            progress(n_done, len(pairs))
        rows = {place: keep.pair(place) for place in places}
    finally:
        if session is None:
            own.close()
    return ContrastRows(rows, {"letter": _second_last(texts, rules.index("letter"))} if "letter" in rules else {})


def auto_token_rule(pairs: Dataset) -> str:
    """Return the token rule that fits the data: see `pysteer.extraction.extract`."""
    if all(is_letter(pair.positive) and is_letter(pair.negative) for pair in pairs):
        return "letter"
    return "answer" if all(pair.prompt for pair in pairs) else "last"


_Text = tuple[Answered, list[tuple[int, ...]]]


def _texts(model: Model, pairs: Dataset, rules: Sequence[str], raw: bool, setting: PromptSetting | None) -> list[_Text]:
    """Return positive and negative texts in turn, with the tokens to read by each rule."""
    parsed = [parse_token_rule(rule) for rule in rules]
    texts: list[_Text] = []
    for number, pair in enumerate(pairs):
        try:
            for answered in answer_pair(model, pair, raw=raw, setting=setting):
                texts.append((answered, [rule(answered) for rule in parsed]))
        except DataError as error:
            raise DataError(f"data set {pairs.name!r}, pair {number}: {error}") from error
    return texts


def _averages(
    rows: Mapping[Site, Float32Array], record: tuple[int, ...], picked: list[tuple[int, ...]], rules: Sequence[str]
) -> dict[Place, Float32Array]:
    """Return the mean row of each rule and site; ``rows`` are those at the positions in ``record``."""
    wanted = [np.searchsorted(record, positions) for positions in picked]
    return {
        (rule, site): values[at].mean(axis=0, dtype=np.float64).astype(np.float32)
        for rule, at in zip(rules, wanted, strict=True)
        for site, values in rows.items()
    }


def _second_last(texts: list[_Text], rule: int) -> float:
    return sum(picked[rule][0] == len(answered.tokens) - 2 for answered, picked in texts) / len(texts)


class _Means:
    """Keeps two means a place."""

    def __init__(self) -> None:
        self.moments: dict[Place, tuple[Moments, Moments]] = {}

    def add(self, pair: int, positive: dict[Place, Float32Array], negative: dict[Place, Float32Array]) -> None:
        for place, row in positive.items():
            if place not in self.moments:
                self.moments[place] = Moments(row.size), Moments(row.size)
            for moments, values in zip(self.moments[place], (row, negative[place]), strict=True):
                moments.update(values[None, :])

    def pair(self, place: Place) -> tuple[Float32Array, Float32Array]:
        """Return one row each whose difference is the mean difference, without rounding the means to float32 first."""
        positive, negative = self.moments[place]
        difference = (positive.mean - negative.mean).astype(np.float32)
        return difference[None, :], np.zeros((1, difference.size), dtype=np.float32)


class _Rows:
    """Keeps one row a pair, side and place, each written once into its final array."""

    def __init__(self, n_pairs: int) -> None:
        self.n_pairs = n_pairs
        self.rows: dict[Place, tuple[Float32Array, Float32Array]] = {}

    def add(self, pair: int, positive: dict[Place, Float32Array], negative: dict[Place, Float32Array]) -> None:
        for place, row in positive.items():
            if place not in self.rows:
                shape = (self.n_pairs, row.size)
                self.rows[place] = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
            self.rows[place][0][pair] = row
            self.rows[place][1][pair] = negative[place]

    def pair(self, place: Place) -> tuple[Float32Array, Float32Array]:
        return self.rows[place]
