"""What an operation produces: one edit of one row, as plain data.

An `EditSpec` has the same four kinds, with the same arguments, as the native core's edits, so that translating one is
a call of the constructor that its ``kind`` names. Nothing here touches a model.

    kind              effect on a row x
    rank_one          x <- x + (offset + gain * (x . read)) * write
    norm_preserving   x <- (x + write) * |x| / |x + write|
    in_context        x <- unit(unit(x) + y) * |x|,   y = mean_k strength_k * (1 + max(0, cos(x, -d_k))) * unit(d_k)
    replace           x[begin : begin + len(values)] <- values

Each of them may have a `Gate`: it is then made only at rows that the gate lets through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as with_changes

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Direction, Float32Array, frozen_float32
from pysteer.errors import ShapeError, SteeringError
from pysteer.registry import Registry


@dataclass(frozen=True, eq=False)
class Gate:
    """Lets an edit through where ``x . read`` (with ``is_cosine``: ``x . read / |x|``) is above or below a threshold.

    Parameters
    ----------
    read : float32, shape (d,)
        A unit direction.
    threshold : float
    is_above, is_cosine : bool
    """

    read: Float32Array
    threshold: float
    is_above: bool
    is_cosine: bool

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Gate):
            return NotImplemented
        mine = (self.threshold, self.is_above, self.is_cosine)
        return mine == (other.threshold, other.is_above, other.is_cosine) and np.array_equal(self.read, other.read)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class EditSpec:
    """One edit of one row, made by the class method of its kind. Arrays are float32, C-contiguous and read-only.

    Parameters
    ----------
    kind : str
        ``"rank_one"``, ``"norm_preserving"``, ``"in_context"`` or ``"replace"``.
    read, write : float32, shape (d,), or None
        ``read`` is None for a rank_one edit that does not look at the row.
    offset, gain : float
        rank_one only. Finite in float32, in which the native core keeps them.
    directions, strengths : float32, shapes (K, d) and (K,), or None
        in_context only.
    begin : int
        replace only: first entry that is replaced.
    values : float32, shape (n,), or None
        replace only.
    gate : Gate or None
        Made only at rows that it lets through; None: at all.
    """

    kind: str
    read: Float32Array | None = None
    write: Float32Array | None = None
    offset: float = 0.0
    gain: float = 0.0
    directions: Float32Array | None = None
    strengths: Float32Array | None = None
    begin: int = 0
    values: Float32Array | None = None
    gate: Gate | None = None

    @classmethod
    def rank_one(cls, read: npt.ArrayLike | None, write: npt.ArrayLike, offset: float, gain: float) -> EditSpec:
        """Return ``x <- x + (offset + gain * (x . read)) * write``.

        Raises
        ------
        ShapeError
            Not one axis of finite numbers each, or ``read`` and ``write`` differ in length.
        SteeringError
            ``offset`` or ``gain`` is not finite, or ``gain`` is not 0 without ``read``.
        """
        written = frozen_float32(write, n_dims=1, what="write")
        known = None if read is None else frozen_float32(read, n_dims=1, what="read")
        if known is not None and known.shape != written.shape:
            raise ShapeError(f"read has {known.size} entries and write {written.size}: expected the same number")
        if known is None and gain != 0.0:
            raise SteeringError(f"gain {gain} needs a direction to read along, got none")
        offset, gain = finite_float32(offset, "offset"), finite_float32(gain, "gain")
        return cls("rank_one", read=known, write=written, offset=offset, gain=gain)

    @classmethod
    def norm_preserving(cls, write: npt.ArrayLike) -> EditSpec:
        """Return ``x <- (x + write) * |x| / |x + write|``."""
        return cls("norm_preserving", write=frozen_float32(write, n_dims=1, what="write"))

    @classmethod
    def in_context(cls, directions: npt.ArrayLike, strengths: npt.ArrayLike) -> EditSpec:
        """Return the in-context-vector rule, averaged over K tasks.

        Raises
        ------
        ShapeError
            Not (K, d) directions with (K,) strengths.
        SteeringError
            A direction is zero: its unit direction is undefined.
        """
        rows = frozen_float32(directions, n_dims=2, what="directions")
        weights = frozen_float32(strengths, n_dims=1, what="strengths")
        if len(rows) != len(weights):
            raise ShapeError(f"expected one strength per direction, got {len(weights)} for {len(rows)}")
        for row in rows:
            norm_of(row)
        return cls("in_context", directions=rows, strengths=weights)

    @classmethod
    def replace(cls, begin: int, values: npt.ArrayLike) -> EditSpec:
        """Return ``x[begin : begin + len(values)] <- values``; ``begin`` is not negative."""
        if begin < 0:
            raise SteeringError(f"expected a slice that begins at 0 or later, got begin={begin}")
        return cls("replace", begin=begin, values=frozen_float32(values, n_dims=1, what="values"))

    def gated(self, gate: Gate) -> EditSpec:
        """Return the same edit, made only where ``gate`` lets it through."""
        finite_float32(gate.threshold, "threshold")
        return with_changes(self, gate=gate)

    @property
    def width(self) -> int | None:
        """Entries of the rows this fits, or None for ``replace``, which fits every row that is long enough."""
        if self.directions is not None:
            return int(self.directions.shape[1])
        return None if self.write is None else int(self.write.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EditSpec):
            return NotImplemented
        scalars = (self.kind, self.offset, self.gain, self.begin, self.gate)
        return scalars == (other.kind, other.offset, other.gain, other.begin, other.gate) and all(
            (mine is None) == (theirs is None) and (mine is None or theirs is None or np.array_equal(mine, theirs))
            for mine, theirs in zip(self._arrays(), other._arrays(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def _arrays(self) -> tuple[Float32Array | None, ...]:
        return self.read, self.write, self.directions, self.strengths, self.values


Operation = Callable[..., EditSpec]
"""``operation(direction, coefficient, **typed keyword parameters) -> EditSpec``."""

operations: Registry[Operation] = Registry("operation")
"""Facts of each: ``at_zero``, what coefficient 0 does ("unchanged" or what else); ``is_control_vector``, whether
llama.cpp's own control vector can do the same."""


def finite_float32(value: float, what: str) -> float:
    """Return ``value`` as a float, or raise SteeringError where float32 cannot hold it."""
    if not math.isfinite(value) or abs(value) > float(np.finfo(np.float32).max):
        raise SteeringError(f"{what}: expected a number that is finite in float32, got {value}")
    return float(value)


def check_direction(direction: Direction) -> Direction:
    """Return ``direction`` itself after checking it: float32, one axis, not empty, finite.

    Raises
    ------
    ShapeError
        Anything else. Other dtypes are refused, because rounding them here would be a silent copy.
    """
    if not isinstance(direction, np.ndarray) or direction.dtype != np.float32 or direction.ndim != 1:
        got = f"{direction.dtype} {direction.shape}" if isinstance(direction, np.ndarray) else type(direction).__name__
        raise ShapeError(f"direction: expected a float32 array of shape (d_model,), got {got}")
    if direction.size == 0 or not np.isfinite(direction).all():
        raise ShapeError("direction: expected finite numbers, got none or some that are NaN or infinite")
    return direction


def scaled(direction: Direction, coefficient: float) -> Direction:
    """Return ``float32(coefficient) * direction``, rounded once: what llama.cpp computes for a scaled vector file.

    Raises
    ------
    SteeringError
        The coefficient or the product is not finite in float32.
    """
    check_direction(direction)
    factor = np.float32(finite_float32(coefficient, "coefficient"))
    with np.errstate(over="ignore", under="ignore"):
        product: Direction = direction * factor
    if not np.isfinite(product).all():
        raise SteeringError(f"coefficient {coefficient} times this direction overflows float32")
    return product


def norm_of(direction: Direction) -> float:
    """Return the Euclidean norm, summed in float64.

    Raises
    ------
    SteeringError
        The direction is zero: it points nowhere.
    """
    norm = float(np.linalg.norm(check_direction(direction).astype(np.float64)))
    if norm == 0.0:
        raise SteeringError("the direction is zero: it has no unit direction to project on")
    return norm


def unit(direction: Direction) -> Direction:
    """Return ``direction / |direction|``, divided in float64 and rounded once."""
    norm = norm_of(direction)
    return (direction.astype(np.float64) / norm).astype(np.float32)
