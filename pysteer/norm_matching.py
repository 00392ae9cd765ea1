"""Vectors of the same length: so that a comparison between them is one of directions.

Steerability grows with the norm of a vector. "Analyzing the Generalization and Reliability of Steering Vectors"
(arXiv:2407.12404) therefore scales the vectors of all prompt settings to the norm of the one for the plain setting, and
CAA (arXiv:2312.06681) scales, layer by layer, those of all behaviours to their mean norm. Directions stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pysteer.errors import ShapeError, SiteError
from pysteer.site import Site
from pysteer.vector import SteeringVector


def match_norm(vector: SteeringVector, reference: SteeringVector) -> SteeringVector:
    """Return ``vector`` with the norm that ``reference`` has at each site.

    Raises
    ------
    SiteError
        ``reference`` lacks one of the vector's sites.
    SteeringError
        A direction of either is zero.

    Examples
    --------
    >>> from pysteer.provenance import Provenance
    >>> site = Site("resid_post", 2)
    >>> long, short = (SteeringVector({site: np.array(v)}, Provenance("example")) for v in ([6.0, 8.0], [0.0, 5.0]))
    >>> match_norm(long, short)[site]
    array([3., 4.], dtype=float32)
    """
    return vector.scaled_to(reference)


def mean_norms(vectors: Mapping[str, SteeringVector]) -> dict[Site, float]:
    """Return the mean norm over several vectors at each site, residual-stream units.

    Raises
    ------
    ShapeError
        No vector is given.
    SiteError
        The vectors do not all have the same sites.
    """
    if not vectors:
        raise ShapeError("expected at least one vector, got none")
    members = list(vectors.items())
    first_name, first = members[0]
    for name, vector in members:
        if vector.sites != first.sites:
            raise SiteError(f"a mean norm needs the same sites in all vectors; {name!r} and {first_name!r} differ")
    norms = [vector.norms() for _, vector in members]
    return {site: float(np.mean([each[site] for each in norms])) for site in first.sites}


def match_mean_norm(vectors: Mapping[str, SteeringVector]) -> dict[str, SteeringVector]:
    """Return all vectors, scaled at each site to their mean norm there.

    Parameters
    ----------
    vectors : mapping of name to SteeringVector
        One a behaviour, all with the same sites.

    Raises
    ------
    ShapeError, SiteError
        As `mean_norms`.
    SteeringError
        A direction is zero: it has no length to scale.
    """
    targets = mean_norms(vectors)
    return {name: _scaled(vector, targets) for name, vector in vectors.items()}


def _scaled(vector: SteeringVector, targets: Mapping[Site, float]) -> SteeringVector:
    unit = vector.normalised()
    directions = {site: unit[site] * np.float32(targets[site]) for site in vector.sites}
    return SteeringVector(directions, vector.provenance.after("scaled to the mean norm over several vectors"))
