"""Does a vector work, on how many items does it backfire, and what is its slope? One vector on one data set.

`pysteer.evaluate` (`pysteer.evaluation_grid`) measures more: many vectors, data sets and measurements, kept in a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.intervention import Intervention
from pysteer.metrics.anti_steerable_fraction import anti_steerable_fraction
from pysteer.metrics.steerability import steerability
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.propensity import choose_variant, propensities
from pysteer.score import Score
from pysteer.session import Session
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector
from pysteer.window import Window

COEFFICIENTS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""The seven multipliers of arXiv:2407.12404."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a vector does to the items of a data set.

    Parameters
    ----------
    steerability, anti_steerable : Score
        Mean slope of propensity over coefficient, and the share of items whose propensity does not rise.
    coefficients : float64, shape (n_coefficients,)
    propensities : float64, shape (n_items, n_coefficients)
        Nats; positive where the wanted answer is preferred.
    variant : str
        "letter" or "full_response".
    """

    steerability: Score
    anti_steerable: Score
    coefficients: Float64Array
    propensities: Float64Array
    variant: str


def measure_steerability(
    model: Model,
    vector: SteeringVector,
    pairs: Dataset,
    *,
    coefficients: Sequence[float] = COEFFICIENTS,
    operation: str = "add",
    window: str | Window = "answer",
    layers: tuple[int, ...] | None = None,
    variant: str = "auto",
    raw: bool = False,
    setting: PromptSetting | None = None,
    seed: int = 0,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
    **parameters: float,
) -> Evaluation:
    """Return the steerability of every item of a data set, and their mean with its interval.

    Parameters
    ----------
    window : str or Window
        Which tokens are steered. "answer", from the last prompt token on, is the rule of arXiv:2407.12404, and fast:
        all coefficients share the prompt. "all" steers the prompt, too, and computes it once for each coefficient.
    variant : str
        Propensity: "letter", "full_response", or "auto" (letter when all answers are letters).
    setting : PromptSetting, optional
        System message and persona around every prompt, independent of the vector's own.
    seed : int
        Of the bootstrap over items.

    Raises
    ------
    MeasurementError
        Fewer than two items or two different coefficients: there is no slope, or no interval.
    """
    chosen = Window.parse(window) if isinstance(window, str) else window
    steerings = [
        [Intervention(vector, operation, coefficient=c, window=chosen, layers=layers, parameters=parameters)]
        for c in coefficients
    ]
    measured = choose_variant(pairs, variant)
    values = propensities(
        model,
        pairs,
        steerings,
        variant=measured,
        raw=raw,
        setting=setting,
        session=session,
        progress=progress,
        count=count,
    )
    at = np.asarray(coefficients, dtype=np.float64)
    hashes = {"model_hash": model.hash, "data_hash": pairs.content_hash}
    return Evaluation(
        steerability(at, values, seed=seed, **hashes),
        anti_steerable_fraction(at, values, seed=seed, **hashes),
        at,
        values,
        measured,
    )
