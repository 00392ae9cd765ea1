"""In-context functions: word pairs `Q: x` / `A: y` whose rule only the earlier pairs tell.

Every word belongs to a domain with four to six functions that are drawn equally often, so that a single question has no
right answer (the best guess is right for one function in four to six), while a few pairs settle it. The pairs
themselves are known from training, as the word pairs of Todd et al. 2023 (arXiv:2310.15213) are known to large
models; what is new in a test is the prompt.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .document import Document, plain_document
from .lexicon import ADJECTIVES, ANIMALS, VERBS
from .world import COUNTRIES, COUNTRY_RELATIONS, FACTS_OF

MAX_SHOTS = 12


@dataclass(frozen=True)
class Function:
    """A word-pair task: `pairs` maps every input of its domain to its output."""

    name: str
    domain: str
    pairs: dict[str, str]


def build_functions() -> tuple[Function, ...]:
    """All tasks, domain by domain."""
    tables = (
        ("verb", VERBS, ("present-past", "present-gerund", "present-third", "verb-agent")),
        ("adjective", ADJECTIVES, ("antonym", "comparative", "superlative", "adverb")),
        ("animal", ANIMALS, ("singular-plural", "animal-young", "animal-sound", "animal-home")),
    )
    functions = [
        Function(name, domain, {word: forms[column] for word, forms in table.items()})
        for domain, table, names in tables
        for column, name in enumerate(names)
    ]
    for relation in COUNTRY_RELATIONS:
        pairs = {
            country: fact.object for country in COUNTRIES for fact in FACTS_OF[country] if fact.relation is relation
        }
        functions.append(Function(f"country-{relation.name}", "country", pairs))
    return tuple(functions)


FUNCTIONS = build_functions()
BY_DOMAIN = {d: [f for f in FUNCTIONS if f.domain == d] for d in ("verb", "adjective", "animal", "country")}


def prompt(pairs: list[tuple[str, str]], query: str) -> str:
    r"""The n-shot prompt of Todd et al., without the beginning-of-text token.

    >>> prompt([("paint", "painted")], "sing")
    'Q: paint\nA: painted\n\nQ: sing\nA:'
    """
    return "".join(f"Q: {x}\nA: {y}\n\n" for x, y in pairs) + f"Q: {query}\nA:"


def draw(random_source: random.Random) -> Document:
    """One document of up to twelve pairs of one function; answers count, questions hardly."""
    function = random_source.choice(BY_DOMAIN[random_source.choice(list(BY_DOMAIN))])
    words = random_source.sample(list(function.pairs), random_source.choice((3, 5, 8, MAX_SHOTS)))
    pieces: list[tuple[str, float]] = []
    for n_before, word in enumerate(words):
        pieces.append((f"Q: {word}\nA:", 0.01))
        pieces.append((f" {function.pairs[word]}", 0.5 if n_before == 0 else 1.0))
        pieces.append(("\n\n", 0.01))
    return plain_document("functions", pieces[:-1])
