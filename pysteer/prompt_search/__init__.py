"""Search, without gradients, for prompts that undo what a steering vector does.

`search` is the evolutionary search and knows no model; `ReversalObjective` is the question it is asked: how strongly
does a steered model take the other side of A/B items when these tokens stand behind the question?
"""

from __future__ import annotations

from pysteer.prompt_search.mutations import Mutation, neighbours, uniform
from pysteer.prompt_search.objective import Evaluated, Objective
from pysteer.prompt_search.reversal import ReversalObjective, plain_tokens
from pysteer.prompt_search.search import SearchResult, SearchSettings, search
from pysteer.prompt_search.slots import penalties, select

__all__ = [
    "Evaluated",
    "Mutation",
    "Objective",
    "ReversalObjective",
    "SearchResult",
    "SearchSettings",
    "neighbours",
    "penalties",
    "plain_tokens",
    "search",
    "select",
    "uniform",
]
