"""What `pysteer inspect` shows of a vector file: its directions, its origin, and the short form of its card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pysteer.card.short_form import ShortCard, ShortNumber

_HEAD = 4096
"""Bytes in which a control vector names its architecture: it is the first key of every known writer."""


def is_vector_file(path: Path) -> bool:
    """Return whether a file says that it is a control vector."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.startswith(b"GGUF") and b"controlvector" in head


def describe_vector(path: Path) -> dict[str, Any]:
    """Return the facts as JSON can hold them; ``card`` is None where the file has none.

    Raises
    ------
    VectorFileError
        The file, or the card in it, is damaged, or the card belongs to other directions.
    """
    from pysteer.evaluation_keys import vector_hash
    from pysteer.vector_file import load_vector
    from pysteer.vector_notes import read_notes

    vector = load_vector(path)
    card = None
    if read_notes(path):  # without a card, nothing that reads cards has to be installed
        from pysteer.card.short_form import read_short_card

        card = read_short_card(path)
    return {
        "path": str(path),
        "file_size": path.stat().st_size,
        "directions_sha256": vector_hash(vector),
        "sites": {str(site): norm for site, norm in vector.norms().items()},
        "d_model": vector.d_model,
        "provenance": vector.provenance.to_dict(),
        "card": None if card is None else card.model_dump(),
    }


def print_vector(facts: dict[str, Any]) -> None:
    """Print the facts as a table, and the card below it."""
    origin = facts["provenance"]
    rows = [
        ("file", facts["path"]),
        ("directions", "\n".join(f"{site}, norm {norm:.4g}" for site, norm in facts["sites"].items())),
        ("SHA-256 of directions", facts["directions_sha256"]),
        ("method", origin["method"]),
        ("made with", _joined(origin["model_name"], origin["quantisation"], origin["model_hash"])),
        ("from", _joined(origin["data_name"], _pairs(origin["n_pairs"]), origin["data_hash"])),
        ("token rule", origin["token_rule"] or "unknown"),
        ("history", "\n".join(origin["extra"].get("history", [])) or "none"),
    ]
    if facts["card"] is None:
        rows.append(("card", "none: 'pysteer card VECTOR MODEL --write-into-vector' makes one"))
    else:
        from pysteer.card.short_form import ShortCard

        rows += _card_rows(ShortCard.model_validate(facts["card"]))
    _print_rows(rows)


def _card_rows(card: ShortCard) -> list[tuple[str, str]]:
    data = f"{card.data_name}, {card.data_hash}"
    span = "none"
    if card.recommended_low is not None and card.recommended_high is not None:
        span = (
            f"{card.recommended_low:g} to {card.recommended_high:g}; perplexity at {card.recommended_high:g} is "
            f"{_number(card.perplexity_ratio)} times the unsteered one, guard {card.max_perplexity_ratio:g}"
        )
    against = "" if card.largest_random is None else f"; strongest of {card.n_random} random: {card.largest_random:.3g}"
    return [
        ("card", f"{card.created}, preset {card.preset}, seed {card.seed}, pysteer {card.pysteer_version}"),
        ("measured on", _joined(card.model_name, card.quantisation, card.model_hash)),
        ("held-out items", data),
        ("steerability", f"{_number(card.steerability)} nats per unit of coefficient{against}"),
        ("anti-steerable", f"{_number(card.anti_steerable)} of the items"),
        ("recommended", span),
        *((found.question, found.outcome) for found in card.findings),
    ]


def _number(number: ShortNumber) -> str:
    if number.value is None:
        return "not measured"
    ends = "" if number.low is None or number.high is None else f" [{number.low:.3g}, {number.high:.3g}]"
    return f"{number.value:.3g}{ends} (n = {number.n})"


def _pairs(n: int | None) -> str | None:
    return None if n is None else f"{n} pairs"


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part) or "unknown"


def _print_rows(rows: list[tuple[str, str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    print_table(table)
