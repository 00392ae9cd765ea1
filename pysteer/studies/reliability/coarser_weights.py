"""E09: what does quantising the model do to a vector, and to steerability?"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.steerability import slopes
from pysteer.report.estimates import Estimates
from pysteer.statistics import bootstrap_mean, bootstrap_ratio
from pysteer.studies.file_names import file_name
from pysteer.studies.reliability.figures import draw_bars
from pysteer.studies.reliability.found import AT, Found
from pysteer.studies.reliability.plan import name_of
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_FLOATS = ("F32", "F16", "BF16", "all F32")
_WANTED = {"C1.8a": ("Q8_0", "cosine"), "C1.8b": ("Q4_0", "cosine"), "C1.8c": ("Q4_0", "change of steerability")}


def analyse_weights(models: list[Found]) -> Piece:
    """Cosine between the vectors of the file given and of coarser ones, and the relative change of steerability."""
    rows: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        mine = [row for kind in _types(found) for row in _rows(found, kind)]
        rows += mine
        findings += [(claim, _finding(found, mine, *wanted)) for claim, wanted in _WANTED.items()]
        if mine:
            figures.append(_figure(found, mine))
        own = found.model.loaded.quantisation
        notes.append(
            f"{found.label} is {own}."
            + (
                ""
                if own in _FLOATS
                else " Its weights had been quantised before and were quantised once more, which loses more than doing "
                "it once from the original, and says nothing about the step to the file that was given."
            )
        )
    table = ResultTable("coarser_weights", "E09", "Coarser weights against the file given", tuple(rows))
    return Piece([table], findings, figures, {"E09": notes})


def _types(found: Found) -> list[str]:
    """Return the weight types for which there are results, in the order of the preset."""
    first = found.questionnaires[0]
    return [kind for kind in found.sizes.quantisations if name_of(found.model, first.name, kind) in found.results]


def _rows(found: Found, kind: str) -> list[Row]:
    chosen = found.questionnaires[: found.sizes.n_quantised_questionnaires]
    parts = [found.part(each, kind) for each in chosen]
    file_hash = str(parts[0].content["file_hash"])
    origin = Origin(
        found.seed, joined_hash([found.model.hash, file_hash]), joined_hash([each.test.content_hash for each in chosen])
    )
    megabytes = float(parts[0].content["file_bytes"]) / 1e6
    about = {"model": found.label, "weights": kind}
    cosines = [
        cosine(found.part(each, "vectors").arrays["mean"][0], part.arrays["direction"])
        for each, part in zip(chosen, parts, strict=True)
    ]
    before = np.array([slopes(AT, found.propensities(each)).mean() for each in chosen])
    own, original = (np.array([slopes(AT, part.arrays["propensities"][:, k]).mean() for part in parts]) for k in (0, 1))
    note = f"file of {megabytes:.1f} MB"
    rows = [row_of(bootstrap_mean(cosines, seed=found.seed), origin, quantity="cosine", note=note, labels=about)]
    for quantity, after in (
        ("change of steerability", own),
        ("change with the given vector", original),
    ):
        try:
            interval = bootstrap_ratio(after - before, before, is_paired=True, seed=found.seed)
            rows.append(row_of(interval, origin, quantity=quantity, unit="ratio", labels=about))
        except MeasurementError as error:
            rows.append(no_number(origin, quantity, str(error), n=len(chosen), unit="ratio", labels=about))
    return rows


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of two vectors."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _finding(found: Found, rows: list[Row], kind: str, quantity: str) -> Row:
    for row in rows:
        if row.labels["weights"] == kind and row.quantity == quantity:
            return row
    own = f"{kind} itself" if found.model.loaded.quantisation == kind else "no finer"
    reason = f"{kind} was not computed: this preset leaves it out, or the file given is {own}"
    return no_number(found.origin(), quantity, reason, labels={"model": found.label})


def _figure(found: Found, rows: list[Row]) -> StudyFigure:
    kinds = list(dict.fromkeys(str(row.labels["weights"]) for row in rows))
    quantities = list(dict.fromkeys(row.quantity for row in rows))
    at = {(str(row.labels["weights"]), row.quantity): row for row in rows}
    table = [[at[kind, quantity] for quantity in quantities] for kind in kinds]
    values = Estimates(
        [[row.value for row in line] for line in table],
        [[row.low for row in line] for line in table],
        [[row.high for row in line] for line in table],
    )
    drawing = draw_bars(
        kinds,
        quantities,
        values,
        y_label="cosine, or relative change",
        caption=(
            f"Mean over {rows[0].n} questionnaires with 95 % intervals. Cosine: between the vector of the file given "
            "and that of the coarser model; 1 is the same direction. Change of steerability: relative to the file "
            "given, "
            "with the coarser model's own vector, and with the vector of the file given."
        ),
    )
    return StudyFigure(f"coarser_weights_{file_name(found.label)}", "E09", f"Coarser weights, {found.label}", drawing)
