"""How much of the study is computed under each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Parameters
    ----------
    n_tasks : int, optional
        Functional tasks, at most; None: all there are.
    n_folds : int
        Splits of a task with few words into train, test and validation; a task with many words has one.
    n_test, n_valid : int
        Words asked about for measuring and for choosing; at most, in each fold.
    n_shots : int
        Examples in a prompt from which vectors are made; fewer where the context is too short.
    n_bound : int
        Examples in the longest prompt: what can be had without steering.
    n_mean_prompts, n_trials : int
        Prompts for the heads' mean activations, and for the scan of heads.
    n_random : int
        Random directions.
    alphas : tuple of float
        Strengths of in-context vectors, in units of 0.1 (the paper's alpha).
    n_demos : tuple of int
        Demonstrations that an in-context vector is made of.
    n_pairs : int
        Sentence pairs of each behaviour, for vectors and test together.
    behaviour_strengths, behaviour_alphas : tuple of float
        Multiples of the function vector, and strengths of the in-context vector, for behaviours.
    """

    n_tasks: int | None
    n_folds: int
    n_test: int
    n_valid: int
    n_shots: int
    n_bound: int
    n_mean_prompts: int
    n_trials: int
    n_random: int
    alphas: tuple[float, ...]
    n_demos: tuple[int, ...]
    n_pairs: int
    behaviour_strengths: tuple[float, ...]
    behaviour_alphas: tuple[float, ...]


_ALPHAS = (0.7, 1.0, 1.5, 2.5, 4.0)
_TEXT_ALPHAS = (0.25, 0.5, 0.7, 1.0, 1.5, 2.5, 4.0)
_STRENGTHS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
PRESETS: Mapping[str, Sizes] = MappingProxyType(
    {
        "smoke": Sizes(2, 1, 5, 3, 10, 10, 4, 2, 1, (1.0, 2.5), (5,), 20, (1.0, 4.0), (1.0, 2.5)),
        "quick": Sizes(
            8, 1, 20, 10, 10, 20, 10, 4, 2, (1.0, 1.5, 2.5), (5, 20), 60, (1.0, 2.0, 4.0, 8.0),
            (0.5, 1.0, 1.5, 2.5),
        ),
        "standard": Sizes(
            18, 4, 40, 20, 10, 50, 25, 15, 4, (-1.0, *_ALPHAS), (5, 50, 150), 240, _STRENGTHS, _TEXT_ALPHAS
        ),
        "full": Sizes(
            None, 5, 200, 50, 10, 50, 100, 25, 10, (-1.0, 0.7, 1.0, 1.3, 1.5, 2.5, 4.0), (5, 50, 100, 150), 600,
            _STRENGTHS, _TEXT_ALPHAS,
        ),
    }
)  # fmt: skip
