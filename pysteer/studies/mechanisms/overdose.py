"""E20: moderate strengths work, large ones break what the model writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.batch_generation import TOO_LONG
from pysteer.measurements.measured import About
from pysteer.metrics.text_checks import n_grams, words
from pysteer.score import Score
from pysteer.statistics import bootstrap_datasets, wilson_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.corpora import prompts
from pysteer.studies.mechanisms.figures import DoseCurve, draw_doses
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, pooled_row
from pysteer.studies.mechanisms.sizes import MODERATE, OVERDOSE
from pysteer.studies.rows import Label, Origin, ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

SURPRISING = 1.0
"""Nats per token above the mean of unsteered texts: a text above that is broken."""
REPEATING = 0.5
"""Share of groups of four words that occurred before: a text with that is broken."""
_MOST = OVERDOSE[-1]


def analyse_overdose(models: list[Found]) -> Piece:
    """Share of items that move the right way, and of broken texts, over strength."""
    rows: list[Row] = []
    findings, figures = [], []
    for found in models:
        for each in found.behaviours:
            rows += _rows(found, each)
        findings += [("C3.7a", _works(found)), ("C3.7b", _stays_whole(found)), ("C3.7c", _breaks(found))]
        figures.append(_figure(found))
    examples = {"E20": [note for found in models for note in (*_examples(found), *_stop_notes(found))]}
    table = ResultTable("overdose", "E20", "Effect and broken texts over strength", tuple(rows), is_folded=True)
    return Piece([table], findings, figures, examples)


def right_way(found: Found, each: Behaviour, strength: float) -> Float64Array:
    """Return 1 for test items whose propensity a strength raises, else 0; one half where it stays, (n_items,)."""
    change = found.propensities(each, strength) - found.propensities(each, 0.0)
    return np.asarray((np.sign(change) + 1.0) / 2.0, dtype=np.float64)


def broken(found: Found, each: Behaviour) -> Float64Array:
    """Return 1 for broken texts, else 0, (n_prompts, n_strengths); NaN where the prompt left no room for a text."""
    result = found.part(each, "texts")
    surprise = result.arrays["surprise"]
    is_odd = surprise > _mean_known(surprise[:, OVERDOSE.index(0.0)]) + SURPRISING
    is_empty = result.arrays["n_tokens"] == 0.0
    is_broken = is_odd | is_empty | (repetitions(found, each) >= REPEATING)
    return np.where(_stopped(found, each, TOO_LONG), np.nan, is_broken.astype(np.float64))


def _stopped(found: Found, each: Behaviour, reason: str) -> npt.NDArray[np.bool_]:
    """Return which texts ended for a reason, (n_prompts, n_strengths)."""
    return np.asarray(np.array(found.part(each, "texts").content["stops"]) == reason, dtype=np.bool_)


def _mean_known(values: Float64Array) -> float:
    """Return the mean of numbers that are not NaN; NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def repetitions(found: Found, each: Behaviour) -> Float64Array:
    """Return the share of repeated groups of four words, NaN for texts of fewer words, (n_prompts, n_strengths)."""
    texts = found.part(each, "texts").content["texts"]
    return np.array([[_repeated(text) for text in row] for row in texts], dtype=np.float64)


def _repeated(text: str) -> float:
    grams = n_grams(words(text), 4)
    return 1.0 - len(set(grams)) / len(grams) if grams else np.nan


def _works(found: Found) -> Row:
    moved = [right_way(found, each, MODERATE) for each in found.behaviours]
    return pooled_row(
        lambda: bootstrap_datasets(moved, seed=found.seed),
        found.origin(),
        f"items moved the right way at {MODERATE:g}",
        unit="share",
        labels={"model": found.label},
    )


def _stays_whole(found: Found) -> Row:
    tables = [broken(found, each) for each in found.steered]
    change = [table[:, OVERDOSE.index(MODERATE)] - table[:, OVERDOSE.index(0.0)] for table in tables]
    return _over_texts(found, change, f"broken texts at {MODERATE:g} minus those without steering")


def _breaks(found: Found) -> Row:
    return _over_texts(found, [broken(found, each)[:, -1] for each in found.steered], f"broken texts at {_MOST:g}")


def _over_texts(found: Found, rows: Sequence[Float64Array], quantity: str) -> Row:
    """Return the mean over behaviours, each (n_prompts,); they answer the same prompts."""
    if not rows:
        reason, about = "no behaviour is steered", {"model": found.label}
        return no_number(prompt_origin(found), quantity, reason, unit="share", labels=about)
    table = np.stack(rows)
    known = np.isfinite(table).all(axis=0)
    table, n_failed = table[:, known], int((~known).sum())
    if table.shape[1] < 2:
        reason = f"{table.shape[1]} of {known.size} prompts leave room for a text in the model's context; it takes two"
        about = {"model": found.label}
        return no_number(prompt_origin(found), quantity, reason, unit="share", labels=about, failures=n_failed)

    def mean(behaviours: Indices, asked: Indices) -> float:
        return float(table[behaviours][:, asked].mean())

    return pooled_row(
        lambda: bootstrap_crossed(mean, *table.shape, seed=found.seed),
        prompt_origin(found),
        quantity,
        unit="share",
        labels={"model": found.label},
        failures=n_failed,
    )


def prompt_origin(found: Found) -> Origin:
    """Return seed and hashes for numbers on the prompts of everyday talk."""
    asked = prompts(is_embedded=found.material.is_embedded, n=found.sizes.n_prompts)
    return found.context.origin(found.model, asked.content_hash)


def _rows(found: Found, each: Behaviour) -> list[Row]:
    result, bad, repeated = found.part(each, "texts"), broken(found, each), repetitions(found, each)
    origin, about = prompt_origin(found), About(seed=found.seed)
    rows = []
    for place, strength in enumerate(OVERDOSE):
        labels: dict[str, Label] = {"model": found.label, "behaviour": each.name, "strength": strength}
        surprise = result.arrays["surprise"]
        scores = [
            about.mean(
                "surprise_change", surprise[:, place] - surprise[:, OVERDOSE.index(0.0)], unit="nats per token",
                better="lower",
            ),
            about.mean("repetition", repeated[:, place], unit="share of 4-grams", better="lower"),
        ]  # fmt: skip
        if strength:
            moved = right_way(found, each, strength)
            scores.insert(0, about.mean("items moved the right way", moved, unit="share", better="higher"))
        rows += [
            row_of(score, found.origin(each) if score.name.startswith("items") else origin, labels=labels)
            for score in scores
        ]
        rows.append(_broken_row(bad[:, place], origin, labels))
    # Behind the first strength that breaks all texts nothing is left to fall, and the fitted line would be wrong.
    known = bad[np.isfinite(bad).all(axis=1)]
    gone = np.flatnonzero((known == 1.0).all(axis=0))
    last = int(gone[0]) + 1 if gone.size and gone[0] >= 3 else len(OVERDOSE)
    onset = about.metric("over_steering_onset", coefficients=OVERDOSE[:last], capabilities=1.0 - known[:, :last])
    note = f"on strengths up to {OVERDOSE[last - 1]:g}" if isinstance(onset, Score) else ""
    about_each = {"model": found.label, "behaviour": each.name}
    rows.append(row_of(onset, origin, labels=about_each, note=note, failures=len(bad) - len(known)))
    return rows


def _broken_row(bad: Float64Array, origin: Origin, labels: Mapping[str, Label]) -> Row:
    """Return the share of broken texts at one strength, of those that could be written, from (n_prompts,)."""
    known = bad[np.isfinite(bad)]
    n_failed = len(bad) - len(known)
    if not known.size:
        reason = "no prompt leaves room for a text in the model's context"
        return no_number(origin, "broken texts", reason, unit="share", labels=labels, failures=n_failed)
    interval = wilson_interval(int(known.sum()), len(known))
    return row_of(interval, origin, quantity="broken texts", unit="share", labels=labels, failures=n_failed)


def _figure(found: Found) -> StudyFigure:
    curves = [
        DoseCurve(
            each.name,
            np.array([right_way(found, each, strength).mean() if strength else np.nan for strength in OVERDOSE]),
            np.array([_mean_known(column) for column in broken(found, each).T]),
        )
        for each in found.behaviours
    ]
    steered = {each.name for each in found.steered}
    n_prompts = int(np.isfinite(broken(found, found.behaviours[0])).all(axis=1).sum())
    drawing = draw_doses(OVERDOSE, curves, steered, n_prompts=n_prompts)
    return StudyFigure(f"overdose_{file_name(found.label)}", "E20", f"Too much of a vector, {found.label}", drawing)


def _examples(found: Found) -> list[str]:
    """Return one prompt's texts at four strengths, under the vector of the first behaviour."""
    each = found.behaviours[0]
    result = found.part(each, "texts")
    asked = prompts(is_embedded=found.material.is_embedded, n=found.sizes.n_prompts)
    chosen = (0.0, MODERATE, OVERDOSE[-2], _MOST)
    told = [
        f"{strength:g}: \u201c{_short(result.content['texts'][0][OVERDOSE.index(strength)])}\u201d"
        for strength in chosen
    ]
    return [f"{found.label}, {each.name}, \u201c{next(iter(asked))}\u201d at strength " + "; at ".join(told) + "."]


def _stop_notes(found: Found) -> list[str]:
    """Return how many prompts left no room for a text, and how many texts ended at the model's context."""
    told = []
    without = _stopped(found, found.behaviours[0], TOO_LONG).all(axis=1)  # the same prompts under every vector
    if without.any():
        told.append(
            f"{found.label}: {int(without.sum())} of {without.size} prompts leave no room for a text in the model's "
            "context; they are left out, and counted as failures."
        )
    tables = [_stopped(found, each, "context") for each in found.behaviours]
    if any(table.any() for table in tables):
        n_cut, n_texts = sum(int(table.sum()) for table in tables), sum(table.size for table in tables)
        told.append(f"{found.label}: {n_cut} of {n_texts} texts end at the model's context, before their full length.")
    return told


def _short(text: str, limit: int = 140) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"
