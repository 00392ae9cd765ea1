"""When is an intervention made? Conditional steering: a direction is read, and its value compared with a threshold.

The idea is that of conditional activation steering (CAST; Lee et al. 2024, "Programming Refusal with Conditional
Activation Steering", arXiv:2409.05907): a *condition* direction says whether this is the case at hand, and only then a
*behaviour* vector is applied. Two scopes:

    prompt   decided once for each prompt, before anything is generated, from what the **unsteered** model holds at the
             condition's site over the prompt's tokens. Then the intervention is made as it stands, or not at all.
    token    decided at each row for itself, by the row that is about to be edited (edits before it at the same site
             included). Keys and values then depend on the tokens alone, as with any other steering.

Deviation from the source: its measure is the cosine between a row and that row's projection on the direction (through
tanh), which is the size of the cosine without its sign. Here it keeps its sign, or is the projection itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType

import numpy as np

from pysteer.arrays import Direction, Float32Array, Float64Array
from pysteer.errors import SteeringError
from pysteer.registry import did_you_mean
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "cosine": "cosine between row and direction, -1 to 1; 0 for a row of zeros",
        "projection": "row . direction / |direction|, residual-stream units",
    }
)
COMPARISONS: Mapping[str, str] = MappingProxyType(
    {"above": "met where the value is larger than the threshold", "below": "met where it is smaller"}
)
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "prompt": "decided once, from the unsteered model's rows of the prompt",
        "token": "decided at each row, by the row that is about to be edited",
    }
)
REDUCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "mean": "mean of the tokens' values",
        "max": "largest of the tokens' values",
        "min": "smallest of the tokens' values",
        "last": "value of the last token",
    }
)


@dataclass(frozen=True)
class Condition:
    """A direction and a threshold that decide whether an intervention is made.

    Parameters
    ----------
    vector : SteeringVector
        Only where it points matters. With scope "prompt" it has exactly one site, where the prompt is read (`select`
        picks a layer). With scope "token" it has a direction at every site that is edited.
    threshold : float
        In the unit of ``measure``. A value that equals it does not meet the condition.
    comparison : str
        "above" or "below".
    measure : str
        "cosine" or "projection".
    scope : str
        "prompt" or "token".
    reduce : str
        Scope "prompt" only: "mean", "max", "min" or "last" of the tokens' values.
    window : Window
        Scope "prompt" only: which tokens of the prompt; ``1:end`` leaves out BOS. What lies behind the prompt is cut
        off.

    Raises
    ------
    SteeringError
        A threshold that is not finite, an unknown word, a direction of zero, or several sites with scope "prompt".
    """

    vector: SteeringVector
    _: KW_ONLY
    threshold: float
    comparison: str = "above"
    measure: str = "cosine"
    scope: str = "prompt"
    reduce: str = "mean"
    window: Window = field(default_factory=lambda: Window.parse("prompt"))

    def __post_init__(self) -> None:
        words = (
            ("comparison", self.comparison, COMPARISONS),
            ("measure", self.measure, MEASURES),
            ("scope", self.scope, SCOPES),
            ("reduce", self.reduce, REDUCTIONS),
        )
        for name, given, known in words:
            if given not in known:
                raise SteeringError(f"{name} {given!r}{did_you_mean(given, known)} Available: {', '.join(known)}")
        if not math.isfinite(self.threshold):
            raise SteeringError(f"expected a finite threshold, got {self.threshold}")
        for site, norm in self.vector.norms().items():
            if norm == 0.0:
                raise SteeringError(f"the condition's direction at {site} is zero: every row has the same value")
        if self.scope == "prompt" and len(self.vector.sites) != 1:
            raise SteeringError(
                f"a condition on the prompt reads one site, got a vector with {len(self.vector.sites)}: choose a layer "
                "with vector.select"
            )

    @property
    def site(self) -> Site:
        """Where the prompt is read; with scope "token" the first of the sites."""
        return self.vector.sites[0]

    def unit(self, site: Site) -> Direction:
        """Return the unit direction at a site, float32, (width,)."""
        direction = self.vector[site].astype(np.float64)
        return np.asarray(direction / np.linalg.norm(direction), dtype=np.float32)

    def positions(self, n_prompt: int) -> tuple[int, ...]:
        """Return which tokens of a prompt are read; as `positions_in_prompt`."""
        return positions_in_prompt(self.window, n_prompt)

    def row_values(self, rows: Float32Array) -> Float64Array:
        """Return the measure of each row (n, width) at `site`, float64, (n,)."""
        wide = rows.astype(np.float64)
        along: Float64Array = wide @ self.unit(self.site).astype(np.float64)
        if self.measure == "projection":
            return along
        norms = np.linalg.norm(wide, axis=1)
        return np.asarray(np.divide(along, norms, out=np.zeros_like(along), where=norms > 0.0))

    def value(self, rows: Float32Array) -> float:
        """Return the measure of the rows of a prompt's tokens (n, width), reduced to one number."""
        values = self.row_values(rows)
        if self.reduce == "last":
            return float(values[-1])
        if self.reduce == "mean":
            return float(values.mean())
        return float(values.max() if self.reduce == "max" else values.min())

    def is_met(self, value: float) -> bool:
        """Return whether a value meets the condition."""
        return value > self.threshold if self.comparison == "above" else value < self.threshold

    def __str__(self) -> str:
        where = str(self.site) if self.scope == "prompt" else "the row"
        what = f"{self.reduce} {self.measure} of the prompt" if self.scope == "prompt" else f"{self.measure}"
        return f"{what} at {where} {self.comparison} {self.threshold:g}"

    __hash__ = None  # type: ignore[assignment]


def positions_in_prompt(window: Window, n_prompt: int) -> tuple[int, ...]:
    """Return the positions of a window that lie in a prompt of ``n_prompt`` tokens, ascending.

    Raises
    ------
    SteeringError
        There is none.
    """
    ranges = [(begin, min(end, n_prompt)) for begin, end in window.resolve(n_prompt)]
    found = tuple(position for begin, end in ranges for position in range(begin, end))
    if not found:
        raise SteeringError(f"the condition's window '{window}' holds no token of a prompt of {n_prompt}")
    return found
