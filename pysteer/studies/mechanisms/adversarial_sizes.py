"""How much of the search for adversarial inputs (E23) is computed under each preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

CHOICE_STRENGTHS = (1.0, 2.0, 4.0)
"""Multiples of the vector of which the smallest that steers is taken."""


@dataclass(frozen=True)
class AdversarialSizes:
    """Sizes of a run.

    Parameters
    ----------
    n_behaviours : int
        Searched at most: those that steer best.
    n_restarts : int
        Searches of each behaviour, from different random strings.
    length : int
        Tokens of a string.
    n_slots, n_children, budget : int
        Population, children of each slot a round, strings that a search measures at most.
    restart_every : int
        Rounds between the restarts inside a search; 0: none.
    n_search_items, n_test_items : int
        Items that a search sees, and items that its strings are tested on; at most.
    answer_tokens : int
        Tokens of replies that are compared, from the first in which they differ.
    n_random, n_natural : int
        Random strings and beginnings of sentences that found strings are compared with.
    quantisations : tuple of str
        Weight types on which the searches of the first behaviour are run again.
    """

    n_behaviours: int
    n_restarts: int
    length: int
    n_slots: int
    n_children: int
    budget: int
    restart_every: int
    n_search_items: int
    n_test_items: int
    answer_tokens: int
    n_random: int
    n_natural: int
    quantisations: tuple[str, ...]


ADVERSARIAL_PRESETS: Mapping[str, AdversarialSizes] = MappingProxyType(
    {
        "smoke": AdversarialSizes(1, 2, 3, 2, 4, 34, 0, 2, 4, 3, 3, 3, ()),
        "quick": AdversarialSizes(1, 4, 5, 4, 6, 196, 0, 4, 12, 6, 12, 12, ()),
        "standard": AdversarialSizes(3, 4, 6, 4, 6, 388, 0, 4, 24, 6, 16, 16, ("Q4_0",)),
        "full": AdversarialSizes(8, 8, 12, 8, 32, 76_808, 50, 32, 200, 32, 200, 200, ("Q8_0", "Q4_0", "Q2_K")),
    }
)
"""``full`` searches as arXiv:2402.01702 does by default: 12 tokens, 8 slots, 32 children, 300 rounds."""
