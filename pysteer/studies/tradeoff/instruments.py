"""Do the scores see what they should? The ratio on contrast texts, the judge on shuffled words; the judge's ratings."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import bootstrap_clusters, bootstrap_difference, wilson_interval
from pysteer.studies.rows import Origin, Row, no_number, row_of
from pysteer.studies.tradeoff.found import RATIO_UNIT, Found
from pysteer.studies.tradeoff.judging import judged_questions


def judge_check(found: Found) -> Row:
    """Return the judge's rating of plain texts minus that of the same words shuffled."""
    ratings = found.part("check of the judge").arrays["ratings"]
    known = ratings[~np.isnan(ratings).any(axis=1)]
    about, quantity = {"model": found.label}, "rating of coherence, plain minus shuffled words"
    origin, n_missing = found.origin_of(found.material.styles[0].train), len(ratings) - len(known)
    if len(known) < 2:
        reason = "fewer than two texts could be rated"
        return no_number(origin, quantity, reason, unit="points", failures=n_missing, labels=about)
    interval = bootstrap_difference(known[:, 0], known[:, 1], seed=found.seed)
    return row_of(interval, origin, quantity=quantity, unit="points", failures=n_missing, labels=about)


def ratio_checks(found: Found) -> list[Row]:
    """Return how far the likelihood ratio tells each style's contrast texts apart; requests are drawn."""
    rows = []
    for style, requests in zip(found.material.styles, found.contrast_requests, strict=True):
        values = found.part("check of the ratio").arrays[style.name]
        rows.append(
            _clustered(
                found,
                found.origin_of(style.train),
                values[:, 0] - values[:, 1],
                requests,
                "ratio, with minus without",
                RATIO_UNIT,
                {"style": style.name},
            )
        )
    return rows


def judged_rows(found: Found, arm: str) -> list[Row]:
    """Return the mean ratings of an arm's answers; questions are drawn, with all that was rated of them."""
    n, n_asked = found.sizes.n_judged, len(found.material.tasks.asked)
    ratings, questions = [], []
    for number, name in enumerate(found.names):
        ratings.append(found.part(name, "judged").arrays[arm])
        questions += judged_questions(number, n, n_asked)
    table, origin = np.concatenate(ratings), found.origin_of(found.material.tasks.asked)
    return [
        _clustered(found, origin, table[:, column], questions, quantity, "of 5 points", {"arm": arm})
        for column, quantity in enumerate(("behaviour, judged", "coherence, judged"))
    ]


def capability_rows(found: Found) -> list[Row]:
    """Return the control's accuracy on the questions on which it is judged whether there is anything to lose."""
    rows, origin = [], found.origin_of(found.material.tasks.capability)
    for kind, hits in found.part("capability").arrays.items():
        quantity, known = f"accuracy of {kind} answers, questions of their own", hits[~np.isnan(hits)]
        about, n_missing = {"model": found.label}, int(np.isnan(hits).sum())
        if not known.size:
            rows.append(no_number(origin, quantity, "no question fits", unit="share", failures=n_missing, labels=about))
            continue
        interval = wilson_interval(int(known.sum()), known.size)
        rows.append(row_of(interval, origin, quantity=quantity, unit="share", failures=n_missing, labels=about))
    return rows


def _clustered(
    found: Found,
    origin: Origin,
    values: Float64Array,
    clusters: Sequence[Hashable],
    quantity: str,
    unit: str,
    labels: Mapping[str, str],
) -> Row:
    """Return the mean of values with its interval from drawing what they are about; NaN are failures."""
    known = ~np.isnan(values)
    about, n_missing = {"model": found.label, **labels}, int((~known).sum())
    about_known = [cluster for cluster, is_known in zip(clusters, known.tolist(), strict=True) if is_known]
    if len(set(about_known)) < 2:
        reason = "fewer than two items have a number"
        return no_number(origin, quantity, reason, unit=unit, failures=n_missing, labels=about)
    interval = bootstrap_clusters(values[known], about_known, seed=found.seed, n_resamples=2000)
    return row_of(interval, origin, quantity=quantity, unit=unit, failures=n_missing, labels=about)
