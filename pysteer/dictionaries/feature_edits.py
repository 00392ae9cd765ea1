"""What changing features does to a row: add, clamp, scale and ablate.

With f = encode(x), d_j row j of W_dec and the error x - decode(f) kept as it is:

    add      x + c d_j
    clamp    x + (c - f_j) d_j       f_j becomes c
    scale    x + c f_j d_j           f_j becomes (1 + c) f_j
    ablate   x - f_j d_j             clamp to 0

Several features are changed at once, all of them read from the row before any change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import SteeringError

ACTIONS = ("add", "clamp", "scale", "ablate")


@dataclass(frozen=True)
class FeatureEdit:
    """One change of one feature.

    Parameters
    ----------
    feature : int
    action : "add", "clamp", "scale" or "ablate"
    value : float
        c in the formulas above; 0 for ablate, which has none.

    Raises
    ------
    SteeringError
        Another action, or a value that is not finite.
    """

    feature: int
    action: str
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise SteeringError(f"expected one of {', '.join(ACTIONS)}, got {self.action!r}")
        if not math.isfinite(self.value) or (self.action == "ablate" and self.value != 0.0):
            raise SteeringError(f"{self.action}: expected a finite value, none for ablate, got {self.value}")


def feature_changes(dictionary: SparseDictionary, rows: Float32Array, edits: Sequence[FeatureEdit]) -> Float32Array:
    """Return what is to be added to each row, float32, (n, d).

    Raises
    ------
    SteeringError
        No edit, or a feature that is named twice.
    ShapeError
        The dictionary has no such feature, or the rows do not fit it.
    """
    features = [dictionary.check_feature(edit.feature) for edit in edits]
    if not features or len(set(features)) < len(features):
        raise SteeringError(f"expected edits of different features, got {features}")
    present = dictionary.encode(rows)[:, features]
    values = np.array([edit.value for edit in edits], dtype=np.float32)
    steps = np.empty_like(present)
    for column, edit in enumerate(edits):
        f = present[:, column]
        if edit.action == "add":
            steps[:, column] = values[column]
        elif edit.action == "scale":
            steps[:, column] = values[column] * f
        else:
            steps[:, column] = values[column] - f
    changes: Float32Array = steps @ dictionary.w_dec[features]
    return changes
