"""The short form of a card, which travels inside the vector's file.

Three keys, which other readers ignore: ``pysteer.card.version`` (uint32), ``pysteer.card.directions`` (SHA-256 of the
directions that were measured; when the file holds others, the card is not theirs) and ``pysteer.card.summary`` (JSON).
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pysteer.card.vector_card import CardPart, Finding, Quantity, ValidationError, VectorCard
from pysteer.card.verdicts import largest_control
from pysteer.errors import VectorFileError
from pysteer.evaluation_keys import vector_hash
from pysteer.vector_file import load_vector
from pysteer.vector_notes import read_notes, write_notes

SHORT_VERSION = 1


class ShortNumber(CardPart):
    """A number with its interval and n; None where it was not measured."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0


class ShortFinding(CardPart):
    """A question and its answer, without the sentence."""

    question: str
    outcome: str


class ShortCard(CardPart):
    """What the file says about its vector. ``card_hash`` is the SHA-256 of the whole card's JSON."""

    created: str
    pysteer_version: str
    preset: str
    seed: int
    confidence: float
    model_name: str
    model_hash: str
    quantisation: str
    data_name: str
    data_hash: str
    layers: list[int]
    operation: str
    window: str
    steerability: ShortNumber
    anti_steerable: ShortNumber
    largest_random: float | None
    n_random: int
    explained_by_position: ShortNumber
    recommended_low: float | None
    recommended_high: float | None
    max_perplexity_ratio: float
    perplexity_ratio: ShortNumber
    findings: list[ShortFinding]
    card_hash: str


def short_form(card: VectorCard) -> ShortCard:
    """Return the short form of a card."""
    towards = next(one for one in card.recommended if one.towards == "towards")
    largest = largest_control(card)
    ratio = ShortNumber() if towards.high is None else _short(card.cost_at(towards.high).perplexity_ratio)
    return ShortCard(
        created=card.created,
        pysteer_version=card.pysteer_version,
        preset=card.preset,
        seed=card.seed,
        confidence=card.confidence,
        model_name=card.model.name,
        model_hash=card.model.hash,
        quantisation=card.model.quantisation,
        data_name=card.data.name,
        data_hash=card.data.hash,
        layers=card.vector.layers,
        operation=card.vector.operation,
        window=card.vector.window,
        steerability=_short(card.behaviour.steerability),
        anti_steerable=_short(card.behaviour.anti_steerable),
        largest_random=largest if largest == largest else None,
        n_random=len(card.controls),
        explained_by_position=_short(card.factors[0].explained) if card.factors else ShortNumber(),
        recommended_low=towards.low,
        recommended_high=towards.high,
        max_perplexity_ratio=card.max_perplexity_ratio,
        perplexity_ratio=ratio,
        findings=[_short_finding(found) for found in card.findings],
        card_hash=sha256(card.to_json().encode("utf-8")).hexdigest(),
    )


def write_short_card(path: str | Path, card: VectorCard) -> ShortCard:
    """Write the short form into the vector's file, which is replaced in one step; the directions stay bit for bit.

    Raises
    ------
    VectorFileError
        The file holds other directions than those that were measured, is no GGUF file, or cannot be written.
    """
    found = vector_hash(load_vector(path, layer_shift=0))
    if found != card.vector.directions_hash:
        raise VectorFileError(
            f"{path}: holds other directions (SHA-256 {found[:12]}...) than the card was measured on "
            f"({card.vector.directions_hash[:12]}...); a card belongs to its directions"
        )
    short = short_form(card)
    notes: dict[str, int | str] = {
        "version": SHORT_VERSION,
        "directions": found,
        "summary": short.model_dump_json(),
    }
    write_notes(path, notes)
    return short


def read_short_card(path: str | Path) -> ShortCard | None:
    """Return the short form in a vector's file; None where there is none.

    Raises
    ------
    VectorFileError
        The file cannot be read, or its card is of another version, malformed, or of other directions than the file's.
    """
    notes = read_notes(path)
    if not notes:
        return None
    if notes.get("version") != SHORT_VERSION:
        raise VectorFileError(f"{path}: card of version {notes.get('version')}; this pysteer reads {SHORT_VERSION}")
    try:
        short = ShortCard.model_validate_json(str(notes.get("summary", "")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise VectorFileError(f"{path}: pysteer.card.summary: {field}: {first['msg']}") from error
    found = vector_hash(load_vector(path, layer_shift=0))
    if notes.get("directions") != found:
        raise VectorFileError(
            f"{path}: its card was measured on other directions (SHA-256 {str(notes.get('directions'))[:12]}...) than "
            f"the file holds ({found[:12]}...); measure it again"
        )
    return short


def _short(quantity: Quantity) -> ShortNumber:
    return ShortNumber(value=quantity.value, low=quantity.low, high=quantity.high, n=quantity.n)


def _short_finding(found: Finding) -> ShortFinding:
    return ShortFinding(question=found.question, outcome=found.outcome)
