"""Norm matching: norms become equal, directions stay."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import ShapeError, SiteError, SteeringError
from pysteer.norm_matching import match_mean_norm, match_norm, mean_norms
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector

SITES = (Site("resid_post", 1), Site("resid_post", 2))


def vector(seed: int, *sites: Site) -> SteeringVector:
    rng = np.random.default_rng(seed)
    return SteeringVector({site: rng.normal(size=16) * rng.uniform(0.1, 9) for site in sites or SITES}, Provenance("x"))


def test_matching_a_reference_takes_its_norms_and_keeps_the_directions() -> None:
    mine, reference = vector(1), vector(2)
    matched = match_norm(mine, reference)
    for site in SITES:
        assert matched.norms()[site] == pytest.approx(reference.norms()[site], rel=1e-6)
        assert matched.cosine(mine)[site] == pytest.approx(1.0, abs=1e-6)
    assert match_norm(mine, mine).norms() == pytest.approx(mine.norms(), rel=1e-6)


def test_matching_the_mean_takes_the_mean_norm_layer_by_layer() -> None:
    vectors = {f"behaviour {seed}": vector(seed) for seed in range(7)}
    matched = match_mean_norm(vectors)
    for site in SITES:
        mean = np.mean([each.norms()[site] for each in vectors.values()])
        assert mean_norms(vectors)[site] == pytest.approx(mean)
        for name, each in matched.items():
            assert each.norms()[site] == pytest.approx(mean, rel=1e-6)
            assert each.cosine(vectors[name])[site] == pytest.approx(1.0, abs=1e-6)
    assert "mean norm" in matched["behaviour 0"].provenance.extra["history"][-1]


def test_what_cannot_be_matched_is_an_error() -> None:
    with pytest.raises(ShapeError, match="at least one vector"):
        match_mean_norm({})
    with pytest.raises(SiteError, match="same sites"):
        match_mean_norm({"a": vector(1), "b": vector(2, SITES[0])})
    with pytest.raises(SteeringError, match="zero"):
        match_mean_norm({"a": vector(1), "b": 0 * vector(2)})
    with pytest.raises(SiteError):
        match_norm(vector(1), vector(2, SITES[0]))
