"""A curve that is flat and then falls: where the fall begins. Not a metric itself."""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array

N_PLACES = 201
"""Places that are tried between the first and the last strength."""


def fit_onsets(strengths: Float64Array, curves: Float64Array) -> Float64Array:
    """Return where each curve begins to fall, by least squares over all places, float64 (k,).

    A curve that does not fall at all gets the last strength.

    Parameters
    ----------
    strengths : float64, shape (n,)
        Ascending, at least three different ones.
    curves : float64, shape (k, n)

    Examples
    --------
    >>> fit_onsets(np.arange(5.0), np.array([[1.0, 1.0, 0.5, 0.0, -0.5], [0.0, 0.0, 0.0, 0.0, 0.0]]))
    array([1., 4.])
    """
    # hinges is (places, n): how far behind the place each strength lies; slopes and gains are (k, places)
    places = np.linspace(strengths[0], strengths[-1], N_PLACES)[:-1]
    hinges = np.maximum(0.0, strengths - places[:, None])
    centred = hinges - hinges.mean(axis=1, keepdims=True)
    spread = (centred**2).sum(axis=1)
    slopes = (curves - curves[:, :1]) @ centred.T / spread
    # The reduction of the sum of squares by a hinge; rising hinges do not count.
    gains = np.where(slopes < 0.0, slopes**2 * spread, 0.0)
    # Among places that fit equally well, to rounding, the first.
    best = gains.max(axis=1, keepdims=True)
    first = np.argmax(gains >= best * (1.0 - 1e-9), axis=1)
    scale = ((curves - curves.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    falls = best[:, 0] > 1e-12 * np.maximum(scale, 1e-300)
    onsets: Float64Array = np.where(falls, places[first], strengths[-1])
    return onsets
