"""E12: which vector changes the tone of a text, at equal fluency?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.icl.behaviours import Behaviour
from pysteer.studies.icl.figures import Path, draw_paths
from pysteer.studies.icl.found import Found, each_model, estimates, largest
from pysteer.studies.icl.means import mean_by_word, mean_known
from pysteer.studies.icl.plan import told_missing
from pysteer.studies.icl.rewriting import MEASURES, METHODS, MOST_SURPRISE
from pysteer.studies.icl.text_means import stratified_mean
from pysteer.studies.rows import Label, Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

UNITS = {
    "shift": "nats",
    "proxy": "0 to 1",
    "surprise": "nats per token",
    "n-gram entropy": "bits",
    "distinct-1": "different per word",
    "distinct-2": "different per word",
    "empty": "share",
}
SHOWN = ("shift", "proxy", "surprise", "n-gram entropy")
"""Measures of the short table."""
FUNCTION, IN_CONTEXT = METHODS


def _analyse(found: Found) -> Piece:
    rows = [row for each in found.material.behaviours for row in _strength_rows(found, each)]
    chosen = [row for each in found.material.behaviours for row in _chosen_rows(found, each)]
    shift, proxy = (advantage(found, measure) for measure in ("shift", "proxy"))
    random = above_random(found)
    tables = [
        ResultTable("equal_fluency", "E12", "At the chosen fluent setting: change by steering", tuple(chosen)),
        ResultTable("behaviour_differences", "E12", "All behaviours, in-context vector minus what it is compared with",
                    (shift, proxy, random)),
        ResultTable("behaviour_strengths", "E12", "Every strength, test texts", tuple(rows), is_folded=True),
    ]  # fmt: skip
    findings = [("C2.2a", shift), ("C2.2b", proxy), ("C2.2c", random)]
    figures = [_figure(found, each) for each in found.material.behaviours]
    return Piece(tables, findings, figures, {"E12": _notes(found)})


analyse_behaviours = each_model(_analyse)


def place_of(found: Found, each: Behaviour, method: str) -> int:
    """Return the column of a method's chosen strength; 0, the unsteered model, where none was fluent."""
    content = found.part(each.name, "rewritten").content
    strength = found.part(each.name, "strengths").content["chosen"][method]
    if strength is None:
        return 0
    if method == FUNCTION:
        return 1 + list(content["strengths"]).index(strength)
    return 1 + len(content["strengths"]) + list(content["alphas"]).index(strength)


def change(found: Found, each: Behaviour, measure: str, method: str) -> Float64Array:
    """Return how a measure changes at the method's chosen strength, (n_items,)."""
    values = found.part(each.name, "rewritten").arrays["found"][MEASURES.index(measure)]
    return np.asarray(values[:, place_of(found, each, method)] - values[:, 0], dtype=np.float64)


def random_change(found: Found, each: Behaviour, measure: str, method: str) -> Float64Array:
    """Return the same under each random direction, (n_items, n_random); NaN where no strength was chosen."""
    values = found.part(each.name, "random").arrays["found"][MEASURES.index(measure)][:, METHODS.index(method)]
    clean = found.part(each.name, "rewritten").arrays["found"][MEASURES.index(measure)][:, 0]
    return np.asarray(values - clean[:, None], dtype=np.float64)


def advantage(found: Found, measure: str) -> Row:
    """Return the change with the in-context vector minus that with the function vector, at equal fluency."""
    groups = [
        change(found, each, measure, IN_CONTEXT) - change(found, each, measure, FUNCTION)
        for each in found.material.behaviours
    ]
    return _over_behaviours(found, groups, measure, {"arm": IN_CONTEXT, "minus": FUNCTION})


def above_random(found: Found) -> Row:
    """Return the shift with the in-context vector minus that with random directions of the same norms.

    The directions are drawn in the interval, too: there are few of them.
    """
    groups = []
    for each in found.material.behaviours:
        random = random_change(found, each, "shift", IN_CONTEXT)
        own = change(found, each, "shift", IN_CONTEXT)[:, None]
        # Without a fluent strength neither is applied: no difference.
        groups.append(own - (random if np.isfinite(random).any() else np.zeros(random.shape)))
    return _over_behaviours(found, groups, "shift", {"arm": IN_CONTEXT, "minus": "random directions"})


def _over_behaviours(found: Found, groups: Sequence[Float64Array], measure: str, labels: Mapping[str, Label]) -> Row:
    """Return the mean over behaviours, with its interval from drawing text pairs inside each.

    Forms of one source hold the same pairs, and are averaged pair by pair first; then pairs that share something, such
    as the predicate of their sentences, are averaged, and count as one.

    Parameters
    ----------
    groups : sequence of float64, shape (n_items,) or (n_items, n_directions)
        One for each behaviour.
    """
    behaviours = found.material.behaviours
    about = {"model": found.label, **labels}
    quantity = f"{measure}, difference"
    by_source: dict[str, list[Float64Array]] = {}
    for each, values in zip(behaviours, groups, strict=True):
        by_source.setdefault(each.source, []).append(values)
    items = [mean_known(np.stack(forms), axis=0) for forms in by_source.values()]
    failures = sum(int(np.isnan(values.reshape(len(values), -1)).all(axis=1).sum()) for values in items)
    units = {each.source: each.units for each in behaviours}
    origin = _origin(found, behaviours)
    if not behaviours:
        reason = f"no behaviour fits: {told_missing(found.material.missing_behaviours)}"
        return no_number(origin, quantity, reason, unit=UNITS[measure], labels=about)
    try:
        interval = stratified_mean(
            [mean_by_word(values, units[source]) for source, values in zip(by_source, items, strict=True)],
            seed=found.seed,
        )
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit=UNITS[measure], failures=failures, labels=about)
    return row_of(interval, origin, quantity=quantity, unit=UNITS[measure], failures=failures, labels=about)


def _origin(found: Found, behaviours: Sequence[Behaviour]) -> Origin:
    return found.context.origin(found.model, joined_hash([each.test.content_hash for each in behaviours]))


def _mean(
    found: Found, each: Behaviour, values: Float64Array, quantity: str, unit: str, about: Mapping[str, Label]
) -> Row:
    origin, labels = _origin(found, [each]), {"model": found.label, "behaviour": each.name, **about}
    failures = int(np.isnan(values).sum())
    units = mean_by_word(values, each.units)
    known = units[np.isfinite(units)]
    try:
        interval = bootstrap_mean(known, seed=found.seed)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit=unit, failures=failures, labels=labels)
    return row_of(interval, origin, quantity=quantity, unit=unit, failures=failures, labels=labels)


def _strength_rows(found: Found, each: Behaviour) -> list[Row]:
    part = found.part(each.name, "rewritten")
    columns: list[tuple[str, float]] = [("none", 0.0)]
    columns += [(FUNCTION, float(c)) for c in part.content["strengths"]]
    columns += [(IN_CONTEXT, float(alpha)) for alpha in part.content["alphas"]]
    return [
        _mean(found, each, part.arrays["found"][index, :, place], measure, UNITS[measure],
              {"vector": vector, "strength": strength})
        for place, (vector, strength) in enumerate(columns)
        for index, measure in enumerate(MEASURES)
    ]  # fmt: skip


def _chosen_rows(found: Found, each: Behaviour) -> list[Row]:
    chosen = found.part(each.name, "strengths").content["chosen"]
    rows = []
    for method in METHODS:
        told = "none helps" if chosen[method] is None else f"{chosen[method]:g}"
        for measure in SHOWN:
            values = change(found, each, measure, method)
            rows.append(_mean(found, each, values, measure, UNITS[measure], {"vector": method, "strength": told}))
        if chosen[method] is not None:
            for measure in SHOWN:
                values = mean_known(random_change(found, each, measure, method), axis=1)
                about = {"vector": f"random, as the {method}", "strength": told}
                rows.append(_mean(found, each, values, measure, UNITS[measure], about))
    return rows


def _figure(found: Found, each: Behaviour) -> StudyFigure:
    """Return the change of preference against the change of surprise, over the strengths of both vectors."""
    part = found.part(each.name, "rewritten")
    shift, surprise = (part.arrays["found"][MEASURES.index(name)] for name in ("shift", "surprise"))
    paths, begin = [], 1
    for method, name in zip(METHODS, ("strengths", "alphas"), strict=True):
        strengths = [float(strength) for strength in part.content[name]]
        places = range(begin, begin + len(strengths))
        costs, gains = (
            [_mean(found, each, values[:, place] - values[:, 0], "change", "nats", {}) for place in places]
            for values in (surprise, shift)
        )
        paths.append(Path(method, strengths, estimates(costs), estimates(gains)))
        begin += len(strengths)
    drawing = draw_paths(
        paths,
        x_label="more surprise of the written text (nats per token)",
        y_label="shift towards the text after (nats)",
        bound=("fluent up to here", MOST_SURPRISE),
        caption=(
            f"Change against no steering, mean over {_told_units(each)} with 95 % intervals. Numbers at the "
            "points: multiples of the function vector, and alpha of the in-context vector. Up is wanted, right is "
            "paid. Close points have no number. Left of the line texts can still be repetitive: see entropy."
        ),
    )
    name = f"{file_name(each.name)}_{file_name(found.label)}"
    return StudyFigure(name, "E12", f"{each.name[:1].upper()}{each.name[1:]}, {found.label}", drawing)


def _notes(found: Found) -> list[str]:
    told = [_note(found, each) for each in found.material.behaviours]
    # Texts of the toxicity task would put insults into the report.
    shown = [_example(found, each) for each in found.material.behaviours if each.proxy != "toxicity"]
    if found.material.missing_behaviours:
        told.append(f"{found.label}: left out: {told_missing(found.material.missing_behaviours)}.")
    return [*told, *(text for text in shown if text)]


def _example(found: Found, each: Behaviour) -> str:
    """Return what was written for the first test text, at the chosen strengths; empty where nothing was kept."""
    texts = found.part(each.name, "rewritten").content["texts"]
    if not texts:
        return ""
    written = "; ".join(
        f"{name}: “{texts[0][place].strip()}”"
        for name, place in (
            ("without steering", 0),
            (FUNCTION, place_of(found, each, FUNCTION)),
            (IN_CONTEXT, place_of(found, each, IN_CONTEXT)),
        )
    )
    asked = " ".join(each.test[0].prompt.split())
    return f"{found.label}, {each.name}, the first test text. Asked: “{asked}”. Written, {' '.join(written.split())}"


def _told_units(each: Behaviour) -> str:
    """Return how many texts are tested, and how many of them are independent."""
    n = len(set(each.units))
    return f"{len(each.test)} test texts" + (f" in {n} independent groups" if n < len(each.test) else "")


def _note(found: Found, each: Behaviour) -> str:
    chosen = found.part(each.name, "strengths").content["chosen"]
    content = found.part(each.name, "rewritten").content
    tried = dict(zip(METHODS, (content["strengths"], content["alphas"]), strict=True))
    told = ", ".join(
        f"{method}: none"
        if chosen[method] is None
        else f"{method}: {chosen[method]:g}{largest(chosen[method], tried[method])}"
        for method in METHODS
    )
    before = float(
        mean_known(found.part(each.name, "rewritten").arrays["found"][MEASURES.index("proxy"), :, 0], axis=0)
    )
    left_out = (
        f" {each.n_left_out} pairs did not fit the context, or begin with a bare blank." if each.n_left_out else ""
    )
    return (
        f"{found.label}, {each.name}: {len(each.demonstrations())} pairs for the vectors (function vector from prompts "
        f"of {each.n_shots} examples), {len(each.valid)} to choose the strength, {_told_units(each)} to measure. "
        f"Chosen among the fluent settings, on the validation texts: {told}. Without steering the proxy of the written "
        f"texts is {before:.2f}; 1 is wanted.{left_out}"
        + found.left_out([(each.name, name) for name in ("tried", "rewritten", "random")])
    )
