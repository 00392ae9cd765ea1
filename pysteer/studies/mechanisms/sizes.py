"""How much of the study is computed under each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pysteer.studies.mechanisms.adversarial_sizes import ADVERSARIAL_PRESETS, AdversarialSizes

STRENGTHS = (-3.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)
"""Multiples of the vector at which perplexity and behaviour are measured."""
SWEEP_STRENGTHS = (-1.0, 0.0, 1.0)
"""Multiples at which layers are compared by what they do to the behaviour."""
MAP_STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
"""Multiples at which layers are compared by what they do to perplexity."""
OVERDOSE = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0)
"""Multiples at which texts are written, from none to far too much."""
ALL_STRENGTHS = tuple(sorted({*STRENGTHS, *OVERDOSE}))
"""Multiples at which the behaviour is measured on held-out items."""
JUDGED_STRENGTHS = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
"""Multiples at which validation items say whether a behaviour is steered: the moderate ones."""
QUERY_STRENGTHS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Multiples at which user queries are answered."""
REPLY_STRENGTHS = (-3.0, 0.0, 3.0)
"""Multiples at which the replies to open queries are written."""
MODERATE = 2.0
"""The multiple at which claims about a moderate strength are decided."""
RANDOM_STRENGTHS = (-3.0, -2.0, 0.0, 2.0, 3.0)
"""Multiples at which text is read with random directions: fewer, so that there can be more directions."""
RANDOM_GAIN_STRENGTHS = (-MODERATE, MODERATE)
"""Multiples at which items and queries are answered with random directions."""
PAIR_COUNTS = (1, 2, 5, 10, 20, 40, 80, 160, 320)
"""Sizes of the subsets of contrast pairs."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of a run.

    Parameters
    ----------
    n_questionnaires : int
        At most.
    n_contrasts : int
        Contrasts of whole texts at most; the first ones of `contrasts`.
    n_train, n_validation, n_test : int
        Items of each behaviour for extracting, for choosing the layer, for measuring; at most.
    n_sweep_layers : int, optional
        Layers that are tried, spread evenly; None: all.
    n_map_layers : int
        Of these, layers whose perplexity is measured as well.
    n_random : int
        Random directions, the same for all behaviours; at least 2, as intervals draw them.
    n_windows, window_size : int
        Windows of text, and tokens in each at most.
    n_map_windows : int
        Of these, windows read for the map of layers.
    n_prompts, n_words : int
        Texts written at each strength, and their longest length in tokens.
    n_repeats : int
        Subsets of each size; those of nested orders.
    n_repeat_items : int
        Test items on which subsets are compared.
    n_single : int
        Single pairs whose own vectors are compared with the mean of all.
    n_queries : int
        User queries of each kind and behaviour at most.
    quantisations : tuple of str
        Weight types that the model is quantised to.
    n_quantised : int
        Behaviours that are compared between these; the first ones.
    adversarial : AdversarialSizes
    """

    n_questionnaires: int
    n_contrasts: int
    n_train: int
    n_validation: int
    n_test: int
    n_sweep_layers: int | None
    n_map_layers: int
    n_random: int
    n_windows: int
    window_size: int
    n_map_windows: int
    n_prompts: int
    n_words: int
    n_repeats: int
    n_repeat_items: int
    n_single: int
    n_queries: int
    quantisations: tuple[str, ...]
    n_quantised: int
    adversarial: AdversarialSizes


PRESETS: Mapping[str, Sizes] = MappingProxyType(
    {
        "smoke": Sizes(
            2, 2, 16, 4, 6, 3, 2, 2, 2, 48, 2, 2, 10, 2, 4, 3, 4, ("Q4_0",), 2, ADVERSARIAL_PRESETS["smoke"]
        ),
        "quick": Sizes(
            3, 3, 80, 12, 24, 6, 4, 4, 6, 128, 2, 6, 24, 4, 12, 8, 16, ("Q4_0",), 2, ADVERSARIAL_PRESETS["quick"]
        ),
        "standard": Sizes(
            7, 9, 320, 24, 60, 12, 8, 5, 16, 192, 6, 16, 40, 6, 24, 20, 40, ("Q8_0", "Q4_0", "Q2_K"), 6,
            ADVERSARIAL_PRESETS["standard"],
        ),
        "full": Sizes(
            10, 9, 400, 100, 400, None, 32, 12, 100, 512, 24, 60, 96, 20, 100, 80, 200,
            ("Q8_0", "Q6_K", "Q5_0", "Q4_K_M", "Q4_0", "Q2_K"), 10, ADVERSARIAL_PRESETS["full"],
        ),
    }
)  # fmt: skip
