"""E24: one contrast pair, or a pair of words, against the mean over many pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.statistics import bootstrap_mean, slope
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_nested, pooled_row
from pysteer.studies.mechanisms.sizes import SWEEP_STRENGTHS
from pysteer.studies.mechanisms.spread_figure import SpreadRow, draw_spread
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_UNIT = "nats per unit of strength"
_WAYS = ("as extracted", "norm of all pairs")
Top = Callable[[Float64Array, int, Indices], float]
"""Takes slopes of drawn items as in `slopes_of`, the number of hand-written pairs, and drawn single pairs."""


def analyse_single(models: list[Found]) -> Piece:
    """Slopes of single pairs, of hand-written ones, and of all; their ratios, summed over behaviours that steer."""
    rows: list[Row] = []
    findings, figures = [], []
    for found in models:
        rows += [row for each in found.behaviours for row in _rows(found, each)]
        findings += [
            ("C3.8a", _over_whole(found, "slope of single pairs over that of all, equal norm", _mean_single)),
            ("C3.8b", _over_whole(found, "deviation over single pairs over slope of all", _spread_single)),
            ("C3.8c", _over_whole(found, "slope of the hand-written pair over that of all, equal norm", _high_level)),
        ]
        figures.append(_figure(found))
    table = ResultTable("single_pairs", "E24", "One pair against many", tuple(rows))
    return Piece([table], findings, figures)


def slopes_of(found: Found, each: Behaviour) -> tuple[Float64Array, int]:
    """Return slopes (n_items, 2, n_vectors), as extracted and norm-matched; and the number of hand-written pairs.

    The first vector is that of all pairs, then the hand-written pairs, then the single ones.
    """
    result, whole = found.part(each, "single"), found.whole_slopes(each)
    few = slope(SWEEP_STRENGTHS, result.arrays["propensities"])
    # All pairs have been measured with the behaviour itself, and their vector has its own norm either way.
    both = np.broadcast_to(whole[:, None, None], (len(whole), 2, 1))
    return np.concatenate([both, few], axis=2), int(result.content["n_high_level"])


def _mean_single(values: Float64Array, n_high: int, singles: Indices) -> float:
    return float(values[:, 1, 1 + n_high + singles].mean())


def _spread_single(values: Float64Array, n_high: int, singles: Indices) -> float:
    return float(values[:, 0, 1 + n_high + singles].mean(axis=0).std(ddof=1))


def _high_level(values: Float64Array, n_high: int, singles: Indices) -> float:
    return float(values[:, 1, 1 : 1 + n_high].mean())


def _over_whole(found: Found, quantity: str, top: Top) -> Row:
    """Return a number over the slope of all pairs, each summed over behaviours that steer; items and pairs are drawn.

    Behaviours are judged on other items. On these, all pairs may not steer one of them: in a mean of ratios it would
    have none, and leaving it out would choose by the result. In a ratio of sums it counts.
    """
    about, steered = {"model": found.label}, found.steered
    if not steered:
        reason = "no behaviour is steered here, so there is nothing to compare with"
        return no_number(found.repeat_origin(), quantity, reason, labels=about)
    tables = [slopes_of(found, each) for each in steered]

    def ratio(drawn: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        tops, wholes = 0.0, 0.0
        for index, (rows, singles) in zip(drawn, items, strict=True):
            values, n_high = tables[index]
            tops += top(values[rows], n_high, singles)
            wholes += float(values[rows, 0, 0].mean())
        return tops / wholes if wholes > 0.0 else float("nan")

    return pooled_row(
        lambda: bootstrap_nested(
            ratio, [(values.shape[0], values.shape[2] - 1 - n_high) for values, n_high in tables], seed=found.seed
        ),
        found.repeat_origin(*steered),
        quantity,
        unit="",
        labels=about,
        note="of " + ", ".join(each.name for each in steered),
    )


def _rows(found: Found, each: Behaviour) -> list[Row]:
    values, n_high = slopes_of(found, each)
    origin, rows = found.repeat_origin(each), []
    for way, name in enumerate(_WAYS):
        about = {"model": found.label, "behaviour": each.name, "norm": name}
        singles = values[:, way, 1 + n_high :].mean(axis=0)
        whole = bootstrap_mean(values[:, way, 0], seed=found.seed)
        rows.append(row_of(whole, origin, quantity="slope, all pairs", unit=_UNIT, labels=about, note="over items"))
        for place in range(n_high):
            written = bootstrap_mean(values[:, way, 1 + place], seed=found.seed)
            rows.append(
                row_of(
                    written, origin, quantity="slope, hand-written pair", unit=_UNIT, labels=about,
                    note=f"{' / '.join(each.high_level)}; over items",
                )
            )  # fmt: skip
        mean = bootstrap_mean(singles, seed=found.seed)
        rows.append(row_of(mean, origin, quantity="slope, single pairs", unit=_UNIT, labels=about, note="over pairs"))
        wrong = bootstrap_mean((singles <= 0.0).astype(np.float64), seed=found.seed)
        rows.append(
            row_of(
                wrong, origin, quantity="single pairs that steer the wrong way", unit="share", labels=about,
                note="over pairs",
            )
        )  # fmt: skip
    return rows


def _figure(found: Found) -> StudyFigure:
    spread = []
    for each in found.behaviours:
        values, n_high = slopes_of(found, each)
        mean = values.mean(axis=0)
        scale = float(np.sqrt((values[:, 0] ** 2).mean())) or 1.0
        spread.append(
            SpreadRow(each.name, mean[:, 1 + n_high :] / scale, mean[0, 0] / scale, mean[:, 1 : 1 + n_high] / scale)
        )
    drawing = draw_spread(spread, _WAYS)
    return StudyFigure(f"single_{file_name(found.label)}", "E24", f"One pair or many, {found.label}", drawing)
