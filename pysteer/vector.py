"""Steering vectors: a direction per site, and their arithmetic.

A direction is the step itself, in residual-stream units, not normalised: adding it once with coefficient 1 makes the
whole step. All arithmetic is float32, returns a new vector, and records what was done in the provenance.

What this file does not do: extract (`pysteer.extraction`), apply (`pysteer.session`), read files
(`pysteer.vector_file`), compare many vectors or make controls (`pysteer.vector_comparison`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Direction, Float64Array, frozen_float32
from pysteer.errors import ShapeError, SiteError, SteeringError
from pysteer.provenance import Provenance
from pysteer.site import Site

__all__ = ["Provenance", "SteeringVector"]


@dataclass(frozen=True, eq=False, repr=False)
class SteeringVector:
    """One direction per site, with its origin.

    Parameters
    ----------
    directions : mapping of Site to float32, shape (d_model,)
        At least one. Copied, rounded to float32, read-only, ordered by site. Directions at ``head_out`` share one
        width, all others share d_model.
    provenance : Provenance
        Carried along and extended by arithmetic; not part of ``==``.

    Raises
    ------
    ShapeError
        No direction, two widths, or a value that is NaN or infinite.

    Examples
    --------
    >>> v = SteeringVector({Site("resid_post", 2): np.array([3.0, 4.0])}, Provenance(method="example"))
    >>> (2 * v).norms()
    {Site(component='resid_post', layer=2): 10.0}
    >>> v - v == 0 * v
    True
    """

    directions: Mapping[Site, Direction]
    provenance: Provenance

    __array_ufunc__ = None  # so that numpy.float64(2) * vector comes here instead of making an object array

    def __post_init__(self) -> None:
        if not self.directions:
            raise ShapeError("a steering vector needs at least one direction, got none")
        for site in self.directions:
            if not isinstance(site, Site):
                raise SiteError(f"expected directions by Site, got {site!r}; Site.parse makes one from text")
        frozen = {site: _frozen(self.directions[site], site) for site in sorted(self.directions)}
        widths: dict[bool, int] = {}
        for site, direction in frozen.items():
            width = widths.setdefault(site.component == "head_out", direction.size)
            if width != direction.size:
                raise ShapeError(f"direction at {site} has {direction.size} entries, others have {width}")
        object.__setattr__(self, "directions", MappingProxyType(frozen))

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where there is a direction, in order."""
        return tuple(self.directions)

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers with a direction, ascending, each once."""
        return tuple(sorted({site.layer for site in self.directions}))

    @property
    def d_model(self) -> int | None:
        """Width of the directions outside head_out, or None where there is none."""
        return next((d.size for site, d in self.directions.items() if site.component != "head_out"), None)

    def __getitem__(self, site: Site) -> Direction:
        if site not in self.directions:
            raise SiteError(f"no direction at {site}; there are directions at {', '.join(map(str, self.sites))}")
        return self.directions[site]

    # Arithmetic. Sites that only one vector has count as zero in the other, which keeps them as they are.

    def __add__(self, other: SteeringVector) -> SteeringVector:
        return self._combined(other, np.add, "+") if isinstance(other, SteeringVector) else NotImplemented

    def __sub__(self, other: SteeringVector) -> SteeringVector:
        return self._combined(other, np.subtract, "-") if isinstance(other, SteeringVector) else NotImplemented

    def __mul__(self, factor: float) -> SteeringVector:
        if not _is_number(factor):
            return NotImplemented
        return self._mapped(lambda site, direction: direction * np.float32(factor), f"* {factor}")

    __rmul__ = __mul__

    def __truediv__(self, divisor: float) -> SteeringVector:
        if not _is_number(divisor):
            return NotImplemented
        if divisor == 0:
            raise SteeringError("a steering vector cannot be divided by zero")
        return self._mapped(lambda site, direction: direction / np.float32(divisor), f"/ {divisor}")

    def __neg__(self) -> SteeringVector:
        return self._mapped(lambda site, direction: -direction, "negated")

    def interpolate(self, other: SteeringVector, t: float) -> SteeringVector:
        """Return ``(1 - t) * self + t * other``: ``self`` at 0, ``other`` at 1; t may lie outside.

        Raises
        ------
        SiteError
            The two do not have the same sites.
        """
        if self.sites != other.sites:
            raise SiteError(f"interpolation needs the same sites, got {_named(self.sites)} and {_named(other.sites)}")
        return self * (1.0 - t) + other * t

    def normalised(self) -> SteeringVector:
        """Return the vector with norm 1 at every site."""
        return self.scaled_to(1.0)

    def scaled_to(self, norm: float | SteeringVector) -> SteeringVector:
        """Return the vector with another norm at every site, its directions kept.

        Parameters
        ----------
        norm : float or SteeringVector
            One norm for all sites, or a vector whose norm at each site is taken.

        Raises
        ------
        SteeringError
            A direction is zero, or the norm is not a positive finite number.
        SiteError
            ``norm`` is a vector without one of the sites.
        """
        targets = {site: _norm(norm[site]) if isinstance(norm, SteeringVector) else float(norm) for site in self.sites}
        for site, target in targets.items():
            if not (math.isfinite(target) and target > 0):
                raise SteeringError(f"expected a positive finite norm at {site}, got {target}")
        step = "scaled to the norms of a vector" if isinstance(norm, SteeringVector) else f"scaled to norm {norm}"
        return self._mapped(
            lambda site, direction: direction.astype(np.float64) * (targets[site] / _positive_norm(direction, site)),
            step,
        )

    def orthogonal_to(self, other: SteeringVector) -> SteeringVector:
        """Return the vector without its component along ``other``; sites that ``other`` lacks are kept.

        Raises
        ------
        SteeringError
            ``other`` is zero at a common site.
        SiteError
            There is no common site.
        """
        common = set(self._common_sites(other))

        def without(site: Site, direction: Direction) -> npt.NDArray[Any]:
            if site not in common:
                return direction
            along = other[site].astype(np.float64) / _positive_norm(other[site], site)
            wide = direction.astype(np.float64)
            return np.asarray(wide - along * float(wide @ along))

        return self._mapped(without, "made orthogonal to a vector")

    def select(self, layers: Iterable[int]) -> SteeringVector:
        """Return the vector at these layers only.

        Raises
        ------
        SiteError
            There is no direction at one of them, or no layer is named.
        """
        wanted = sorted(set(layers))
        missing = [layer for layer in wanted if layer not in self.layers]
        if missing or not wanted:
            raise SiteError(f"no direction at layers {missing or wanted}; there are directions at {list(self.layers)}")
        kept = {site: direction for site, direction in self.directions.items() if site.layer in wanted}
        return SteeringVector(kept, self.provenance)

    # Measures, summed in float64.

    def norms(self) -> dict[Site, float]:
        """Return the Euclidean norm at every site, residual-stream units."""
        return {site: _norm(direction) for site, direction in self.directions.items()}

    def dot(self, other: SteeringVector) -> dict[Site, float]:
        """Return the dot product at every common site; SiteError where there is none."""
        return {site: float(_wide(self[site]) @ _wide(other[site])) for site in self._common_sites(other)}

    def cosine(self, other: SteeringVector) -> dict[Site, float]:
        """Return the cosine at every common site, in [-1, 1].

        Raises
        ------
        SteeringError
            A direction is zero: the angle is undefined.
        SiteError
            There is no common site.
        """
        return {
            site: min(1.0, max(-1.0, dot / (_positive_norm(self[site], site) * _positive_norm(other[site], site))))
            for site, dot in self.dot(other).items()
        }

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same numbers at the same sites."""
        if not isinstance(other, SteeringVector):
            return NotImplemented
        return self.sites == other.sites and all(np.array_equal(self[site], other[site]) for site in self.sites)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        norms = list(self.norms().values())
        span = f"{norms[0]:.4g}" if len(norms) == 1 else f"{min(norms):.4g} to {max(norms):.4g}"
        return (
            f"<SteeringVector {self.provenance.method!r} at {_named(self.sites)}: d_model={self.d_model}, norm {span}>"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return SteeringVector, (dict(self.directions), self.provenance)  # a mapping proxy cannot be pickled

    def _common_sites(self, other: SteeringVector) -> tuple[Site, ...]:
        """Return the sites of both, after checking that the widths agree."""
        common = tuple(site for site in self.sites if site in other.directions)
        if not common:
            raise SiteError(f"no site in common: one vector has {_named(self.sites)}, the other {_named(other.sites)}")
        self._check_widths(other)
        return common

    def _check_widths(self, other: SteeringVector) -> None:
        for site in self.sites:
            for theirs, direction in other.directions.items():
                same_kind = (site.component == "head_out") == (theirs.component == "head_out")
                if same_kind and self[site].size != direction.size:
                    raise ShapeError(
                        f"vectors of different models do not combine: {self[site].size} entries at {site}, "
                        f"{direction.size} at {theirs}"
                    )

    def _combined(self, other: SteeringVector, combine: Callable[[Any, Any], Any], sign: str) -> SteeringVector:
        self._check_widths(other)
        zero = np.float32(0.0)
        sites = {*self.sites, *other.sites}
        with np.errstate(over="ignore"):
            directions = {s: combine(self.directions.get(s, zero), other.directions.get(s, zero)) for s in sites}
        return SteeringVector(directions, self.provenance.combined_with(other.provenance, sign))

    def _mapped(self, change: Callable[[Site, Direction], npt.NDArray[Any]], step: str) -> SteeringVector:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            directions = {site: change(site, direction) for site, direction in self.directions.items()}
        return SteeringVector(directions, self.provenance.after(step))


def _frozen(values: npt.ArrayLike, site: Site) -> Direction:
    return frozen_float32(values, n_dims=1, what=f"direction at {site}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _wide(direction: Direction) -> Float64Array:
    return direction.astype(np.float64)


def _norm(direction: Direction) -> float:
    return float(np.linalg.norm(_wide(direction)))


def _positive_norm(direction: Direction, site: Site) -> float:
    norm = _norm(direction)
    if norm == 0.0:
        raise SteeringError(f"the direction at {site} is zero: it points nowhere")
    return norm


def _named(sites: tuple[Site, ...]) -> str:
    if len(sites) <= 4:
        return ", ".join(map(str, sites))
    return f"{len(sites)} sites from {sites[0]} to {sites[-1]}"
