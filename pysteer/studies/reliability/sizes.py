"""How much of the study is computed under each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

COEFFICIENTS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
"""The seven multipliers of arXiv:2407.12404."""
SWEEP_COEFFICIENTS = (-1.0, 0.0, 1.0)
CAA_COEFFICIENTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Of arXiv:2312.06681."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Parameters
    ----------
    n_questionnaires : int, optional
        At most; None: all there are.
    n_train, n_validation, n_test : int
        Items of each questionnaire for extracting, for choosing the layer, for measuring; at most.
    n_sweep_questionnaires : int
        On which the layer is chosen.
    n_sweep_layers : int, optional
        Layers that are tried, spread evenly; None: all.
    n_random : int
        Random directions for each questionnaire.
    quantisations : tuple of str
        Weight types that the model is quantised to.
    n_quantised_questionnaires : int
        On which they are compared.
    n_behaviours : int, optional
        Behaviours of contrastive activation addition at most; None: all there are.
    """

    n_questionnaires: int | None
    n_train: int
    n_validation: int
    n_test: int
    n_sweep_questionnaires: int
    n_sweep_layers: int | None
    n_random: int
    quantisations: tuple[str, ...]
    n_quantised_questionnaires: int
    n_behaviours: int | None


PRESETS: Mapping[str, Sizes] = MappingProxyType(
    {
        "smoke": Sizes(4, 8, 4, 8, 2, 3, 2, ("Q4_0",), 2, 2),
        "quick": Sizes(9, 40, 16, 40, 4, 8, 4, ("Q8_0", "Q4_0"), 5, 4),
        "standard": Sizes(None, 120, 40, 120, 11, 16, 10, ("Q8_0", "Q5_0", "Q4_0", "Q2_K"), 9, None),
        "full": Sizes(None, 400, 100, 500, 11, None, 20, ("Q8_0", "Q6_K", "Q5_0", "Q4_K_M", "Q4_0", "Q2_K"), 12, None),
    }
)
