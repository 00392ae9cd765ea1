"""What the search maximises, and what it pays for: a target and the cross-entropy of the prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError, ShapeError
from pysteer.prefix_tree import Int32Array


@dataclass(frozen=True, eq=False)
class Evaluated:
    """Prompts with what was measured on them.

    Parameters
    ----------
    tokens : int32, shape (n, length)
    target : float64, shape (n,)
        To be maximised.
    cross_entropy : float64, shape (n,)
        Nats per token of the prompt, in its context; low: natural text.

    Raises
    ------
    ShapeError
        Lengths that do not fit together.
    MeasurementError
        A value that is not finite: a prompt that could not be measured cannot be ranked.
    """

    tokens: Int32Array
    target: Float64Array
    cross_entropy: Float64Array

    def __post_init__(self) -> None:
        n = len(self.tokens)
        if self.tokens.ndim != 2 or self.target.shape != (n,) or self.cross_entropy.shape != (n,):
            raise ShapeError(
                f"expected (n, length) tokens and n numbers twice, got shapes {self.tokens.shape}, "
                f"{self.target.shape}, {self.cross_entropy.shape}"
            )
        if not (np.isfinite(self.target).all() and np.isfinite(self.cross_entropy).all()):
            raise MeasurementError("the objective gave a value that is not finite for some prompt")

    def __len__(self) -> int:
        return len(self.tokens)

    def take(self, indices: Int32Array) -> Evaluated:
        """Return the prompts at these places."""
        return Evaluated(self.tokens[indices], self.target[indices], self.cross_entropy[indices])

    def joined(self, other: Evaluated) -> Evaluated:
        """Return these and then the other prompts."""
        return Evaluated(
            np.concatenate([self.tokens, other.tokens]),
            np.concatenate([self.target, other.target]),
            np.concatenate([self.cross_entropy, other.cross_entropy]),
        )


class Objective(Protocol):
    """Measures prompts. `fingerprint` names everything that decides the numbers: a search resumes only on the same."""

    @property
    def fingerprint(self) -> str: ...

    def evaluate(self, tokens: Int32Array) -> Evaluated:
        """Measure prompts, int32 (n, length)."""
        ...
