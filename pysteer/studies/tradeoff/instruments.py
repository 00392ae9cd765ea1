"""Do the scores see what they should? The ratio on contrast texts, the judge on shuffled words; the judge's ratings."""

from __future__ import annotations

import numpy as np

from pysteer.statistics import bootstrap_difference, bootstrap_mean
from pysteer.studies.rows import Row, no_number, row_of
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found


def judge_check(found: Found) -> Row:
    """Return the judge's rating of plain texts minus that of the same words shuffled."""
    ratings = found.part("check of the judge").arrays["ratings"]
    known = ratings[~np.isnan(ratings).any(axis=1)]
    about, quantity = {"model": found.label}, "rating of coherence, plain minus shuffled words"
    n_missing = len(ratings) - len(known)
    if len(known) < 2:
        reason = "fewer than two texts could be rated"
        return no_number(found.origin, quantity, reason, failures=n_missing, labels=about)
    interval = bootstrap_difference(known[:, 0], known[:, 1], seed=found.seed)
    return row_of(interval, found.origin, quantity=quantity, unit="points", failures=n_missing, labels=about)


def ratio_checks(found: Found) -> list[Row]:
    """Return how far the likelihood ratio tells each style's contrast texts apart."""
    rows = []
    for name in found.names:
        values = found.part("check of the ratio").arrays[name]
        difference = (values[:, 0] - values[:, 1])[None]
        rows.append(found.mean_row(difference, "ratio, with minus without", unit=RATIO_UNIT, style=name))
    return rows


def judged_rows(found: Found, arm: str) -> list[Row]:
    """Return the mean ratings of an arm's answers."""
    tables = [found.part(name, "judged").arrays.get(arm) for name in found.names]
    known = np.concatenate([table for table in tables if table is not None])
    rows = []
    for column, quantity in enumerate(("behaviour, judged", "coherence, judged")):
        values = known[:, column]
        there = values[~np.isnan(values)]
        about = {"model": found.label, "arm": arm}
        n_missing = int(np.isnan(values).sum())
        if there.size < 2:
            reason = "fewer than two answers could be rated"
            rows.append(no_number(found.origin, quantity, reason, failures=n_missing, labels=about))
            continue
        interval = bootstrap_mean(there, seed=found.seed)
        rows.append(
            row_of(interval, found.origin, quantity=quantity, unit="of 5 points", failures=n_missing, labels=about)
        )
    return rows
