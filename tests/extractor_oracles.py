"""The extraction methods once more, each from its published definition and by another road than the package takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Rows = np.ndarray


def _toward_positive(direction: Rows, positive: Rows, negative: Rows) -> Rows:
    return direction if ((positive - negative) @ direction).mean() > 0 else -direction


def _most_pairs(direction: Rows, positive: Rows, negative: Rows) -> Rows:
    """repeng's rule for the sign: most positive sides project above their negative ones."""
    above = [p @ direction > n @ direction for p, n in zip(positive, negative, strict=True)]
    return direction if np.mean(above) > 0.5 else -direction


def mean_difference(positive: Rows, negative: Rows) -> Rows:
    return np.asarray(positive.mean(axis=0) - negative.mean(axis=0))


def pca(positive: Rows, negative: Rows) -> Rows:
    """First left singular vector of the stacked differences and their negatives, not centred."""
    deltas = positive - negative
    direction = np.linalg.svd(np.concatenate([deltas, -deltas]).T, full_matrices=False)[0][:, 0]
    return _toward_positive(direction, positive, negative)


def pca_diff(positive: Rows, negative: Rows) -> Rows:
    """repeng: a principal component analysis, which centres, of the differences."""
    deltas = positive - negative
    direction = np.linalg.svd(deltas - deltas.mean(axis=0), full_matrices=False)[2][0]
    return _most_pairs(direction, positive, negative)


def pca_center(positive: Rows, negative: Rows) -> Rows:
    """repeng: a principal component analysis, which centres, of both sides less the middle of their pair."""
    middle = (positive + negative) / 2
    sides = np.concatenate([positive - middle, negative - middle])
    direction = np.linalg.svd(sides - sides.mean(axis=0), full_matrices=False)[2][0]
    return _most_pairs(direction, positive, negative)


def logistic(positive: Rows, negative: Rows) -> Rows:
    """Newton's method on the penalised likelihood (C = 1, no intercept)."""
    middle = (positive + negative) / 2
    sides = np.concatenate([positive - middle, negative - middle])
    labels = np.repeat([1.0, -1.0], len(positive))
    weights = np.zeros(sides.shape[1])
    for _ in range(50):
        wrong = 1 / (1 + np.exp(labels * (sides @ weights)))
        gradient = weights - sides.T @ (labels * wrong)
        hessian = np.eye(len(weights)) + (sides * (wrong * (1 - wrong))[:, None]).T @ sides
        weights = weights - np.linalg.solve(hessian, gradient)
    return np.asarray(weights / np.linalg.norm(weights))


ORACLES: dict[str, Callable[[Rows, Rows], Rows]] = {
    "mean_difference": mean_difference,
    "pca": pca,
    "pca_diff": pca_diff,
    "pca_center": pca_center,
    "logistic": logistic,
}
