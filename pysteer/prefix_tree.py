"""Many token sequences as a tree, so that what they begin with in common is computed once.

A branch is a token sequence with the steering of each of its tokens. Two branches share a token when all tokens before
it and the token itself are the same, and are steered the same. Contrast pairs share their prompt; the multipliers of a
steerability item share all tokens before the steering begins; a data set shares its system prompt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Int32Array = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Branch:
    """One token sequence.

    Parameters
    ----------
    tokens : int32, shape (n,)
    changes : tuple of (begin, end, key)
        How its tokens are steered: ``key`` names an edit that is active for begin <= position < end.
    """

    tokens: Int32Array
    changes: tuple[tuple[int, int, int], ...] = ()


@dataclass
class Node:
    """Tokens [begin, end) that the branches ``leaves`` (indices) have in common; the first of them computes them."""

    begin: int
    end: int
    leaves: list[int]
    children: list[Node] = field(default_factory=list)

    @property
    def owner(self) -> int:
        return self.leaves[0]

    def levels(self) -> Iterator[list[tuple[Node, Node | None]]]:
        """Yield the nodes with their parents, level by level: nodes of one level do not depend on each other."""
        level: list[tuple[Node, Node | None]] = [(self, None)]
        while level:
            yield level
            level = [(child, node) for node, _ in level for child in node.children]

    def n_tokens(self) -> int:
        """Tokens to compute in this node and below."""
        return self.end - self.begin + sum(child.n_tokens() for child in self.children)


def order_branches(branches: Sequence[Branch]) -> tuple[list[int], list[int]]:
    """Return the branch indices in an order in which neighbours share most, and what each shares with the one before.

    Returns
    -------
    order : list of int
    shared : list of int
        ``shared[k]``: leading tokens that branches ``order[k]`` and ``order[k - 1]`` have in common; the first is 0.
    """
    steerings: dict[tuple[int, ...], int] = {(): 0}
    keys = [_keys(branch, steerings) for branch in branches]
    order = sorted(range(len(branches)), key=lambda index: keys[index].astype(">i8").tobytes())
    shared = [0] + [_common(keys[a], keys[b]) for a, b in pairwise(order)]
    return order, shared


def build_tree(indices: Sequence[int], shared: Sequence[int], lengths: Sequence[int], begin: int) -> Node:
    """Return the tree of consecutive branches of `order_branches`.

    Parameters
    ----------
    indices : sequence of int
        Branch indices, in order.
    shared : sequence of int
        ``shared[k]``: what branch k shares with branch k - 1 (the first entry is ignored).
    lengths : sequence of int
        Tokens of each of these branches.
    begin : int
        Tokens that all of them have in common with what was computed before.
    """
    end = min([*shared[1:], *lengths])
    node = Node(begin, end, list(indices))
    starts = [k for k in range(len(indices)) if k == 0 or shared[k] == end] + [len(indices)]
    for start, stop in pairwise(starts):
        if stop - start == len(indices) and lengths[start] == end:
            break  # all of them end here
        if lengths[start] == end and stop - start == 1:
            continue  # this branch ends where the others go on
        node.children.append(build_tree(indices[start:stop], shared[start:stop], lengths[start:stop], end))
    return node


def _keys(branch: Branch, steerings: dict[tuple[int, ...], int]) -> npt.NDArray[np.int64]:
    """Return one number a token that says which token it is and how it is steered (numbered in ``steerings``)."""
    tokens = branch.tokens.astype(np.int64)
    if not branch.changes:
        return tokens
    steering = np.zeros(len(tokens), dtype=np.int64)
    edges = sorted(
        {0, len(tokens)} | {min(edge, len(tokens)) for begin, end, _ in branch.changes for edge in (begin, end)}
    )
    for begin, end in pairwise(edges):
        active = tuple(key for a, b, key in branch.changes if a <= begin < b)
        steering[begin:end] = steerings.setdefault(active, len(steerings))
    return tokens | (steering << 32)


def _common(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> int:
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if different.size else n
