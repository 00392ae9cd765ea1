"""How much is measured for a card."""

from __future__ import annotations

from dataclasses import dataclass

from pysteer.errors import UnknownNameError
from pysteer.registry import did_you_mean

SEVEN = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""The coefficients of arXiv:2407.12404."""


@dataclass(frozen=True)
class Preset:
    """One size of card.

    Parameters
    ----------
    name : str
    n_items, n_texts, n_questions : int
        At most; drawn with the card's seed where there are more.
    n_controls : int
        Random directions of the vector's norm.
    strengths : tuple of float
        For behaviour and costs over strength; the seven coefficients of steerability are measured in any case.
    few_coefficients : tuple of float
        For the slopes of random directions, and of the vector under other prompts.
    has_layer_map : bool
        Measure each layer of the vector alone, where it has several.
    """

    name: str
    n_items: int
    n_texts: int
    n_questions: int
    n_controls: int
    strengths: tuple[float, ...]
    few_coefficients: tuple[float, ...]
    has_layer_map: bool

    @property
    def all_strengths(self) -> tuple[float, ...]:
        """``strengths`` and the seven coefficients, ascending."""
        return tuple(sorted({*self.strengths, *SEVEN}))


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            n_items=40,
            n_texts=24,
            n_questions=40,
            n_controls=5,
            strengths=(-3.0, -2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0),
            few_coefficients=(-1.5, 0.0, 1.5),
            has_layer_map=False,
        ),
        Preset(
            "standard",
            n_items=200,
            n_texts=200,
            n_questions=200,
            n_controls=20,
            strengths=(-5.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0),
            few_coefficients=SEVEN,
            has_layer_map=True,
        ),
    )
}


def preset_named(name: str) -> Preset:
    """Return a preset; UnknownNameError where there is none of that name."""
    if name not in PRESETS:
        raise UnknownNameError(
            f"no preset {name!r}{did_you_mean(name, tuple(PRESETS))} Available: {', '.join(PRESETS)}"
        )
    return PRESETS[name]
