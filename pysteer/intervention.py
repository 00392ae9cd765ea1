"""What is done, where, how strongly, and to which tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from types import MappingProxyType

from pysteer.arrays import Direction
from pysteer.condition import Condition
from pysteer.errors import SteeringError
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window


@dataclass(frozen=True)
class Intervention:
    """A vector with the way it is applied. `pysteer.operations.edits` turns it into edits.

    Parameters
    ----------
    vector : SteeringVector
        Gives the sites and the directions.
    operation : str
        Name of a registered operation; looked up when the edits are made.
    coefficient : float
        In the operation's unit: for ``add``, multiples of the direction.
    window : Window
        Which tokens; every token by default.
    layers : tuple of int, or None
        Only these of the vector's layers; None takes all.
    parameters : mapping of str to float
        Further keyword parameters of the operation, such as ``{"gain": 0.5, "offset": 0.0}`` for ``affine``.
    condition : Condition, optional
        Made only for prompts, or at rows, that meet it. Several rules are several interventions, each with its own.

    Raises
    ------
    SteeringError
        The coefficient is not finite.
    SiteError
        The vector has no direction at one of the layers, or a condition on rows none at one of the sites.
    """

    vector: SteeringVector
    operation: str = "add"
    _: KW_ONLY
    coefficient: float
    window: Window = field(default_factory=lambda: Window.parse("all"))
    layers: tuple[int, ...] | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)
    condition: Condition | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.coefficient):
            raise SteeringError(f"expected a finite coefficient, got {self.coefficient}")
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        if self.layers is not None:
            given: Iterable[int] = self.layers
            object.__setattr__(self, "layers", self.vector.select(given).layers)
        if self.condition is not None and self.condition.scope == "token":
            for site in self.directions:
                self.condition.vector[site]  # raises SiteError

    @property
    def directions(self) -> Mapping[Site, Direction]:
        """The directions in use: those of the vector at ``layers``."""
        chosen = self.vector if self.layers is None else self.vector.select(self.layers)
        return chosen.directions

    __hash__ = None  # type: ignore[assignment]
