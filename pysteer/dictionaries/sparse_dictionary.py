"""Sparse autoencoders as data: how much of each feature is in a row, and the row that features make.

With x a row of activations, F features and d_j row j of W_dec:

    z = (x - b_pre) W_enc + b_enc
    f = max(z, 0)                              relu
    f = max(z, 0) where z is among the k largest of its row, else 0      topk (Gao et al. 2024, arXiv:2406.04093)
    f = max(z, 0) where z > threshold, else 0  jumprelu (Rajamanoharan et al. 2024, arXiv:2407.14435)
    x^ = f W_dec + b_dec

FVU is the fraction of variance unexplained, sum |x - x^|^2 / sum |x - mean x|^2 over rows: 0 is perfect, 1 is no better
than the mean. L0 is the mean number of features that are not 0 in a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array, Float64Array, frozen_float32
from pysteer.errors import MeasurementError, ShapeError
from pysteer.provenance import Provenance
from pysteer.site import Site

ACTIVATIONS = ("relu", "topk", "jumprelu")
_BLOCK_VALUES = 2**24
"""Feature values held at once while rows are encoded in blocks."""


@dataclass(frozen=True, eq=False, repr=False)
class SparseDictionary:
    """A sparse autoencoder. Arrays are float32, read-only, copied on the way in.

    Parameters
    ----------
    w_enc : float32, shape (d, n_features)
    b_enc : float32, shape (n_features,)
    w_dec : float32, shape (n_features, d)
        Row j is the direction that feature j adds, per unit of the feature; not necessarily a unit vector.
    b_dec : float32, shape (d,)
    activation : "relu", "topk" or "jumprelu"
    provenance : Provenance
    site : Site, optional
        Where its rows come from; None where a file does not say.
    b_pre : float32, shape (d,), optional
        Subtracted before encoding; None is zero.
    k : int, optional
        topk only, and needed there.
    threshold : float32, shape (n_features,), optional
        jumprelu only, and needed there.

    Raises
    ------
    ShapeError
        Arrays that do not fit together or are not finite, an unknown activation, or one whose parameter is missing.
    """

    w_enc: Float32Array
    b_enc: Float32Array
    w_dec: Float32Array
    b_dec: Float32Array
    activation: str
    provenance: Provenance
    site: Site | None = None
    b_pre: Float32Array | None = None
    k: int | None = None
    threshold: Float32Array | None = None

    def __post_init__(self) -> None:
        for name, n_dims in (("w_enc", 2), ("b_enc", 1), ("w_dec", 2), ("b_dec", 1), ("b_pre", 1), ("threshold", 1)):
            values = getattr(self, name)
            if values is not None:
                object.__setattr__(self, name, frozen_float32(values, n_dims=n_dims, what=f"dictionary, {name}"))
        n_features, d = self.w_dec.shape
        expected = {"w_enc": (d, n_features), "b_enc": (n_features,), "b_dec": (d,)}
        expected |= {"b_pre": (d,), "threshold": (n_features,)}
        for name, shape in expected.items():
            values = getattr(self, name)
            if values is not None and values.shape != shape:
                raise ShapeError(
                    f"dictionary, {name}: expected shape {shape} beside w_dec {self.w_dec.shape}, got {values.shape}"
                )
        if self.activation not in ACTIVATIONS:
            raise ShapeError(f"dictionary: expected activation {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        if (self.activation == "topk") != (self.k is not None):
            raise ShapeError(
                f"dictionary: k is {self.k} with activation {self.activation!r}; topk, and only it, needs k"
            )
        if self.k is not None and (type(self.k) is not int or not 1 <= self.k <= n_features):
            raise ShapeError(f"dictionary: expected k as an integer from 1 to {n_features}, got {self.k!r}")
        if (self.activation == "jumprelu") != (self.threshold is not None):
            raise ShapeError("dictionary: jumprelu, and only it, needs a threshold for each feature")

    @property
    def n_features(self) -> int:
        return int(self.w_dec.shape[0])

    @property
    def width(self) -> int:
        """Entries of a row, d."""
        return int(self.w_dec.shape[1])

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over all that the formula depends on, in hexadecimal; site and provenance are not part of it."""
        digest = hashlib.sha256(f"{self.activation} {self.k} {self.w_dec.shape}".encode())
        for values in (self.w_enc, self.b_enc, self.w_dec, self.b_dec, self.b_pre, self.threshold):
            digest.update(b"none" if values is None else values.astype("<f4", copy=False).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        kind = f"topk {self.k}" if self.activation == "topk" else self.activation
        return f"SparseDictionary({self.n_features} features of width {self.width}, {kind}, site {self.site})"

    def feature_norms(self) -> Float64Array:
        """Return |d_j| of every feature, float64, (n_features,)."""
        norms: Float64Array = np.linalg.norm(self.w_dec.astype(np.float64), axis=1)
        return norms

    def direction(self, feature: int) -> Float32Array:
        """Return d_j, float32, (d,), not normalised.

        Raises
        ------
        ShapeError
            There is no such feature.
        """
        row: Float32Array = self.w_dec[self.check_feature(feature)]
        return row

    def check_feature(self, feature: int) -> int:
        """Return ``feature`` if the dictionary has it; ShapeError otherwise."""
        if not 0 <= feature < self.n_features:
            raise ShapeError(f"no feature {feature}: this dictionary's features run from 0 to {self.n_features - 1}")
        return int(feature)

    def encode(self, rows: npt.ArrayLike) -> Float32Array:
        """Return how much of each feature is in each row, float32, (n, n_features).

        Parameters
        ----------
        rows : float32, shape (n, d)
        """
        x = self._rows(rows)
        inner: Float32Array = x if self.b_pre is None else x - self.b_pre
        z: Float32Array = inner @ self.w_enc
        z += self.b_enc
        return activate(z, self.activation, k=self.k, threshold=self.threshold)

    def decode(self, features: npt.ArrayLike) -> Float32Array:
        """Return the rows that features make, float32, (n, d), from float32, (n, n_features)."""
        values = frozen_float32(features, n_dims=2, what="features")
        if values.shape[1] != self.n_features:
            raise ShapeError(f"features: expected {self.n_features} columns, got {values.shape[1]}")
        decoded: Float32Array = values @ self.w_dec + self.b_dec
        return decoded

    def blocks(self, rows: npt.ArrayLike) -> Iterator[tuple[Float32Array, Float32Array]]:
        """Yield (rows, their features) in blocks, so that memory stays flat in the number of rows."""
        x = self._rows(rows)
        size = max(1, _BLOCK_VALUES // self.n_features)
        for begin in range(0, len(x), size):
            yield x[begin : begin + size], self.encode(x[begin : begin + size])

    def fvu(self, rows: npt.ArrayLike) -> float:
        """Return the fraction of the rows' variance that decoding their features leaves unexplained.

        Raises
        ------
        MeasurementError
            All rows are the same: they have no variance.
        """
        x = self._rows(rows)
        mean = x.mean(axis=0, dtype=np.float64)
        error = total = 0.0
        for block, features in self.blocks(x):
            error += _squares(block - (features @ self.w_dec + self.b_dec))
            total += _squares(block - mean)
        if total == 0.0:
            raise MeasurementError(f"FVU is undefined: the {len(x)} rows do not differ")
        return error / total

    def l0(self, rows: npt.ArrayLike) -> float:
        """Return the mean number of features that are not 0 in a row."""
        x = self._rows(rows)
        return sum(int(np.count_nonzero(features)) for _, features in self.blocks(x)) / len(x)

    def _rows(self, rows: npt.ArrayLike) -> Float32Array:
        values = rows if isinstance(rows, np.ndarray) and rows.dtype == np.float32 else None
        x: Float32Array = frozen_float32(rows, n_dims=2, what="rows") if values is None else values
        if x.ndim != 2 or x.shape[1] != self.width or len(x) == 0:
            raise ShapeError(f"rows: expected shape (n, {self.width}) with n > 0, got {x.shape}")
        if not np.isfinite(x).all():
            raise ShapeError("rows: some values are NaN or infinite")
        return x


def activate(
    z: Float32Array, activation: str, *, k: int | None = None, threshold: Float32Array | None = None
) -> Float32Array:
    """Return the features of pre-activations, float32, (n, n_features); see the formulas above.

    Where several pre-activations tie for the k-th place, ``topk`` keeps k of them, never more.
    """
    positive: Float32Array = np.maximum(z, np.float32(0.0))
    if activation == "relu":
        return positive
    if activation == "jumprelu" and threshold is not None:
        positive[z <= threshold] = 0.0
        return positive
    if activation == "topk" and k is not None:
        places = np.argpartition(z, z.shape[1] - k, axis=1)[:, -k:]
        features: Float32Array = np.zeros_like(z)
        np.put_along_axis(features, places, np.take_along_axis(positive, places, axis=1), axis=1)
        return features
    raise ShapeError(f"activation {activation!r} is unknown, or lacks its parameter")


def _squares(values: npt.NDArray[np.floating]) -> float:
    flat = values.astype(np.float64).ravel()
    return float(flat @ flat)
