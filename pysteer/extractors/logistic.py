"""A linear probe: the direction that best tells positive from negative."""

from __future__ import annotations

import warnings

import numpy as np

from pysteer.arrays import Direction, Float32Array
from pysteer.errors import MeasurementError, SteeringError
from pysteer.extractors.extractor import differences, extractors
from pysteer.extractors.principal_component import toward_positive

_MAX_ITERATIONS = 5000
_TOLERANCE = 1e-6


@extractors.register("logistic")
def logistic(positive: Float32Array, negative: Float32Array) -> Direction:
    """Normalised coefficient of a logistic regression between both sides, each centred on its pair; needs scikit-learn.

    Parameters
    ----------
    positive, negative : float32, shape (n_pairs, d_model)
        Row ``i`` of both comes from the same pair. Residual-stream units; the penalty (C = 1, on the squared norm of
        the coefficient) is in these units, so that a model with larger activations is penalised less.

    Returns
    -------
    float32, shape (d_model,)
        Norm 1. With one pair: its difference, normalised.

    Raises
    ------
    SteeringError
        scikit-learn is not installed.
    MeasurementError
        The regression does not converge.
    ShapeError
        As `pca`.

    References
    ----------
    steering-vectors' ``logistic`` aggregator, as used for arXiv:2407.12404: no intercept, the default penalty.
    """
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise SteeringError(
            "method 'logistic' needs scikit-learn: pip install 'pysteer-gguf[probe]', or use mean_difference or pca"
        ) from error
    deltas = differences(positive, negative)
    sides = np.concatenate([deltas, -deltas]) / 2.0
    probe = LogisticRegression(fit_intercept=False, C=1.0, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            probe.fit(sides, np.repeat([1, -1], len(deltas)))
        except ConvergenceWarning as error:
            raise MeasurementError(
                f"the logistic probe of {len(deltas)} pairs did not converge in {_MAX_ITERATIONS} steps"
            ) from error
    coefficient = np.asarray(probe.coef_[0], dtype=np.float64)
    return toward_positive(coefficient / np.linalg.norm(coefficient), 0.0, deltas)
