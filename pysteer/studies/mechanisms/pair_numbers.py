"""E21: how many contrast pairs does a vector need?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.measurements.measured import About
from pysteer.metrics.sample_efficiency import expected_cosine, noise_ratio
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.declared import KNEE
from pysteer.studies.mechanisms.figures import SizeCurve, draw_sizes
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.knees import EFFECT, PAIRS, decides, effect_knee, effects, knee_of, measured_row
from pysteer.studies.mechanisms.pooling import bootstrap_nested, pooled_row
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

COSINE = 0.95
"""Of a vector with the true direction, from which on more pairs add little."""
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
            ("C3.2a", effect_knee(found)),
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


def predicted_row(found: Found, each: Behaviour) -> Row:
    """Return the number of pairs at which the cosine with the true direction reaches `COSINE`, from their scatter."""
    deltas = found.part(each, "vectors").arrays["deltas"]
    score = About(seed=found.seed).metric("predicted_knee", deltas=deltas)
    labels = {"model": found.label, "behaviour": each.name}
    return row_of(score, found.train_origin(each), quantity="pairs, predicted from the scatter", labels=labels)


def _median_knee(found: Found, rows: Sequence[Row]) -> Row:
    known = np.array([row.value for row in rows if np.isfinite(row.value)])
    quantity, about = f"pairs at a cosine of {COSINE:g}, predicted, median", {"model": found.label}
    if known.size < 2:
        reason = "fewer than two behaviours' pairs have a common direction"
        return no_number(found.train_origin(), quantity, reason, unit=PAIRS, labels=about)

    def median(chosen: Sequence[int], items: object) -> float:
        return float(np.median(known[list(chosen)]))

    interval = bootstrap_nested(median, [[2]] * known.size, seed=found.seed)
    return row_of(
        interval, found.train_origin(), quantity=quantity, unit=PAIRS, labels=about,
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
    gaps, without = [], []
    for each in found.behaviours:
        predicted = predicted_cosines(found, each)
        if predicted is None:
            without.append(each.name)
        else:
            cosines = found.part(each, "subsets").arrays["cosines"].mean(axis=0)
            gaps.append(float(np.abs(cosines - predicted).max()))
    return pooled_row(
        lambda: bootstrap_mean(gaps, seed=found.seed),
        found.train_origin(),
        "largest difference of measured and predicted cosine",
        unit="cosine",
        labels={"model": found.label},
        note=f"no prediction, as the pairs have no common direction: {', '.join(without)}" if without else "",
        failures=len(without),
    )


def _rows(found: Found, each: Behaviour) -> list[Row]:
    result, (subsets, whole) = found.part(each, "subsets"), effects(found, each)
    predicted, rows = predicted_cosines(found, each), []
    for place, n in enumerate(result.content["sizes"]):
        labels: dict[str, str | int] = {"model": found.label, "behaviour": each.name, "pairs": int(n)}
        items, pairs = found.repeat_origin(each), found.train_origin(each)
        for quantity, values, unit, origin in (
            ("cosine with the vector of all pairs", result.arrays["cosines"][:, place], "cosine", pairs),
            ("slope, as extracted", subsets[:, 0, :, place].mean(axis=0), _UNIT, items),
            ("slope, norm of all pairs", subsets[:, 1, :, place].mean(axis=0), _UNIT, items),
            ("norm", result.arrays["norms"][:, place], "residual-stream units", pairs),
        ):
            interval = bootstrap_mean(values, seed=found.seed, n_resamples=2000)
            note = "interval over random orders of the pairs"
            if quantity.startswith("cosine") and predicted is not None:
                note += f"; predicted {predicted[place]:.4f}"
            rows.append(row_of(interval, origin, quantity=quantity, unit=unit, labels=labels, note=note))
    labels = {"model": found.label, "behaviour": each.name, "pairs": int(result.content["n_pairs"])}
    interval = bootstrap_mean(whole, seed=found.seed)
    origin = found.repeat_origin(each)
    rows.append(row_of(interval, origin, quantity="slope, all pairs", unit=_UNIT, labels=labels, note="over items"))
    return rows


def _figure(found: Found) -> StudyFigure:
    steered, curves = found.steered, []
    for each in found.behaviours:
        result, (subsets, whole) = found.part(each, "subsets"), effects(found, each)
        full = float(whole.mean())
        has_effect = each in steered and full > 0.0
        relative = subsets[:, 1].mean(axis=0) / full if has_effect else None  # (n_repeats, n_sizes)
        raw = subsets[:, 0].mean(axis=0) / full if has_effect else None
        predicted = predicted_cosines(found, each)
        knee = predicted_row(found, each).value
        curves.append(
            SizeCurve(each.name, result.content["sizes"], result.arrays["cosines"], predicted, relative, raw, knee)
        )
    drawing = draw_sizes(curves, target=COSINE, effect=EFFECT)
    return StudyFigure(f"pairs_{file_name(found.label)}", "E21", f"How many pairs, {found.label}", drawing)


def _censored_note(found: Found) -> list[str]:
    """Return which behaviours are steered, and which of these have no knee, or decide nothing, and why."""
    steered = found.steered
    told = [
        f"{found.label}: {len(steered)} of {len(found.behaviours)} behaviours are steered (slope on validation items "
        "above 0 with its whole interval)" + (f": {', '.join(each.name for each in steered)}." if steered else ".")
    ]
    knees = {each: knee_of(found, each) for each in steered}
    for reason, those in (
        (
            "all pairs have no effect on these items, so there is no knee",
            [one for one in knees if np.isnan(knees[one])],
        ),
        ("no knee below half of the pairs", [one for one in knees if np.isinf(knees[one])]),
        (
            f"fewer than {2 * KNEE[1]:g} pairs, so that their knees decide nothing",
            [one for one in knees if not decides(found, one)],
        ),
    ):
        if those:
            told.append(f"{found.label}: {reason}: {', '.join(each.name for each in those)}.")
    return told
