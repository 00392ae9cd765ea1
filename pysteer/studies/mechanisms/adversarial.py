"""E23: do adversarial inputs reverse the steered behaviour?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.report.estimates import number
from pysteer.statistics import bootstrap_mean, wilson_interval
from pysteer.studies.mechanisms.adversarial_figure import front_figure, progress_figure, resistance_figure
from pysteer.studies.mechanisms.adversarial_found import KINDS, NAMES, Sides, Tested, all_tested, crossed, of_rank
from pysteer.studies.mechanisms.adversarial_plan import part_name
from pysteer.studies.mechanisms.adversarial_planted import planted_notes, planted_table
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.rows import Label, Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece

_NATS, _PER_TOKEN, _SHARE = "nats", "nats per token", "share"
_SHOWN = ("reversal", "items reversed", "cross-entropy")
_FOLDED = ("preference, steered", "preference, unsteered", "effect of steering")


def analyse_adversarial(models: list[Found]) -> Piece:
    """Found strings against none, natural, random and sampled ones; rates; curves; coarser weights; planted truths."""
    shown: list[Row] = []
    folded: list[Row] = []
    strings: list[Row] = []
    resistance: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        every, reasons = all_tested(found)
        notes += [f"{found.label}: {reason}; nothing was searched for it." for reason in reasons]
        for one in every:
            shown += [row for kind in KINDS for row in _kind_rows(found, one, kind, _SHOWN)]
            shown += _rates(found, one)
            folded += [row for kind in KINDS for row in _kind_rows(found, one, kind, _FOLDED)]
            strings += _string_rows(found, one)
            figures += [front_figure(found, one), progress_figure(found, one)]
            notes.append(_in_words(found, one))
        findings += _findings(found, every, reasons)
        resistance += _resistance(found, every)
        notes += planted_notes(found, every)
    if len({(row.labels["model"], row.labels["weights"]) for row in resistance}) < 2:
        resistance = []
        notes.append("How resistance goes with the size of a model needs several files: give --model several times.")
    drawn = resistance_figure(resistance)
    tables = [
        ResultTable("adversarial", "E23", "What strings do to steered models, on held-out items", tuple(shown)),
        ResultTable("adversarial_preferences", "E23", "Preferences with and without steering", tuple(folded), True),
        ResultTable("adversarial_strings", "E23", "The strings that were found", tuple(strings), True),
        ResultTable("adversarial_resistance", "E23", "Reversal at equal budget by weights", tuple(resistance)),
        planted_table(models),
    ]
    return Piece(
        [table for table in tables if table.rows], findings, [*figures, *([drawn] if drawn else [])], {"E23": notes}
    )


def sides_of(one: Tested, kind: str, quantity: str) -> Sides:
    """Return the numbers of a quantity for strings of a kind, by string and item."""
    found = {
        "reversal": one.reversal,
        "items reversed": one.flipped,
        "cross-entropy": lambda which: one.of(which, one.cross_entropy),
        "preference, steered": one.preference,
        "preference, unsteered": lambda which: one.preference(which, is_steered=False),
        "effect of steering": one.effect,
    }
    return found[quantity](kind), None


def _kind_rows(found: Found, one: Tested, kind: str, quantities: Sequence[str]) -> list[Row]:
    about = {**_about(found, one), "string": NAMES[kind]}
    rows = []
    for quantity in quantities:
        if kind not in one.kinds or (kind == "none" and quantity in _SHOWN):
            continue
        unit = {"items reversed": _SHARE, "cross-entropy": _PER_TOKEN}.get(quantity, _NATS)
        rows.append(_crossed_row(found, [one], [sides_of(one, kind, quantity)], quantity, unit, about))
    return rows


def _crossed_row(
    found: Found,
    every: Sequence[Tested],
    sides: Sequence[Sides],
    quantity: str,
    unit: str,
    about: Mapping[str, Label],
    note: str = "",
) -> Row:
    origin = _origin(found, every)
    try:
        return row_of(crossed(sides, seed=found.seed), origin, quantity=quantity, unit=unit, labels=about, note=note)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit=unit, labels=about)


def _rates(found: Found, one: Tested) -> list[Row]:
    """Return the shares of searches whose string reverses the steered behaviour, or takes away what steering adds."""
    preferences = one.preference("found").mean(axis=1)
    before = float(one.preference("none", is_steered=False).mean())
    about = {**_about(found, one), "string": NAMES["found"]}
    note = f"{one.n_measured} strings measured by each search"
    rows = []
    for quantity, reached in (
        ("searches that reverse", preferences < 0.0),
        ("searches that reach the unsteered preference", preferences < before),
    ):
        interval = wilson_interval(int(reached.sum()), reached.size)
        rows.append(row_of(interval, _origin(found, [one]), quantity=quantity, unit=_SHARE, note=note, labels=about))
    return rows


def _string_rows(found: Found, one: Tested) -> list[Row]:
    """Return the reversal of each string that was found, or is on the way to natural text; intervals over items."""
    rows = []
    for kind in ("found", "typed", "plain", "front", "sampled"):
        texts = [text for text, each in zip(one.texts, one.kinds, strict=True) if each == kind]
        restarts = [restart for restart, each in zip(one.restarts, one.kinds, strict=True) if each == kind]
        surprise = one.of(kind, one.cross_entropy).mean(axis=1)
        for text, restart, values, nats in zip(texts, restarts, one.reversal(kind), surprise, strict=True):
            about: dict[str, Label] = {
                **_about(found, one),
                "kind": NAMES[kind],
                "search": restart + 1,
                "string": repr(text),
            }
            note = f"cross-entropy {nats:.1f} nats per token"
            rows.append(
                row_of(
                    bootstrap_mean(values, seed=found.seed), _origin(found, [one]), quantity="reversal", unit=_NATS,
                    note=note, labels=about,
                )
            )  # fmt: skip
    return rows


def _findings(found: Found, every: Sequence[Tested], skipped: Sequence[str]) -> list[tuple[str, Row]]:
    about = {"model": found.label, "behaviours": ", ".join(one.behaviour for one in every)}
    note = "; ".join(doubt for one in every if (doubt := one.doubt()) is not None)
    wanted: dict[str, tuple[str, str, Callable[[Tested], Sides]]] = {
        "C3.3a": ("reversal, found minus random", _NATS, lambda one: (one.reversal("found"), one.reversal("random"))),
        "C3.3b": (
            "cross-entropy, found minus ordinary text",
            _PER_TOKEN,
            lambda one: (one.of("found", one.cross_entropy), one.of("natural", one.cross_entropy)),
        ),
        "C3.3c": ("preference for the opposite answer", _NATS, lambda one: (-one.preference("found"), None)),
        "C3.3d": (
            "reversal, found minus best of as many random",
            _NATS,
            lambda one: (one.reversal("found"), one.reversal("sampled")),
        ),
        "C3.3e": (
            "effect of steering, with a found string minus without",
            _NATS,
            lambda one: (one.effect("found") - one.effect("none"), None),
        ),
    }
    rows = []
    for claim, (quantity, unit, sides) in wanted.items():
        if every:
            row = _crossed_row(found, every, [sides(one) for one in every], quantity, unit, about, note)
        else:
            why = f"there is nothing to reverse: {'; '.join(skipped)}"
            row = no_number(found.origin(), quantity, why, unit=unit, labels={"model": found.label})
        rows.append((claim, row))
    return rows


def _resistance(found: Found, every: Sequence[Tested]) -> list[Row]:
    """Return the reversal of the first behaviour by weights: of the file given, then of coarser ones."""
    sizes = found.sizes.adversarial
    known = [
        one
        for kind in sizes.quantisations
        if part_name(found.model, 0, "strings", weights=kind) in found.results
        if isinstance(one := of_rank(found, 0, kind), Tested)
    ]
    rows: list[Row] = []
    for one in [*every[:1], *known]:
        about: dict[str, Label] = {
            **_about(found, one),
            "weights": one.weights or found.model.loaded.quantisation,
            "megabytes": round(one.file_bytes / 1e6, 3),
            "budget": one.n_measured,
        }
        for quantity in ("reversal", "items reversed"):
            unit = _NATS if quantity == "reversal" else _SHARE
            rows.append(_crossed_row(found, [one], [sides_of(one, "found", quantity)], quantity, unit, about))
    return rows


def _in_words(found: Found, one: Tested) -> str:
    preferences = one.preference("found").mean(axis=1)
    n_reversed, n = int((preferences < 0.0).sum()), preferences.size
    best = int(np.argmin(preferences))
    texts = [text for text, kind in zip(one.texts, one.kinds, strict=True) if kind == "found"]
    outcome = (
        f"{n_reversed} of {n} searches found a string under which the opposite answer is preferred on average"
        if n_reversed
        else f"not found within the budget: no string of {n} searches makes the opposite answer preferred on average"
    )
    doubt = one.doubt()
    return (
        f"{found.label}, {one.behaviour}, {one.strength:g} times the vector, {one.n_measured} strings a search: "
        f"{outcome}, on held-out items. Without a string the preference is {_both(one, 'none')}; with the strongest "
        f"string, {texts[best]!r}, it is {_both(one, 'found', best)}. {_what_is_undone(found, one)}"
        + (f" That there is something to reverse is uncertain: {doubt}." if doubt else "")
    )


def _both(one: Tested, kind: str, which: int = 0) -> str:
    """Return the mean preference with and without steering, in words."""
    steered, unsteered = (one.preference(kind, is_steered=flag)[which].mean() for flag in (True, False))
    return f"{number(float(steered))} nats ({number(float(unsteered))} without steering)"


def _what_is_undone(found: Found, one: Tested) -> str:
    change = crossed([(one.effect("found") - one.effect("none"), None)], seed=found.seed)
    if change.high < 0.0:
        return "Found strings weaken the steering itself."
    return "There is no sign that found strings weaken the steering itself: they move the unsteered model, too."


def _about(found: Found, one: Tested) -> dict[str, str]:
    return {"model": found.label, "behaviour": one.behaviour}


def _origin(found: Found, every: Sequence[Tested]) -> Origin:
    """Return seed and hashes: of the model, or of what was made of it, and of the items that strings were tested on."""
    return Origin(found.seed, every[0].file_hash, joined_hash([one.items_hash for one in every]))
