"""How alike several vectors are, and the random vectors that a result has to beat.

A steering result means little until a random direction of the same length does worse: the reference code of
"Analyzing the Generalization and Reliability of Steering Vectors" (arXiv:2407.12404) leaves that control out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import ShapeError, SiteError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector


def cosine_table(vectors: Mapping[str, SteeringVector]) -> dict[Site, Float64Array]:
    """Return the cosines between all vectors, at every site that all of them have.

    Parameters
    ----------
    vectors : mapping of name to SteeringVector
        At least one; rows and columns follow its order.

    Returns
    -------
    dict of Site to float64, shape (n_vectors, n_vectors)
        Symmetric, with ones on the diagonal.

    Raises
    ------
    ShapeError
        No vector is given, or the widths differ.
    SiteError
        There is no site that all vectors have.
    SteeringError
        A direction is zero.
    """
    if not vectors:
        raise ShapeError("expected at least one vector to compare, got none")
    common = set.intersection(*(set(vector.sites) for vector in vectors.values()))
    if not common:
        raise SiteError(f"the vectors {', '.join(vectors)} have no site in common")
    table = {site: np.eye(len(vectors)) for site in sorted(common)}
    members = list(vectors.values())
    for row, first in enumerate(members):
        for column in range(row, len(members)):
            for site, cosine in first.cosine(members[column]).items():
                if site in table and row != column:
                    table[site][row, column] = table[site][column, row] = cosine
    return table


def random_like(vector: SteeringVector, *, seed: int) -> SteeringVector:
    """Return a random vector with the norm of ``vector`` at every site: the control for "any push of this size".

    Each direction is uniform over the sphere (a normal draw, rescaled), and independent of the others.

    Parameters
    ----------
    vector : SteeringVector
        Gives sites, widths, norms, and the model in the provenance.
    seed : int
        The same seed and sites give the same directions, whatever the vector's norms.

    Raises
    ------
    SteeringError
        A direction of ``vector`` is zero.
    """
    generator = np.random.default_rng(seed)
    drawn = {
        site: generator.standard_normal(direction.size).astype(np.float32)
        for site, direction in vector.directions.items()
    }
    origin = vector.provenance
    provenance = Provenance(
        method="random",
        model_name=origin.model_name,
        model_hash=origin.model_hash,
        architecture=origin.architecture,
        quantisation=origin.quantisation,
        layers=vector.layers,
        seed=seed,
    )
    return SteeringVector(drawn, provenance).scaled_to(vector)
