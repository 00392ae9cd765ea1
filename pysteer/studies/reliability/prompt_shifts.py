"""E03: does a vector still work under prompts that it was not made for?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.metrics.ood_correlation import ood_correlation
from pysteer.metrics.ood_ratio import ood_ratio
from pysteer.metrics.steerability import steerability
from pysteer.report.estimates import Estimates
from pysteer.report.shift_scatter import ShiftSeries, draw_shift_scatter
from pysteer.statistics import bootstrap_ratio, wilson_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.reliability.found import AT, UNIT, Found
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

SHIFTS = (
    ("BASE", "USER_NEG"),
    ("BASE", "USER_POS"),
    ("SYS_POS", "USER_NEG"),
    ("SYS_NEG", "USER_POS"),
    ("SYS_POS", "SYS_NEG"),
    ("USER_POS", "USER_NEG"),
)
"""The four shifts of the paper's figure, the fifth that it names, and one for models without a system message."""


def headline(settings: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the shift that decides: the paper's; its like in user messages where there is no system message."""
    for shift in (("SYS_POS", "USER_NEG"), ("USER_POS", "USER_NEG")):
        if set(shift) <= set(settings):
            return shift
    return None


def shifts_of(settings: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the shifts that a model can be tested on; the last one only where it stands in for the headline."""
    known = [shift for shift in SHIFTS if set(shift) <= set(settings)]
    return [shift for shift in known if shift != SHIFTS[-1] or headline(settings) == shift]


def analyse_shifts(models: list[Found]) -> Piece:
    """Steerability in and out of distribution: correlations, ratios, a scatter for each model."""
    rows: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        shifts = shifts_of(found.settings)
        rows += [row for shift in shifts for row in _shift_rows(found, shift)]
        findings += _findings(found, headline(found.settings))
        if shifts:
            figures.append(_figure(found, shifts))
        else:
            notes.append(f"{found.label} has no chat template, so that no prompt setting but its own can be tested.")
        if "SYS_POS" not in found.settings and shifts:
            notes.append(
                f"{found.label} takes no system message: personas were put into the user's message only, and "
                "USER_POS to USER_NEG stands in for SYS_POS to USER_NEG."
            )
    summary = ResultTable("shifts", "E03", "Each shift against BASE to BASE, over questionnaires", tuple(rows))
    table = ResultTable(
        "steerability_by_setting",
        "E03",
        "Steerability of each questionnaire by setting of the vector and of the test",
        tuple(row for found in models for row in _matrix(found)),
        is_folded=True,
    )
    return Piece([summary, table], findings, figures, {"E03": notes})


def _shift_rows(found: Found, shift: tuple[str, str]) -> list[Row]:
    about = {"model": found.label, "shift": " to ".join(shift)}
    inside, outside = found.steerability(), found.steerability(*shift)
    negative = wilson_interval(int((outside < 0.0).sum()), outside.size)
    return [
        _metric(found, "rank correlation", ood_correlation, inside, outside, about),
        _metric(found, "ratio of means", ood_ratio, inside, outside, about),
        _metric(
            found, "rank correlation of variances", ood_correlation, found.variances(), found.variances(*shift), about
        ),
        row_of(negative, found.origin(), quantity="questionnaires steered backwards", unit="share", labels=about),
    ]


def _metric(
    found: Found, quantity: str, metric: object, inside: np.ndarray, outside: np.ndarray, about: dict[str, str]
) -> Row:
    try:
        score = metric(inside, outside, seed=found.seed)  # type: ignore[operator]
        return row_of(score, found.origin(), quantity=quantity, labels=about)
    except MeasurementError as error:
        return no_number(found.origin(), quantity, str(error), n=len(inside), labels=about)


def _findings(found: Found, shift: tuple[str, str] | None) -> list[tuple[str, Row]]:
    about = {"model": found.label, "shift": "" if shift is None else " to ".join(shift)}
    if shift is None:
        reason = "the model takes neither system messages nor chats"
        return [
            (claim, no_number(found.origin(), "shift", reason, labels=about))
            for claim in ("C1.4a", "C1.4b", "C1.4c", "C1.4d")
        ]
    inside, outside = found.steerability(), found.steerability(*shift)
    rows = {
        "C1.4a": _metric(found, "rank correlation", ood_correlation, inside, outside, about),
        "C1.4b": _ratio(found, inside, outside, about),
        "C1.4c": _metric(
            found, "rank correlation of variances", ood_correlation, found.variances(), found.variances(*shift), about
        ),
        "C1.4d": _against(found),
    }
    return list(rows.items())


def _ratio(found: Found, inside: Float64Array, outside: Float64Array, about: dict[str, str]) -> Row:
    if reason := found.why_no_ratio():
        return no_number(found.origin(), "ratio of means", reason, n=len(inside), labels=about)
    return _metric(found, "ratio of means", ood_ratio, inside, outside, about)


def _against(found: Found) -> Row:
    """Return how much more steerability is left when the user's persona agrees than when it opposes."""
    about, quantity = {"model": found.label, "shift": "BASE to USER_POS minus BASE to USER_NEG"}, "difference of ratios"
    if reason := found.why_no_ratio():
        return no_number(found.origin(), quantity, reason, n=len(found.questionnaires), labels=about)
    gain = found.steerability("BASE", "USER_POS") - found.steerability("BASE", "USER_NEG")
    try:
        interval = bootstrap_ratio(gain, found.steerability(), is_paired=True, seed=found.seed)
        return row_of(interval, found.origin(), quantity=quantity, labels=about)
    except MeasurementError as error:
        return no_number(found.origin(), quantity, str(error), n=gain.size, labels=about)


def _matrix(found: Found) -> list[Row]:
    return [
        row_of(
            steerability(AT, found.propensities(each, train, test), seed=found.seed),
            found.origin(each),
            quantity=f"tested in {test}",
            unit=UNIT,
            labels={"model": found.label, "questionnaire": each.name, "vector": train},
        )
        for each in found.questionnaires
        for train in found.settings
        for test in found.settings
    ]


def _figure(found: Found, shifts: list[tuple[str, str]]) -> StudyFigure:
    inside = _estimates(found, "BASE", "BASE")
    series = []
    for shift in shifts[:4]:
        row = _shift_rows(found, shift)[0]
        rho = None if np.isnan(row.value) else Estimates(row.value, row.low, row.high)
        series.append(ShiftSeries(" to ".join(shift), inside, _estimates(found, *shift), rho))
    title = f"Steerability with and without a shift of the prompt, {found.label}"
    return StudyFigure(
        f"shifts_{file_name(found.label)}", "E03", title, draw_shift_scatter(series, names=found.names, unit=UNIT)
    )


def _estimates(found: Found, train: str, test: str) -> Estimates:
    scores = [steerability(AT, found.propensities(each, train, test), seed=found.seed) for each in found.questionnaires]
    return Estimates([s.value for s in scores], [s.low for s in scores], [s.high for s in scores])
