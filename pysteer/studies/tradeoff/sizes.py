"""How much of the study is computed under each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

STRENGTH = 0.5
"""Of the arms: length of what is added, as a share of the mean length of the residual stream there. Fixed beforehand;
half of it is what others found best for features."""
DEPTH = 0.6
"""Of the steered block, where no dictionary says which: share of the blocks."""
N_FEATURES = 4
"""Features that are added together."""
GUARD = 0.1
"""Of the search: nats per token by which the model's own answers may become less probable."""
MOST_SURPRISE = 0.3
"""Of the search: nats per token by which what is written may surprise the unsteered model more than its own texts."""
N_WRITTEN = 6
"""Settings of the search that write."""
N_SHOTS = 2
WINDOWS = ("all", "answer")
OPERATIONS = ("add", "norm_preserving_add")


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Parameters
    ----------
    n_styles : int
        Of the 14 queries (6 of the embedded model), at most.
    n_pairs : int
        Contrast texts of the embedded model for each style, at most; the other models have 9, and 3 for validation.
    n_questions : int
        That are answered in writing under every arm and style. With fewer styles than ``n_styles``, as the embedded
        model has, there are more questions, requests and swept items, so that the number of cells is the same.
    n_requests : int
        Everyday requests, the same.
    n_scored : int
        Questions that are read off the letters' probabilities.
    n_validation : int
        Questions for the search.
    n_capability : int
        Questions on which it is judged whether there is a capability that could be lost; only the control answers.
    max_tokens : int
        Longest answer.
    strengths : tuple of float
        Of the sweep, besides 0.
    n_swept : int
        Questions, and as many requests, of the sweep.
    n_search_layers, search_strengths
        Of the search.
    n_judged : int
        Answers for each arm and style that the judge rates.
    n_side_styles, n_side_items : int
        Of the panel of side effects.
    n_dictionary_rows : int
        Rows that a dictionary is trained on, where the model has none.
    quantisations : tuple of str
        Weight types that the ladder quantises to.
    n_ladder_styles : int
        Of the ladder's coarser models.
    """

    n_styles: int
    n_pairs: int
    n_questions: int
    n_requests: int
    n_scored: int
    n_validation: int
    n_capability: int
    max_tokens: int
    strengths: tuple[float, ...]
    n_swept: int
    n_search_layers: int
    search_strengths: tuple[float, ...]
    n_judged: int
    n_side_styles: int
    n_side_items: int
    n_dictionary_rows: int
    quantisations: tuple[str, ...]
    n_ladder_styles: int


_GRID = (0.1, 0.25, 0.5, 0.75, 1.0)
PRESETS: Mapping[str, Sizes] = MappingProxyType(
    {
        "smoke": Sizes(2, 12, 4, 4, 6, 2, 6, 14, (0.25, 0.5, 1.0), 2, 2, (0.3,), 1, 1, 4, 2000, (), 0),
        "quick": Sizes(
            4, 24, 8, 8, 24, 4, 24, 32, (0.25, 0.5, 0.75, 1.0), 5, 3, (0.25, 0.5), 1, 2, 24, 8000, ("Q4_0",), 2
        ),
        "standard": Sizes(
            14, 40, 15, 12, 40, 6, 40, 40, _GRID, 10, 4, (0.2, 0.4), 1, 4, 60, 16000, ("Q4_0", "Q2_K"), 4
        ),
        "full": Sizes(
            14, 40, 171, 16, 400, 12, 100, 256, _GRID, 40, 8, (0.1, 0.2, 0.3, 0.4, 0.5), 4, 14, 300, 100_000,
            ("Q8_0", "Q4_K_M", "Q4_0", "Q2_K"), 14,
        ),
    }
)  # fmt: skip
