"""E01: on which share of the inputs does a vector backfire?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.metrics.fit_rmse import fit_rmse
from pysteer.metrics.steerability import slopes, steerability
from pysteer.report.estimates import Estimates
from pysteer.report.slope_violins import SlopeGroup, draw_slope_violins
from pysteer.statistics import bootstrap_datasets, wilson_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability.found import AT, UNIT, Found, anti_steerable
from pysteer.studies.reliability.intervals import bootstrap_over, median_over
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_SHOWN = 13
N_WORST = 3


def analyse_samples(models: list[Found]) -> Piece:
    """Slopes of single items, anti-steerable shares, and what random directions score."""
    rows = [row for found in models for each in found.questionnaires for row in _rows(found, each)]
    findings = [finding for found in models for finding in _findings(found)]
    figures = [_figure(found) for found in models]
    captions = "Steerability and anti-steerable share of each questionnaire, in distribution (BASE to BASE)"
    return Piece([ResultTable("per_sample", "E01", captions, tuple(rows))], findings, figures, {"E01": _notes(models)})


def _rows(found: Found, each: Questionnaire) -> list[Row]:
    values, origin = found.propensities(each), found.origin(each)
    about = {"model": found.label, "questionnaire": each.name}
    hits = anti_steerable(values)
    random = found.random(each)
    backfires = np.stack([anti_steerable(random[:, k]) for k in range(random.shape[1])])
    pulls = np.stack([slopes(AT, random[:, k]).mean() for k in range(random.shape[1])])
    return [
        row_of(steerability(AT, values, seed=found.seed), origin, unit=UNIT, labels=about),
        row_of(
            wilson_interval(int(hits.sum()), hits.size), origin, quantity="anti-steerable", unit="share", labels=about
        ),
        row_of(fit_rmse(AT, values, seed=found.seed), origin, quantity="RMSE of the line", unit="nats", labels=about),
        # Directions are the units here: items of one direction move together.
        row_of(
            bootstrap_over(lambda drawn: float(pulls[drawn].mean()), len(pulls), seed=found.seed),
            origin,
            quantity="steerability of random directions",
            unit=UNIT,
            labels=about,
        ),
        row_of(
            bootstrap_over(lambda drawn: float(backfires[drawn].mean()), len(backfires), seed=found.seed),
            origin,
            quantity="anti-steerable under random directions",
            unit="share",
            labels=about,
        ),
    ]


def _findings(found: Found) -> list[tuple[str, Row]]:
    hits = [anti_steerable(found.propensities(each)) for each in found.questionnaires]
    shares = np.array([each.mean() for each in hits])
    worst, n_worst = worst_on_unseen_items(hits, seed=found.seed)
    about = {"model": found.label}
    steers = found.effect()
    random = [
        slopes(AT, found.random(each)[:, k]).mean()
        for each in found.questionnaires
        for k in range(found.sizes.n_random)
    ]
    pulls = np.array(random).reshape(len(hits), -1)
    return [
        ("C1.0", row_of(steers, found.origin(), quantity="mean steerability", unit=UNIT, labels=about)),
        (
            "C1.1a",
            row_of(
                wilson_interval(worst, n_worst),
                found.origin(),
                quantity=f"anti-steerable share of the {min(N_WORST, len(hits))} worst questionnaires",
                unit="share",
                labels=about,
            ),
        ),
        (
            "C1.1b",
            row_of(
                median_over(shares, seed=found.seed),
                found.origin(),
                quantity="median anti-steerable share",
                unit="share",
                labels=about,
            ),
        ),
        ("C1.1c", _null(found, pulls, steers.mean)),
    ]


def _null(found: Found, pulls: Float64Array, own: float) -> Row:
    """Return the steerability of random directions, (n_questionnaires, n_random), relative to the vectors' own."""
    quantity, about = "steerability of random directions over the vectors'", {"model": found.label}
    if reason := found.why_no_ratio():
        return no_number(found.origin(), quantity, reason, labels=about)
    interval = bootstrap_datasets(list(pulls / abs(own)), seed=found.seed)
    return row_of(interval, found.origin(), quantity=quantity, unit="ratio", labels=about)


def worst_on_unseen_items(hits: list[Float64Array], *, seed: int) -> tuple[int, int]:
    """Return anti-steerable items and items of the worst questionnaires, found on one half and counted on the other.

    Counted on the items that chose them, the worst of many would look worse than they are.
    """
    generator = np.random.default_rng(seed)
    halves = []
    for each in hits:
        order = generator.permutation(each.size)
        halves.append((each[order[: each.size // 2]], each[order[each.size // 2 :]]))
    ranked = sorted(range(len(halves)), key=lambda index: -halves[index][0].mean())[:N_WORST]
    counted = np.concatenate([halves[index][1] for index in ranked])
    return int(counted.sum()), int(counted.size)


def _figure(found: Found) -> StudyFigure:
    order = sorted(found.questionnaires, key=lambda each: -float(np.median(slopes(AT, found.propensities(each)))))
    if len(order) > _SHOWN:  # as the paper: the four best, the four worst, and some between
        between = np.linspace(4, len(order) - 5, _SHOWN - 8).round().astype(int)
        order = [*order[:4], *(order[index] for index in between), *order[-4:]]
    groups = []
    for each in order:
        values = found.propensities(each)
        hits = anti_steerable(values)
        share = wilson_interval(int(hits.sum()), hits.size)
        groups.append(SlopeGroup(each.name, slopes(AT, values), Estimates(share.mean, share.low, share.high)))
    middle = order[len(order) // 2]
    control = found.random(middle)[:, 0]
    share = wilson_interval(int(anti_steerable(control).sum()), len(control))
    groups.append(
        SlopeGroup(
            f"random direction, {middle.name}",
            slopes(AT, control),
            Estimates(share.mean, share.low, share.high),
            is_control=True,
        )
    )
    return StudyFigure(
        f"per_sample_{file_name(found.label)}",
        "E01",
        f"Steerability of single items, {found.label}",
        draw_slope_violins(groups, unit=UNIT),
    )


def _notes(models: list[Found]) -> list[str]:
    told = []
    for found in models:
        shares = {each.name: float(anti_steerable(found.propensities(each)).mean()) for each in found.questionnaires}
        worst = max(shares, key=lambda name: shares[name])
        left_out = sum(each.n_left_out for each in found.questionnaires)
        lows = [steerability(AT, found.propensities(each), seed=found.seed).low for each in found.questionnaires]
        told.append(
            f"{found.label}, layer {found.layer}: over {len(shares)} questionnaires the anti-steerable share runs from "
            f"{min(shares.values()):.0%} to {shares[worst]:.0%} ({worst}); {sum(s > 0.4 for s in shares.values())} are "
            f"above 40 %. In {sum(low > 0.0 for low in lows)} the interval of the mean steerability lies above 0."
            + (
                ""
                if any(low > 0.0 for low in lows)
                else " These vectors do not steer this model: what follows is about letters and noise."
            )
            + (f" {left_out} items were too long and left out." if left_out else "")
        )
    return told
