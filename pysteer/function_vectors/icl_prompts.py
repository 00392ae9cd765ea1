"""Few-shot prompts of a word-pair task, and the token that a model should say next.

Source: Todd et al. 2023, "Function Vectors in Large Language Models", arXiv:2310.15213. With n shots a prompt is

    Q: flawed\\nA: perfect\\n\\n ... Q: {query}\\nA:

and the answer is ``" {output}"``: every word has a leading space. What is scored is the answer's **first token**, so
two answers that begin alike count as one, and an answer whose first token is a bare blank (some SentencePiece
vocabularies) says nothing: such answers are counted wherever a number rests on them.

Labels are shuffled by a random permutation *within* the prompt's shots, as the authors do: some stay where they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from pysteer.errors import DataError, TokenizeError
from pysteer.formats.word_pairs import WordPair
from pysteer.model import Model

Int32Array: TypeAlias = npt.NDArray[np.int32]


@dataclass(frozen=True)
class IclTemplate:
    """What stands around the words; the words themselves get a leading space."""

    input_prefix: str = "Q:"
    input_separator: str = "\n"
    output_prefix: str = "A:"
    output_separator: str = "\n\n"

    def shot(self, pair: WordPair) -> str:
        """Return one solved example, with what separates it from the next."""
        return f"{self.question(pair.input)} {pair.output}{self.output_separator}"

    def question(self, word: str) -> str:
        """Return an example up to where its answer begins."""
        return f"{self.input_prefix} {word}{self.input_separator}{self.output_prefix}"


TODD = IclTemplate()
"""The authors' template."""


@dataclass(frozen=True)
class IclPrompt:
    """A prompt with its answer.

    Parameters
    ----------
    text : str
        Shots and query, up to ``A:``.
    answer : str
        The right answer with its leading space.
    shots : tuple of WordPair
        As they stand in the text: with shuffled labels, not the pairs of the task.
    query : WordPair
    """

    text: str
    answer: str
    shots: tuple[WordPair, ...]
    query: WordPair


def make_prompt(shots: Sequence[WordPair], query: WordPair, template: IclTemplate = TODD) -> IclPrompt:
    """Return the prompt with these shots, in this order."""
    text = "".join(map(template.shot, shots)) + template.question(query.input)
    return IclPrompt(text, f" {query.output}", tuple(shots), query)


def prompts_for_queries(
    pool: Iterable[WordPair],
    queries: Iterable[WordPair],
    *,
    n_shots: int,
    seed: int,
    shuffled: bool = False,
    template: IclTemplate = TODD,
) -> list[IclPrompt]:
    """Return one prompt for each query, its shots drawn without replacement from the pool.

    The query's own input is never among its shots. Prompt ``i`` depends on ``seed`` and ``i`` alone, so that a longer
    list begins with the shorter one.

    Parameters
    ----------
    pool, queries : WordPairs, or any iterable of WordPair
        For measurements: disjoint sides of `WordPairs.split`.
    n_shots : int
        0 gives the bare question.
    shuffled : bool
        Permute the labels among the shots of each prompt.

    Raises
    ------
    DataError
        No query, too few pairs for the shots, or shuffled labels with fewer than two shots.
    """
    if n_shots < 0 or (shuffled and n_shots < 2):
        raise DataError(f"expected {'at least two shots to shuffle' if shuffled else 'no negative n_shots'}: {n_shots}")
    candidates, asked = list(pool), list(queries)
    if not asked:
        raise DataError("no query: expected at least one word pair to ask about")
    prompts = []
    for number, query in enumerate(asked):
        generator = np.random.default_rng([seed, number])
        others = [pair for pair in candidates if _key(pair) != _key(query)]
        if len(others) < n_shots:
            raise DataError(
                f"{n_shots} shots wanted, but only {len(others)} pairs have another input than {query.input!r}"
            )
        shots = [others[int(i)] for i in generator.choice(len(others), size=n_shots, replace=False)]
        if shuffled:
            labels = [shots[int(i)].output for i in generator.permutation(n_shots)]
            shots = [WordPair(shot.input, label) for shot, label in zip(shots, labels, strict=True)]
        prompts.append(make_prompt(shots, query, template))
    return prompts


def draw_prompts(
    pool: Iterable[WordPair],
    queries: Iterable[WordPair],
    *,
    n_prompts: int,
    n_shots: int,
    seed: int,
    shuffled: bool = False,
    template: IclTemplate = TODD,
) -> list[IclPrompt]:
    """Return ``n_prompts`` prompts, each about a query drawn anew from ``queries``; else as `prompts_for_queries`."""
    asked = list(queries)
    if n_prompts < 1 or not asked:
        raise DataError(f"expected at least one prompt and one query, got {n_prompts} and {len(asked)}")
    drawn = [asked[int(np.random.default_rng([seed, i, 1]).integers(len(asked)))] for i in range(n_prompts)]
    return prompts_for_queries(pool, drawn, n_shots=n_shots, seed=seed, shuffled=shuffled, template=template)


def _key(pair: WordPair) -> str:
    """Return what makes two inputs the same: they may differ in case and outer blanks."""
    return pair.input.strip().casefold()


@dataclass(frozen=True, eq=False)
class Question:
    """A prompt as tokens.

    Parameters
    ----------
    tokens : int32, shape (n,)
        BOS included where the model has one.
    target : int
        First token of the answer.
    is_blank : bool
        The target is nothing but white space, so its probability says little about the answer.
    """

    tokens: Int32Array
    target: int
    is_blank: bool


def tokenize_prompt(model: Model, prompt: IclPrompt) -> Question:
    """Return the prompt's tokens and its answer's first token.

    The target is found by comparing the tokens of the prompt with those of prompt and answer together.

    Raises
    ------
    TokenizeError
        The answer changes the tokens of the prompt before it (the boundary is tokenised anew), or adds none.
    """
    ids = model.tokenize(prompt.text, parse_special=False).ids
    whole = model.tokenize(prompt.text + prompt.answer, parse_special=False).ids
    n = len(ids)
    if len(whole) <= n or not np.array_equal(whole[:n], ids):
        ending = model.detokenize(ids[-3:])
        raise TokenizeError(
            f"the answer {prompt.answer!r} changes how the end of its prompt ({ending!r}) is tokenised, so it has no "
            "first token of its own: leave this pair out, or use another template"
        )
    target = int(whole[n])
    return Question(ids, target, not model.native.token_bytes(target, True).strip())


def prompts_hash(prompts: Sequence[IclPrompt]) -> str:
    """Return the SHA-256, in hexadecimal, of all texts and answers in their order."""
    rows = [[prompt.text, prompt.answer] for prompt in prompts]
    return hashlib.sha256(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode("utf-8")).hexdigest()
