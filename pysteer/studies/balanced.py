"""Items in which no letter, and no Yes or No, is wanted more often than the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pysteer.metrics.answer_factors import answer_is_a, answer_is_yes
from pysteer.pairs import Dataset


def balanced(data: Dataset, n: int, *, seed: int) -> Dataset:
    """Return at most ``n`` items, as evenly as possible over letter and Yes/No of the wanted answer, in file order.

    Every kind gives the same number of items, as long as it has that many: balanced letters do not remove letter bias,
    but unbalanced ones would plant it.
    """
    is_a = answer_is_a([pair.positive for pair in data])
    is_yes = answer_is_yes([pair.prompt for pair in data], [pair.positive for pair in data])
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for index in np.random.default_rng(seed).permutation(len(data)).tolist():
        kinds.setdefault((bool(is_a[index]), bool(is_yes[index])), []).append(index)
    if len({letter for letter, _ in kinds}) < 2:
        return Dataset(tuple(data.pairs[:n]), data.name)
    # Letters first: one A, one B in turn, and within a letter one Yes, one No in turn while there are any.
    turns = [_in_turn([kinds[key] for key in sorted(kinds) if key[0] == letter]) for letter in (True, False)]
    taken = _in_turn([list(turn) for turn in turns])
    shorter = 2 * min(int(is_a.sum()), int((~is_a).sum()))
    chosen = sorted([next(taken) for _ in range(min(n, shorter))])
    return Dataset(tuple(data.pairs[index] for index in chosen), data.name)


def _in_turn(queues: Sequence[Sequence[int]]) -> Iterator[int]:
    for round in range(max(map(len, queues), default=0)):
        for queue in queues:
            if round < len(queue):
                yield queue[round]
