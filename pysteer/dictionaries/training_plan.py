"""How to train a dictionary, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Parameters
    ----------
    n_features, k : int
    seed : int
        Of the order of rows, the first directions and the revived ones.
    n_epochs : int
        Times that every row is seen.
    batch_size : int
        Rows a step; what is left over at the end of an epoch waits for the next order.
    learning_rate : float
        Of Adam, in units of rows scaled to a mean square of 1; falls to 0 over the last fifth of the steps.
    revive_every : int
        Steps between revivals of dead features; 0 never does.
    checkpoint_every : int
        Steps between checkpoints.

    Raises
    ------
    DataError
        A number that makes no sense.
    """

    n_features: int
    k: int
    seed: int
    n_epochs: int = 5
    batch_size: int = 1024
    learning_rate: float = 3e-3
    revive_every: int = 100
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        counts = (self.n_features, self.k, self.n_epochs, self.batch_size, self.checkpoint_every)
        if min(counts) < 1 or self.k > self.n_features or self.revive_every < 0 or self.seed < 0:
            raise DataError(f"expected positive numbers and k <= n_features, got {self}")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise DataError(f"expected a positive learning rate, got {self.learning_rate}")


@dataclass(frozen=True, eq=False)
class DictionaryTraining:
    """A trained dictionary and how training went.

    Parameters
    ----------
    losses : tuple of float
        Squared error of each step's rows over their squared distance from the mean of all rows.
    n_revived : int
        Features begun again, counted each time.
    n_dead : int
        Features that no row used since the last revival interval began.
    """

    dictionary: SparseDictionary
    losses: tuple[float, ...]
    n_revived: int
    n_dead: int
