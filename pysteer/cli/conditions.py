"""From ``--condition`` and its companions to conditions; and what a file says about its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from pysteer.cli.steering import for_each
from pysteer.condition import COMPARISONS, MEASURES, REDUCTIONS, SCOPES, Condition
from pysteer.errors import DataError, SteeringError
from pysteer.registry import did_you_mean
from pysteer.vector import SteeringVector
from pysteer.window import Window

KINDS = {"comparison": COMPARISONS, "measure": MEASURES, "scope": SCOPES, "reduce": REDUCTIONS}
"""Setting of a condition -> its words, no two of which are alike."""


@dataclass(frozen=True)
class GivenCondition:
    """A condition with the file that its direction comes from."""

    path: Path
    condition: Condition

    def facts(self) -> dict[str, Any]:
        """Return what JSON reports of it."""
        sites = [str(site) for site in self.condition.vector.sites]
        return {"vector": str(self.path), "sites": sites, **settings(self.condition)}

    def __str__(self) -> str:
        return f"{self.path.name}: {self.condition}"


def settings(condition: Condition) -> dict[str, Any]:
    """Return everything but the direction, as a file keeps it (``extra["condition"]`` of its provenance)."""
    return {
        "threshold": condition.threshold,
        "window": str(condition.window),
        **{kind: getattr(condition, kind) for kind in KINDS},
    }


def read_conditions(
    files: Sequence[Path] | None,
    thresholds: Sequence[float] | None,
    layers: Sequence[int] | None,
    words: Sequence[str] | None,
) -> list[GivenCondition]:
    """Return the conditions that the options describe; the n-th threshold belongs to the n-th file, once given, to all.

    Raises
    ------
    SteeringError
        No threshold, neither here nor in the file, or settings without meaning.
    DataError
        What a file says about its condition is malformed.
    """
    given = list(files or ())
    if not given:
        if thresholds or layers or words:
            raise typer.BadParameter(
                "--condition-threshold, --condition-layer and --condition-how say more about a --condition, got none",
                param_hint="--condition",
            )
        return []
    none_at: float | None = None
    none_layer: int | None = None
    no_words: dict[str, str] = {}
    at = for_each("--condition-threshold", thresholds, len(given), none_at, lambda threshold: threshold)
    places = for_each("--condition-layer", layers, len(given), none_layer, lambda layer: layer)
    hows = for_each("--condition-how", words, len(given), no_words, parse_words)
    return [
        GivenCondition(path, _condition(path, threshold, layer, how))
        for path, threshold, layer, how in zip(given, at, places, hows, strict=True)
    ]


def parse_words(text: str) -> dict[str, str]:
    """Return the settings that words such as "below,token" name.

    Raises
    ------
    SteeringError
        An unknown word, or two for one setting.
    """
    found: dict[str, str] = {}
    for word in (part.strip() for part in text.split(",")):
        kind = next((kind for kind, known in KINDS.items() if word in known), None)
        if kind is None:
            known = tuple(each for words in KINDS.values() for each in words)
            raise SteeringError(f"--condition-how: {word!r}{did_you_mean(word, known)} Available: {', '.join(known)}")
        if kind in found:
            raise SteeringError(f"--condition-how: {found[kind]!r} and {word!r} exclude each other")
        found[kind] = word
    return found


def _condition(path: Path, threshold: float | None, layer: int | None, how: dict[str, str]) -> Condition:
    from pysteer.vector_file import load_vector

    vector = load_vector(path)
    kept = {**_kept_settings(vector, path), **how}
    used_threshold = kept.pop("threshold", None) if threshold is None else threshold
    kept.pop("threshold", None)
    if used_threshold is None:
        raise SteeringError(
            f"{path}: does not say at which threshold its condition is met: give --condition-threshold, or make the "
            "file with 'pysteer condition'"
        )
    window = kept.pop("window", None)
    chosen = vector if layer is None else vector.select([layer])
    return Condition(
        chosen, threshold=used_threshold, window=Window.parse(window if window is not None else "prompt"), **kept
    )


def _kept_settings(vector: SteeringVector, path: Path) -> dict[str, Any]:
    """Return what a file made by 'pysteer condition' says."""
    kept = vector.provenance.extra.get("condition")
    if kept is None:
        return {}
    texts = ("window", *KINDS)
    is_whole = (
        isinstance(kept, dict)
        and isinstance(kept.get("threshold"), int | float)
        and not set(kept) - {"threshold", *texts}
        and all(isinstance(kept.get(name, ""), str) for name in texts)
    )
    if not is_whole:
        raise DataError(f"{path}: expected a threshold and {', '.join(texts)} in its condition, got {kept!r}")
    return dict(kept)
