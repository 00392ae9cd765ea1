"""What may stand in for a token: any one, one with a near embedding, or one that the model itself expects there.

There are no gradients in llama.cpp, so that the tokens which would lower the cost most cannot be read off. Uniform
draws reach everything; neighbours of the embedding change the meaning little; the model's own proposals keep the text
natural (`ReversalObjective.proposals`).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import MeasurementError
from pysteer.prefix_tree import Int32Array


class Mutation(Protocol):
    """Draws one new token for each parent at its position."""

    def __call__(self, parents: Int32Array, positions: Int32Array, generator: np.random.Generator) -> Int32Array:
        """Return tokens, (n,), for parents (n, length) at positions (n,)."""
        ...


def uniform(vocabulary: Int32Array) -> Mutation:
    """Return the mutation that draws any token of a vocabulary alike."""
    allowed = np.array(vocabulary, dtype=np.int32)
    if allowed.size < 2:
        raise MeasurementError(f"expected a vocabulary of at least two tokens to draw from, got {allowed.size}")

    def draw(parents: Int32Array, positions: Int32Array, generator: np.random.Generator) -> Int32Array:
        return generator.choice(allowed, size=len(parents)).astype(np.int32)

    return draw


def neighbours(embeddings: Float32Array, vocabulary: Int32Array, *, n_near: int = 16) -> Mutation:
    """Return the mutation that draws one of the tokens with the most similar input embeddings (cosine).

    Parameters
    ----------
    embeddings : float32, shape (n_vocab, d_model)
        Such as ``model.weight("token_embd.weight")``.
    vocabulary : int32, shape (n,)
        Tokens that may be drawn.
    n_near : int
        From how many.
    """
    allowed = np.array(vocabulary, dtype=np.int32)
    if not 0 < n_near < allowed.size:
        raise MeasurementError(f"expected n_near from 1 to {allowed.size - 1} (the vocabulary less one), got {n_near}")
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    units = embeddings / np.where(lengths > 0, lengths, 1.0)
    units_allowed = units[allowed]

    def draw(parents: Int32Array, positions: Int32Array, generator: np.random.Generator) -> Int32Array:
        present = parents[np.arange(len(parents)), positions]
        tokens, place = np.unique(present, return_inverse=True)
        similarity = units[tokens] @ units_allowed.T
        similarity[tokens[:, None] == allowed[None, :]] = -np.inf  # staying is no mutation
        near = np.argpartition(-similarity, n_near - 1, axis=1)[:, :n_near]
        near.sort(axis=1)  # argpartition's order is not defined
        return allowed[near[place.ravel(), generator.integers(n_near, size=len(parents))]]

    return draw
