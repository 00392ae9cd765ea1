"""Laws of the prefix tree: every branch is covered, and what branches have in common is in it once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pysteer.prefix_tree import Branch, Node, build_tree, order_branches

N_LARGEST = 8
Change = tuple[int, int, int]


def make_branch(tokens: list[int], changes: tuple[Change, ...] = ()) -> Branch:
    return Branch(np.array(tokens, dtype=np.int32), changes)


changes = st.tuples(st.integers(0, N_LARGEST), st.integers(1, N_LARGEST + 2), st.integers(1, 3)).map(
    lambda given: (given[0], given[0] + given[1], given[2])
)
branches = st.builds(
    make_branch,
    st.lists(st.integers(0, 2), min_size=1, max_size=N_LARGEST),
    st.lists(changes, max_size=2).map(tuple),
)


def steered_tokens(branch: Branch) -> list[tuple[int, tuple[int, ...]]]:
    """Each token with the keys that are active at it: what two branches must agree on to share it."""
    return [
        (int(token), tuple(key for begin, end, key in branch.changes if begin <= position < end))
        for position, token in enumerate(branch.tokens)
    ]


def trie_size(given: list[Branch]) -> int:
    return len({tuple(steered_tokens(branch)[: n + 1]) for branch in given for n in range(len(branch.tokens))})


def tree_of(given: list[Branch]) -> Node:
    order, shared = order_branches(given)
    return build_tree(order, shared, [len(given[index].tokens) for index in order], 0)


def nodes_of(tree: Node) -> list[Node]:
    return [node for level in tree.levels() for node, _ in level]


@given(st.lists(branches, min_size=1, max_size=12))
def test_the_tree_holds_each_distinct_steered_prefix_once(given: list[Branch]) -> None:
    assert tree_of(given).n_tokens() == trie_size(given)


@given(st.lists(branches, min_size=1, max_size=12))
def test_the_nodes_of_a_branch_cover_its_tokens_without_gap_or_overlap(given: list[Branch]) -> None:
    nodes = nodes_of(tree_of(given))
    for index, branch in enumerate(given):
        spans = sorted((node.begin, node.end) for node in nodes if index in node.leaves)
        covered = [position for begin, end in spans for position in range(begin, end)]
        assert covered == list(range(len(branch.tokens)))


@given(st.lists(branches, min_size=1, max_size=12))
def test_the_branches_of_a_node_agree_on_everything_up_to_its_end(given: list[Branch]) -> None:
    for node in nodes_of(tree_of(given)):
        assert len({tuple(steered_tokens(given[leaf])[: node.end]) for leaf in node.leaves}) == 1


@given(st.lists(branches, min_size=1, max_size=12))
def test_a_node_begins_where_its_parent_ends_and_is_owned_by_one_of_its_branches(given: list[Branch]) -> None:
    for level in tree_of(given).levels():
        for node, parent in level:
            assert node.begin == (0 if parent is None else parent.end)
            assert parent is None or set(node.leaves) <= set(parent.leaves)


@given(st.lists(branches, min_size=1, max_size=12))
def test_the_order_holds_every_branch_once_and_says_what_neighbours_share(given: list[Branch]) -> None:
    order, shared = order_branches(given)
    assert sorted(order) == list(range(len(given)))
    assert shared[0] == 0
    for k in range(1, len(order)):
        first, second = (steered_tokens(given[index]) for index in order[k - 1 : k + 1])
        same = [x == y for x, y in zip(first, second, strict=False)]
        assert shared[k] == (same.index(False) if False in same else len(same))


@given(st.lists(branches, min_size=1, max_size=12), st.data())
def test_a_slice_of_the_order_behind_a_common_trunk_is_a_tree_of_what_the_trunk_lacks(
    given: list[Branch], data: st.DataObject
) -> None:
    order, shared = order_branches(given)
    begin = data.draw(st.integers(0, len(order) - 1))
    end = data.draw(st.integers(begin + 1, len(order)))
    part = [given[index] for index in order[begin:end]]
    lengths = [len(branch.tokens) for branch in part]
    trunk = data.draw(st.integers(0, min([*shared[begin + 1 : end], *lengths])))
    tree = build_tree(order[begin:end], shared[begin:end], lengths, trunk)
    assert tree.n_tokens() == trie_size(part) - trunk


@pytest.mark.parametrize(
    ("given", "n_tokens"),
    [
        pytest.param([make_branch([1, 2, 3])], 3, id="one branch"),
        pytest.param([make_branch([1, 2, 3])] * 4, 3, id="identical branches"),
        pytest.param([make_branch([1, 2, 3, 4]), make_branch([1, 2])], 4, id="one is the beginning of the other"),
        pytest.param([make_branch([1, 2]), make_branch([1, 2]), make_branch([1, 2, 3])], 3, id="two end inside"),
        pytest.param([make_branch([1, 2]), make_branch([2, 1])], 4, id="nothing in common"),
        pytest.param([make_branch([1, 2, 3]), make_branch([1, 2, 3], ((1, 9, 5),))], 5, id="steered from 1"),
        pytest.param([make_branch([1, 2, 3], ((0, 9, 5),)), make_branch([1, 2, 3], ((0, 9, 6),))], 6, id="unlike"),
        pytest.param([make_branch([1, 2, 3]), make_branch([1, 2, 3], ((3, 9, 5),))], 3, id="steered behind the end"),
        pytest.param([make_branch([1, 2], ((0, 9, 5), (0, 9, 6))), make_branch([1, 2], ((0, 9, 6), (0, 9, 5)))], 4,
                     id="edits in another order"),
    ],
)  # fmt: skip
def test_known_trees_have_the_size_counted_by_hand(given: list[Branch], n_tokens: int) -> None:
    assert tree_of(given).n_tokens() == n_tokens
