"""E07: does another way of extracting, or another range of multipliers, change which questionnaires are steerable?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.multiplier_ranges import multiplier_ranges
from pysteer.metrics.steerability import slopes
from pysteer.report.estimates import Estimates
from pysteer.statistics import bootstrap_mean, spearman
from pysteer.studies.file_names import file_name
from pysteer.studies.reliability.figures import draw_bars
from pysteer.studies.reliability.found import AT, UNIT, Found, anti_steerable
from pysteer.studies.reliability.intervals import bootstrap_over
from pysteer.studies.reliability.measuring import METHODS
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_ALL = ("mean", *METHODS, "shuffled")
_CLAIMS = {"pca": "C1.6a", "logistic": "C1.6b"}


def analyse_choices(models: list[Found]) -> Piece:
    """Other aggregators on the badly steerable half, and rank correlations between ranges of multipliers."""
    methods: list[Row] = []
    ranges: list[Row] = []
    findings, figures = [], []
    for found in models:
        mine = [
            _method_row(found, method, quantity) for method in _ALL for quantity in ("steerability", "anti-steerable")
        ]
        methods += [*mine, *(_agreement(found, method) for method in METHODS)]
        findings += [(_CLAIMS[method], rescue(found, method)) for method in METHODS]
        pairs = [_range_row(found, a, b) for a, b in ((0.5, 1.0), (1.0, 1.5), (0.5, 1.5))]
        ranges += pairs
        findings.append(("C1.6c", pairs[-1]))
        figures.append(_figure(found, mine))
    return Piece(
        [
            ResultTable("methods", "E07", "Ways of extracting, means over questionnaires, same norm", tuple(methods)),
            ResultTable("ranges", "E07", "Rank correlation between ranges of multipliers", tuple(ranges)),
        ],
        findings,
        figures,
    )


def _method_row(found: Found, method: str, quantity: str) -> Row:
    about = {"model": found.label, "method": method}
    unit = UNIT if quantity == "steerability" else "share"
    known = [values for each in found.questionnaires if (values := found.method(each, method)) is not None]
    if len(known) < 2:
        return no_number(
            found.origin(), quantity, "fewer than two questionnaires have a vector", unit=unit, labels=about
        )
    numbers = [
        float((slopes(AT, values) if quantity == "steerability" else anti_steerable(values)).mean()) for values in known
    ]
    return row_of(
        bootstrap_mean(numbers, seed=found.seed),
        found.origin(),
        quantity=quantity,
        unit=unit,
        failures=len(found.questionnaires) - len(known),
        labels=about,
    )


def _agreement(found: Found, method: str) -> Row:
    about, quantity = {"model": found.label, "method": method}, "rank correlation with mean"
    both = [
        (slopes(AT, found.propensities(each)).mean(), slopes(AT, values).mean())
        for each in found.questionnaires
        if (values := found.method(each, method)) is not None
    ]
    try:
        return row_of(
            spearman([a for a, _ in both], [b for _, b in both]), found.origin(), quantity=quantity, labels=about
        )
    except MeasurementError as error:
        return no_number(found.origin(), quantity, str(error), n=len(both), labels=about)


def rescue(found: Found, method: str) -> Row:
    """Return by how much another method lowers the anti-steerable share of the badly steerable half.

    Which questionnaires are badly steerable is decided on one half of the items and measured on the other: else the
    worst would get better with any method, by regression to the mean.
    """
    about, quantity = {"model": found.label}, f"anti-steerable share, mean minus {method}"
    pairs = [
        (anti_steerable(found.propensities(each)), anti_steerable(values))
        for each in found.questionnaires
        if (values := found.method(each, method)) is not None
    ]
    gains = gains_of_worst_half([a for a, _ in pairs], [b for _, b in pairs], seed=found.seed)
    try:
        interval = bootstrap_over(lambda drawn: float(gains[drawn].mean()), gains.size, seed=found.seed)
        return row_of(interval, found.origin(), quantity=quantity, unit="share of items", labels=about)
    except MeasurementError as error:
        return no_number(found.origin(), quantity, str(error), n=gains.size, labels=about)


def gains_of_worst_half(base: list[Float64Array], other: list[Float64Array], *, seed: int) -> Float64Array:
    """Return ``base - other`` on fresh items of each questionnaire of the half with the highest ``base`` share."""
    generator = np.random.default_rng(seed)
    chosen_by, gains = [], []
    for first, second in zip(base, other, strict=True):
        order = generator.permutation(first.size)
        choosing, measuring = order[: first.size // 2], order[first.size // 2 :]
        chosen_by.append(first[choosing].mean())
        gains.append(first[measuring].mean() - second[measuring].mean())
    worst = np.argsort(chosen_by, kind="stable")[len(base) // 2 :]
    return np.array(gains)[worst]


def _range_row(found: Found, narrow: float, wide: float) -> Row:
    about = {"model": found.label, "ranges": f"{narrow:g} and {wide:g}"}
    curves = np.stack([found.propensities(each).mean(axis=0) for each in found.questionnaires])
    by_range = multiplier_ranges(AT, curves, ranges=(narrow, wide)).slopes
    try:
        return row_of(spearman(by_range[0], by_range[1]), found.origin(), quantity="rank correlation", labels=about)
    except MeasurementError as error:
        return no_number(found.origin(), "rank correlation", str(error), n=len(curves), labels=about)


def _figure(found: Found, rows: list[Row]) -> StudyFigure:
    chosen = [row for row in rows if row.quantity == "anti-steerable"]
    values = Estimates([[row.value] for row in chosen], [[row.low] for row in chosen], [[row.high] for row in chosen])
    drawing = draw_bars(
        [str(row.labels["method"]) for row in chosen],
        [found.label],
        values,
        limits=(0.0, 1.0),
        y_label="anti-steerable share",
        reference=0.5,
        caption=(
            "Mean anti-steerable share over questionnaires with its 95 % interval, by the way in which the vector was "
            "extracted; all have the norm of the mean difference. Shuffled: half of the pairs swapped, a control. Grey "
            "line: a direction without an effect."
        ),
    )
    return StudyFigure(f"methods_{file_name(found.label)}", "E07", f"Ways of extracting, {found.label}", drawing)
