"""E21: how many contrast pairs does a vector need?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.measurements.measured import About
from pysteer.metrics.sample_efficiency import crossing, expected_cosine, noise_ratio
from pysteer.statistics import bootstrap_mean, slope
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.figures import SizeCurve, draw_sizes, file_name
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, bootstrap_nested, pooled_row
from pysteer.studies.mechanisms.sizes import SWEEP_STRENGTHS
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

COSINE = 0.95
"""Of a vector with the true direction, from which on more pairs add little."""
EFFECT = 0.95
"""Share of the effect of all pairs, likewise."""
_UNIT = "nats per unit of strength"


def analyse_numbers(models: list[Found]) -> Piece:
    """Cosine and effect by number of pairs, measured and predicted knees."""
    rows: list[Row] = []
    knees: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        for each in found.behaviours:
            rows += _rows(found, each)
        mine = {each.name: predicted_row(found, each) for each in found.behaviours}
        knees += [row for each in found.behaviours for row in (mine[each.name], measured_row(found, each))]
        findings += [
            ("C3.2a", _effect_knee(found)),
            ("C3.2b", _median_knee(found, list(mine.values()))),
            ("C3.2c", _agreement(found)),
        ]
        figures.append(_figure(found))
        notes += _censored_note(found)
    return Piece(
        [
            ResultTable("knees", "E21", "Pairs from which on more add little", tuple(knees)),
            ResultTable("pairs", "E21", "Cosine and effect by number of pairs", tuple(rows), is_folded=True),
        ],
        findings,
        figures,
        {"E21": notes},
    )


@lru_cache(maxsize=256)
def effects(found: Found, each: Behaviour) -> tuple[Float64Array, Float64Array]:
    """Return the slope of every item: from subsets, (n_items, 2, n_repeats, n_sizes), and from all pairs, (n_items,).

    The second axis: vectors as extracted, and scaled to the norm of the vector of all pairs.
    """
    return slope(SWEEP_STRENGTHS, found.part(each, "subsets").arrays["propensities"]), found.whole_slopes(each)


def knee_of(found: Found, each: Behaviour, items: Indices | None = None, repeats: Indices | None = None) -> float:
    """Return the pairs at which the norm-matched effect reaches `EFFECT` of that of all pairs.

    NaN where it does not, where all pairs have no effect, or where that is above half of the pairs there are: such
    subsets are largely the whole.
    """
    subsets, whole = effects(found, each)
    content = found.part(each, "subsets").content
    chosen = np.arange(len(whole)) if items is None else items
    drawn = np.arange(subsets.shape[2]) if repeats is None else repeats
    curve = subsets[chosen, 1][:, drawn].mean(axis=(0, 1))
    full = float(whole[chosen].mean())
    if full <= 0.0:
        return float("nan")
    knee = crossing([*content["sizes"], content["n_pairs"]], np.append(curve, full), EFFECT * full)
    return knee if knee <= content["n_pairs"] / 2 else float("nan")


def measured_row(found: Found, each: Behaviour) -> Row:
    """Return the measured knee of the effect, with its interval from drawing items and orders of the pairs."""
    quantity, about = "pairs, measured by the effect", {"model": found.label, "behaviour": each.name}
    subsets, _ = effects(found, each)
    if each not in found.steered:
        return no_number(found.origin(each), quantity, "it is not steered", unit="contrast pairs", labels=about)

    def knee(items: Indices, repeats: Indices) -> float:
        return knee_of(found, each, items, repeats)

    return pooled_row(
        lambda: bootstrap_crossed(knee, subsets.shape[0], subsets.shape[2], seed=found.seed, n_resamples=500),
        found.origin(each),
        quantity,
        unit="contrast pairs",
        labels=about,
    )


def predicted_row(found: Found, each: Behaviour) -> Row:
    """Return the number of pairs at which the cosine with the true direction reaches `COSINE`, from their scatter."""
    deltas = found.part(each, "vectors").arrays["deltas"]
    score = About(seed=found.seed).metric("predicted_knee", deltas=deltas)
    labels = {"model": found.label, "behaviour": each.name}
    return row_of(score, found.train_origin(each), quantity="pairs, predicted from the scatter", labels=labels)


def _effect_knee(found: Found) -> Row:
    """Return the geometric mean of the measured knees of behaviours that steer; items and orders are drawn, too."""
    steered = [each for each in found.steered if np.isfinite(knee_of(found, each))]
    shapes = [effects(found, each)[0].shape for each in steered]

    def mean(chosen: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        knees = [knee_of(found, steered[index], *drawn) for index, drawn in zip(chosen, items, strict=True)]
        known = [knee for knee in knees if np.isfinite(knee)]
        return float(np.exp(np.mean(np.log(known)))) if known else float("nan")

    quantity, about = "pairs at 95 % of the effect, geometric mean", {"model": found.label}
    if not steered:
        reason = "no behaviour is steered with a knee below half of its pairs"
        return no_number(found.origin(), quantity, reason, unit="contrast pairs", labels=about)
    return pooled_row(
        lambda: bootstrap_nested(mean, [(shape[0], shape[2]) for shape in shapes], seed=found.seed, n_resamples=500),
        found.origin(*steered),
        quantity,
        unit="contrast pairs",
        labels=about,
    )


def _median_knee(found: Found, rows: Sequence[Row]) -> Row:
    known = np.array([row.value for row in rows if np.isfinite(row.value)])
    quantity, about = f"pairs at a cosine of {COSINE:g}, predicted, median", {"model": found.label}
    if known.size < 2:
        reason = "fewer than two behaviours' pairs have a common direction"
        return no_number(found.origin(), quantity, reason, unit="contrast pairs", labels=about)

    def median(chosen: Sequence[int], items: object) -> float:
        return float(np.median(known[list(chosen)]))

    interval = bootstrap_nested(median, [[2]] * known.size, seed=found.seed)
    return row_of(
        interval, found.origin(), quantity=quantity, unit="contrast pairs", labels=about,
        failures=len(rows) - known.size,
    )  # fmt: skip


def predicted_cosines(found: Found, each: Behaviour) -> Float64Array | None:
    """Return the predicted cosine of subsets with the vector of all pairs, by size; None without a common direction."""
    deltas, content = found.part(each, "vectors").arrays["deltas"], found.part(each, "subsets").content
    try:
        ratio = noise_ratio(deltas)
    except MeasurementError:
        return None
    predicted: Float64Array = expected_cosine(content["sizes"], ratio) * np.sqrt(1.0 + ratio / content["n_pairs"])
    return predicted


def _agreement(found: Found) -> Row:
    """Return the largest difference between measured and predicted cosines, mean over behaviours."""
    gaps = []
    for each in found.behaviours:
        predicted = predicted_cosines(found, each)
        if predicted is not None:
            cosines = found.part(each, "subsets").arrays["cosines"].mean(axis=0)
            gaps.append(float(np.abs(cosines - predicted).max()))
    return pooled_row(
        lambda: bootstrap_mean(gaps, seed=found.seed),
        found.origin(),
        "largest difference of measured and predicted cosine",
        unit="cosine",
        labels={"model": found.label},
    )


def _rows(found: Found, each: Behaviour) -> list[Row]:
    result, (subsets, whole) = found.part(each, "subsets"), effects(found, each)
    predicted, rows = predicted_cosines(found, each), []
    for place, n in enumerate(result.content["sizes"]):
        labels: dict[str, str | int] = {"model": found.label, "behaviour": each.name, "pairs": int(n)}
        for quantity, values, unit in (
            ("cosine with the vector of all pairs", result.arrays["cosines"][:, place], "cosine"),
            ("slope, as extracted", subsets[:, 0, :, place].mean(axis=0), _UNIT),
            ("slope, norm of all pairs", subsets[:, 1, :, place].mean(axis=0), _UNIT),
            ("norm", result.arrays["norms"][:, place], "residual-stream units"),
        ):
            interval = bootstrap_mean(values, seed=found.seed, n_resamples=2000)
            note = "interval over random orders of the pairs"
            if quantity.startswith("cosine") and predicted is not None:
                note += f"; predicted {predicted[place]:.4f}"
            rows.append(row_of(interval, found.origin(each), quantity=quantity, unit=unit, labels=labels, note=note))
    labels = {"model": found.label, "behaviour": each.name, "pairs": int(result.content["n_pairs"])}
    interval = bootstrap_mean(whole, seed=found.seed)
    rows.append(
        row_of(interval, found.origin(each), quantity="slope, all pairs", unit=_UNIT, labels=labels, note="over items")
    )
    return rows


def _figure(found: Found) -> StudyFigure:
    steered, curves = found.steered, []
    for each in found.behaviours:
        result, (subsets, whole) = found.part(each, "subsets"), effects(found, each)
        full = float(whole.mean())
        relative = subsets[:, 1].mean(axis=0) / full if each in steered else None  # (n_repeats, n_sizes)
        raw = subsets[:, 0].mean(axis=0) / full if each in steered else None
        predicted = predicted_cosines(found, each)
        knee = predicted_row(found, each).value
        curves.append(
            SizeCurve(each.name, result.content["sizes"], result.arrays["cosines"], predicted, relative, raw, knee)
        )
    drawing = draw_sizes(curves, target=COSINE, effect=EFFECT)
    return StudyFigure(f"pairs_{file_name(found.label)}", "E21", f"How many pairs, {found.label}", drawing)


def _censored_note(found: Found) -> list[str]:
    steered = found.steered
    late = [each.name for each in steered if not np.isfinite(knee_of(found, each))]
    told = [
        f"{found.label}: {len(steered)} of {len(found.behaviours)} behaviours are steered (slope on validation items "
        "above 0 with its whole interval)" + (f": {', '.join(each.name for each in steered)}." if steered else ".")
    ]
    if late:
        told.append(f"{found.label}: no knee below half of the pairs: {', '.join(late)}.")
    return told
