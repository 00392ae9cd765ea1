"""Names of figures' files: from labels, and different from each other."""

from __future__ import annotations

from collections.abc import Sequence


def file_name(text: str) -> str:
    """Return a label as part of a file's name; different labels can give the same one, see `different_names`.

    Examples
    --------
    >>> file_name("a model, q8_0")
    'a-model--q8-0'
    """
    return "".join(character if character.isalnum() else "-" for character in text)


def different_names(names: Sequence[str]) -> list[str]:
    """Return names in their order, of which those that occurred before get a number.

    Examples
    --------
    >>> different_names(["pairs_a-b", "map_a-b", "pairs_a-b", "pairs_a-b-2"])
    ['pairs_a-b', 'map_a-b', 'pairs_a-b-3', 'pairs_a-b-2']
    """
    taken, found = set(names), []
    for place, name in enumerate(names):
        number, new = 2, name
        while place > names.index(name) and new in taken:
            new, number = f"{name}-{number}", number + 1
        taken.add(new)
        found.append(new)
    return found
