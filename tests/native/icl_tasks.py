"""Word pairs and prompts for tests of function vectors, short enough for tiny models that read letter by letter."""

from __future__ import annotations

from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors import IclPrompt, draw_prompts

WORDS = ("sun", "moon", "tree", "rain", "wind", "stone", "fire", "sand", "leaf", "snow", "hill", "lake")
TASK = tuple(WordPair(word, f"a{word[::-1]}" if number % 2 else f"the{word}") for number, word in enumerate(WORDS))
"""Answers whose first token is " a" or " the" for tiny byte-level vocabularies, and a bare blank for SentencePiece."""


def correct(n_prompts: int = 6, *, n_shots: int = 2, seed: int = 0) -> list[IclPrompt]:
    return draw_prompts(TASK[:8], TASK[8:], n_prompts=n_prompts, n_shots=n_shots, seed=seed)


def shuffled(n_prompts: int = 3, *, n_shots: int = 2, seed: int = 1) -> list[IclPrompt]:
    return draw_prompts(TASK[:8], TASK[8:], n_prompts=n_prompts, n_shots=n_shots, seed=seed, shuffled=True)
