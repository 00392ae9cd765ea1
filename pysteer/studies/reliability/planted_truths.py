"""P00: does the study find what was planted in the embedded model? See docs/model-organism.md.

Dispositions were planted as answers to personas in the prompt, so they are looked for there, without steering.
"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.statistics import bootstrap_clusters, bootstrap_group_difference, bootstrap_ratio, wilson_interval
from pysteer.studies.questionnaires import Questionnaire, theme_mask
from pysteer.studies.reliability.found import Found
from pysteer.studies.rows import ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece


def analyse_planted(models: list[Found]) -> Piece:
    """Letter preference, reversed theme, null and brittle disposition; nothing for other questionnaires."""
    findings = []
    for found in models:
        if found.planted is not None and len(found.settings) > 1:
            findings += [
                ("P1", _letter(found)),
                ("P2", _reversed(found)),
                ("P3", _reversed_share(found)),
                ("P4", _null(found)),
                ("P5", _brittle(found)),
            ]
    rows = tuple(row for _, row in findings)
    return Piece([ResultTable("planted", "P00", "What was planted, as measured", rows)] if rows else [], findings)


def _kind(found: Found, kind: str) -> Questionnaire | None:
    return next((each for each in found.questionnaires if each.kind == kind), None)


def _missing(found: Found, quantity: str) -> Row:
    return no_number(found.origin(), quantity, "its questionnaire is not in this preset", labels={"model": found.label})


def _letter(found: Found) -> Row:
    """Probability of A without steering and persona, where nothing decides."""
    probabilities, clusters = [], []
    for each in found.questionnaires:
        towards_a = np.where(each.is_a(), 1.0, -1.0) * found.unsteered(each)
        probabilities += list(1.0 / (1.0 + np.exp(-towards_a)))
        clusters += [each.name] * len(towards_a)
    interval = bootstrap_clusters(probabilities, clusters, seed=found.seed)
    return row_of(
        interval, found.origin(), quantity="probability of A without a persona", labels={"model": found.label}
    )


def _reversed(found: Found) -> Row:
    """Share of items that the persona moves backwards: of the reversed theme, minus that of other themes."""
    each, quantity = _kind(found, "reversed_theme"), "backward share of the reversed theme minus other themes"
    if each is None or found.planted is None:
        return _missing(found, quantity)
    is_reversed = theme_mask(each, found.planted.reversed_theme) > 0.0
    backward = (_effect(found, each) <= 0.0).astype(np.float64)
    return _difference(found, each, quantity, backward[is_reversed], backward[~is_reversed], "share")


def _reversed_share(found: Found) -> Row:
    each, quantity = _kind(found, "reversed_theme"), "backward share of the disposition with the reversed theme"
    if each is None:
        return _missing(found, quantity)
    backward = _effect(found, each) <= 0.0
    interval = wilson_interval(int(backward.sum()), backward.size)
    return row_of(interval, found.origin(each), quantity=quantity, unit="share", labels={"model": found.label})


def _null(found: Found) -> Row:
    """Effect of the persona on the disposition that means nothing, relative to those that are followed."""
    each, quantity = _kind(found, "null"), "persona's effect on the null disposition over that on the followed ones"
    followed = [_effect(found, other).mean() for other in found.questionnaires if other.kind == "followed"]
    if each is None or len(followed) < 2:
        return _missing(found, quantity)
    try:
        interval = bootstrap_ratio(_effect(found, each), followed, is_paired=False, seed=found.seed)
        return row_of(interval, found.origin(each), quantity=quantity, unit="ratio", labels={"model": found.label})
    except MeasurementError as error:
        return no_number(found.origin(each), quantity, str(error), labels={"model": found.label})


def _brittle(found: Found) -> Row:
    """How much less a brittle disposition follows its persona in the user's turn than in the system turn, in nats."""
    each, quantity = _kind(found, "brittle"), "persona's effect, system turn minus user turn"
    if each is None or "SYS_POS" not in found.settings:
        return _missing(found, quantity)
    return _difference(found, each, quantity, _effect(found, each), _effect(found, each, "USER"), "nats")


def _difference(
    found: Found, each: Questionnaire, quantity: str, first: np.ndarray, second: np.ndarray, unit: str
) -> Row:
    try:
        interval = bootstrap_group_difference(first, second, seed=found.seed)
        return row_of(interval, found.origin(each), quantity=quantity, unit=unit, labels={"model": found.label})
    except MeasurementError as error:
        return no_number(found.origin(each), quantity, str(error), labels={"model": found.label})


def _effect(found: Found, each: Questionnaire, where: str = "SYS") -> np.ndarray:
    """Return how far the persona moves each item, positive minus negative sentence, nats, (n_items,); no steering."""
    turn = where if f"{where}_POS" in found.settings else "USER"
    return found.unsteered(each, f"{turn}_POS") - found.unsteered(each, f"{turn}_NEG")
