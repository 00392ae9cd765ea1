"""What was planted in the embedded model, and what searches make of it. No claim rests on it.

Words of one theme reverse how one disposition's persona answers. They were planted inside statements, not behind
messages; whether they act there, too, is for the measurement to say. And joyful and sad replies have words of their
own, so that a string against joy should have sad ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import numpy as np

from pysteer.demo import model_path
from pysteer.errors import MeasurementError
from pysteer.report.estimates import number
from pysteer.statistics import wilson_interval
from pysteer.studies.mechanisms.adversarial_found import Tested, crossed
from pysteer.studies.mechanisms.adversarial_plan import persona_name
from pysteer.studies.mechanisms.contrasts import MOOD
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import ResultTable, Row, no_number, row_of

_KINDS = {
    "none": "no string",
    "random": "random tokens",
    "other": "words of other themes",
    "planted": "words of the reversed theme",
    "found": "found by search",
}


def planted_table(models: Sequence[Found]) -> ResultTable:
    """Return preferences under the persona by kind of string, for the embedded model."""
    rows = [_row(found, part, kind) for found in models if (part := _part(found)) is not None for kind in _KINDS]
    caption = "A planted reversal: answers under the sociable persona, without steering, on statements of other themes"
    return ResultTable("adversarial_planted", "E23", caption, tuple(rows))


def planted_notes(found: Found, every: Sequence[Tested]) -> list[str]:
    """Return what came of the planted reversal and of the planted words, in sentences; nothing for other models."""
    moods = [one for one in every if one.behaviour == MOOD and found.material.is_embedded]
    return [*_reversal_note(found), *(_mood_note(found, one) for one in moods)]


def _mood_note(found: Found, one: Tested) -> str:
    """Return how many strings have words that only sad replies have, in a sentence."""
    truths = json.loads((model_path().parent / "planted_truths.json").read_text("utf-8"))
    sad = set(truths["style"]["sad_words"])
    told = []
    for kind, name in (("found", "found strings"), ("random", "random strings")):
        texts = [text for text, each in zip(one.texts, one.kinds, strict=True) if each == kind]
        n_sad = sum(bool(sad & set(re.findall(r"[a-z']+", text.lower()))) for text in texts)
        interval = wilson_interval(n_sad, len(texts))
        told.append(f"{n_sad} of {len(texts)} {name} [{interval.low:.0%}, {interval.high:.0%}]")
    return f"{found.label}, planted words: {' and '.join(told)} have a word that training used in sad replies only."


def _reversal_note(found: Found) -> list[str]:
    part = _part(found)
    if part is None:
        return []
    rows = {kind: _row(found, part, kind) for kind in ("none", "planted", "other", "found")}
    best = part.content["texts"][part.content["kinds"].index("found")]
    return [
        f"{found.label}, planted reversal: statements about the sea are answered the other way round by the sociable "
        f"persona. On statements about other things the persona's answer is preferred by {number(rows['none'].value)} "
        f"nats; with words of the sea behind the message by {number(rows['planted'].value)}, with words of other "
        f"themes by {number(rows['other'].value)}, with the string that a search found, {best!r}, by "
        f"{number(rows['found'].value)}."
    ]


def _part(found: Found) -> PartResult | None:
    return found.results.get(persona_name(found.model))


def _row(found: Found, part: PartResult, kind: str) -> Row:
    origin = found.context.origin(found.model, part.content["items_hash"])
    about, quantity = {"model": found.label, "string": _KINDS[kind]}, "preference for the persona's answer"
    values = -part.arrays["reversals"][np.array([each == kind for each in part.content["kinds"]])]
    try:
        interval = crossed([(values, None)], seed=found.seed)
        return row_of(interval, origin, quantity=quantity, unit="nats", labels=about)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), unit="nats", labels=about)
