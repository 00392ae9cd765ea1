"""Steering a model by the features of a sparse dictionary.

`add` is a plain steering vector (`feature_vector`). Clamp, scale and ablate depend on the features of each row, and
which features are active (ReLU, TopK, JumpReLU) is no rank-one function of the row, so the native core cannot do them
in one pass. They are done in two: the first records the site's rows, and the second adds each row's own change. This is
exact, up to the rounding of a repeated computation: an edit at one site changes keys and values only behind it, so no
row of that site depends on edits of earlier tokens at the same site.

Only for tokens that are known: step-by-step generation under clamp, scale or ablate is not here, nor are several sites.

Source: "Mind the Performance Gap", arXiv:2602.04903; Gao et al. 2024, arXiv:2406.04093.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.dictionaries.feature_edits import FeatureEdit, feature_changes
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import SteeringError
from pysteer.intervention import Intervention
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window


def feature_vector(dictionary: SparseDictionary, weights: Mapping[int, float]) -> SteeringVector:
    """Return sum_j c_j d_j at the dictionary's site, from {j: c_j}.

    Raises
    ------
    SteeringError
        No feature, or the dictionary has no site.
    """
    if not weights:
        raise SteeringError("expected at least one feature")
    total = sum(np.float32(value) * dictionary.direction(feature) for feature, value in weights.items())
    extra = {"features": {str(feature): float(value) for feature, value in weights.items()}}
    return SteeringVector({_site(dictionary): np.asarray(total)}, Provenance("features", extra=extra))


def interventions_on_text(
    session: Session, dictionary: SparseDictionary, tokens: Sequence[int], edits: Sequence[FeatureEdit]
) -> tuple[Intervention, ...]:
    """Return one addition a token that makes the edits on this text, under the steering in force.

    They belong to these tokens and no others. The session's sequences are dropped. The dictionary's site must not be
    steered already: the recorded rows would be those after that steering, and both orders are not the same.
    """
    site = _site(dictionary)
    if any(item.site == site for item in session.steering):
        raise SteeringError(f"{site} is steered already: end that steering before features are edited there")
    rows = record(session.model, [list(tokens)], [site], session=session)[0][site]
    changes = feature_changes(dictionary, rows, edits)
    origin = Provenance("feature_edits")
    return tuple(
        Intervention(SteeringVector({site: change}, origin), coefficient=1.0, window=Window.parse(f"{at}:{at + 1}"))
        for at, change in enumerate(changes)
        if change.any()
    )


def _site(dictionary: SparseDictionary) -> Site:
    if dictionary.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a site")
    return dictionary.site
