"""Which features set two kinds of rows apart, and how much of each to add. Arrays only; no model here.

With f the mean of a feature over a text's tokens, m its mean over the texts and s^2 their variance (n - 1):

    d_j = (m_with - m_without) / sqrt((s_with^2 + s_without^2) / 2)         Cohen's d, pooled over both sides

The k features with the largest |d| are taken, and added with weights w_j so that the length of w_j times row j of W_dec
is proportional to |d|, its sign that of d, and the norm of their sum is ``strength`` times the mean norm of the rows.

Source: the contrast of features that stands in for AutoSteer of "Mind the Performance Gap", arXiv:2602.04903, whose
insides are not published; strengths in units of the residual norm after "Towards Monosemanticity" and its successors.
Deviation: s is never taken below 1 % of the larger mean, so that a feature that never varies has a finite effect size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float64Array, frozen_float32
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError, ShapeError, SteeringError
from pysteer.provenance import Provenance
from pysteer.vector import SteeringVector

_LEAST_SPREAD = 0.01


@dataclass(frozen=True)
class FeatureSelection:
    """Features that a description, or a contrast of texts, picked out, and how much of each is added.

    Parameters
    ----------
    description : str
        What they are for.
    features : tuple of int
        Largest effect first.
    effect_sizes : tuple of float
        Cohen's d of each.
    differences : tuple of float
        Mean with minus mean without, in units of the feature.
    weights : tuple of float
        How much of each is added, in units of the feature; the sign is that of the effect.
    strength : float
        Norm of what is added, over ``mean_norm``; NaN where every feature has a length of its own.
    mean_norm : float
        Mean norm of the rows without, residual-stream units.
    n_with, n_without : int
        Texts on each side.
    """

    description: str
    features: tuple[int, ...]
    effect_sizes: tuple[float, ...]
    differences: tuple[float, ...]
    weights: tuple[float, ...]
    strength: float
    mean_norm: float
    n_with: int
    n_without: int

    def as_mapping(self) -> Mapping[int, float]:
        """Return {feature: weight}, for `feature_vector`."""
        return MappingProxyType(dict(zip(self.features, self.weights, strict=True)))

    def at_strength(self, strength: float) -> FeatureSelection:
        """Return the same with all weights scaled so that the total has another strength, >= 0.

        Raises
        ------
        SteeringError
            Negative or not finite: signs are kept.
        """
        if not (math.isfinite(self.strength) and self.strength > 0):
            raise SteeringError("only weights with a common strength above 0 can be scaled to another one")
        factor = _checked(strength) / self.strength
        return replace(self, weights=tuple(factor * weight for weight in self.weights), strength=float(strength))

    def at_equal_weights(self, intensity: float, dictionary: SparseDictionary) -> FeatureSelection:
        """Return the same features, each adding ``intensity`` mean norms, with the sign that it has.

        The strength sweep of arXiv:2602.04903: every weight is replaced by a number with the old sign.
        """
        lengths = dictionary.feature_norms()[list(self.features)]
        size = _checked(intensity) * self.mean_norm
        weights = tuple(
            math.copysign(size / float(length), weight) for length, weight in zip(lengths, self.weights, strict=True)
        )
        return replace(self, weights=weights, strength=math.nan)

    def vector(self, dictionary: SparseDictionary) -> SteeringVector:
        """Return what is added, for a coefficient of 1."""
        vector = feature_vector(dictionary, self.as_mapping())
        extra = {**vector.provenance.extra, "selection": self.to_dict()}
        return SteeringVector(dict(vector.directions), Provenance("selected_features", extra=extra))

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "description": self.description,
            "features": [
                {"feature": feature, "weight": weight, "effect_size": effect, "difference": difference}
                for feature, weight, effect, difference in zip(
                    self.features, self.weights, self.effect_sizes, self.differences, strict=True
                )
            ],
            "strength": None if math.isnan(self.strength) else self.strength,
            "mean_norm": self.mean_norm,
            "n_with": self.n_with,
            "n_without": self.n_without,
        }


def feature_vector(dictionary: SparseDictionary, weights: Mapping[int, float]) -> SteeringVector:
    """Return sum_j c_j d_j at the dictionary's site, from {j: c_j}.

    Raises
    ------
    SteeringError
        No feature, or the dictionary has no site.
    """
    if not weights:
        raise SteeringError("expected at least one feature")
    if dictionary.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a site")
    total = sum(np.float32(value) * dictionary.direction(feature) for feature, value in weights.items())
    extra = {"features": {str(feature): float(value) for feature, value in weights.items()}}
    return SteeringVector({dictionary.site: np.asarray(total)}, Provenance("features", extra=extra))


def effect_sizes(with_: npt.ArrayLike, without: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Return Cohen's d and the difference of the means of each feature, both float64, (n_features,).

    Parameters
    ----------
    with_, without : float32, shapes (n, n_features) and (m, n_features)
        A row for each text; at least two on each side.

    Raises
    ------
    ShapeError
        Another shape, or values that are not finite.
    DataError
        Fewer than two texts on a side.
    """
    first = frozen_float32(with_, n_dims=2, what="features with").astype(np.float64)
    second = frozen_float32(without, n_dims=2, what="features without").astype(np.float64)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(f"expected as many features on both sides, got {first.shape[1]} and {second.shape[1]}")
    if min(len(first), len(second)) < 2:
        raise DataError(f"an effect size needs at least two texts on each side, got {len(first)} and {len(second)}")
    means = first.mean(axis=0), second.mean(axis=0)
    difference = means[0] - means[1]
    spread = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / 2.0)
    spread = np.maximum(spread, _LEAST_SPREAD * np.maximum(np.abs(means[0]), np.abs(means[1])))
    effects: Float64Array = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    return effects, difference


def choose_features(
    dictionary: SparseDictionary,
    with_: npt.ArrayLike,
    without: npt.ArrayLike,
    *,
    description: str,
    n_features: int,
    strength: float,
    mean_norm: float,
) -> FeatureSelection:
    """Return the features that set the two sides apart, with weights.

    Parameters
    ----------
    with_, without : float32, shapes (n, n_features) and (m, n_features)
        Mean features of each text.
    strength : float
        Norm of all that is added, as a fraction of ``mean_norm``; above 0.
    mean_norm : float
        Mean norm of rows at the dictionary's site.

    Raises
    ------
    DataError
        Fewer than two texts on a side, or no feature that differs.
    SteeringError
        No feature is wanted, a strength or norm that is not positive, or features that cancel each other out.
    """
    if n_features < 1 or not (math.isfinite(strength) and strength > 0 and math.isfinite(mean_norm) and mean_norm > 0):
        raise SteeringError(
            "expected a number of features, a strength and a mean norm above 0, "
            f"got {n_features}, {strength}, {mean_norm}"
        )
    effects, differences = effect_sizes(with_, without)
    if len(effects) != dictionary.n_features:
        raise ShapeError(f"expected {dictionary.n_features} features of this dictionary, got {len(effects)}")
    lengths = dictionary.feature_norms()
    usable = np.where(lengths > 0, np.abs(effects), 0.0)
    order = np.argsort(-usable, kind="stable")[:n_features]  # ties: the lower number first
    chosen = [int(feature) for feature in order if usable[feature] > 0]
    if not chosen:
        raise DataError(f"no feature differs between the texts with and without {description!r}")
    weights = effects[chosen] / lengths[chosen]
    total = float(np.linalg.norm(weights @ dictionary.w_dec[chosen].astype(np.float64)))
    if total <= 1e-6 * float(np.abs(effects[chosen]).sum()):
        raise SteeringError(f"the features {chosen} cancel each other out; take another number of them")
    weights *= strength * mean_norm / total
    return FeatureSelection(
        description,
        tuple(chosen),
        tuple(effects[chosen].tolist()),
        tuple(differences[chosen].tolist()),
        tuple(weights.tolist()),
        float(strength),
        float(mean_norm),
        len(np.atleast_2d(np.asarray(with_))),
        len(np.atleast_2d(np.asarray(without))),
    )


def _checked(strength: float) -> float:
    if not (math.isfinite(strength) and strength >= 0):
        raise SteeringError(f"expected a strength of at least 0, got {strength}: the signs of the weights are kept")
    return float(strength)
