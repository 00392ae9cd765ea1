"""A contrast pair as the tokens that the model sees, and where its answer lies in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.chat_template import join_answer
from pysteer.errors import DataError
from pysteer.model import Model, Tokens
from pysteer.pairs import ContrastPair
from pysteer.prompt_settings import PromptSetting

_LETTER = re.compile(r"\s*\(?([A-Z])(?:\)|\s*$|[.:]\s*$)")


@dataclass(frozen=True, eq=False)
class Answered:
    """A prompt with one answer.

    Parameters
    ----------
    tokens : Tokens
        Of the whole text.
    answer_at : int
        Character at which what follows the prompt begins (the blank between them belongs to it).
    n_prompt : int
        Tokens before the first one that reaches into the answer. 0 when there is no prompt.
    """

    tokens: Tokens
    answer_at: int
    n_prompt: int

    @property
    def answer(self) -> str:
        return self.tokens.text[self.answer_at :]

    def letter_index(self) -> int:
        """Return the index of the token that holds the answer's letter, found by its place in the text.

        Raises
        ------
        DataError
            The answer is not a letter, such as "(A)" or "B".
        """
        match = _LETTER.match(self.answer)
        if match is None:
            raise DataError(f"expected a letter as answer, such as '(A)', got {self.answer[:60]!r}")
        return self.tokens.index_at(self.answer_at + match.start(1))


def is_letter(answer: str) -> bool:
    """Return whether an answer is a choice by letter, such as "(A)" or " B"."""
    return _LETTER.match(answer) is not None and len(answer.strip()) <= 3


def answer_pair(
    model: Model, pair: ContrastPair, *, raw: bool = False, setting: PromptSetting | None = None
) -> tuple[Answered, Answered]:
    """Return the positive and the negative text of a pair.

    A prompt is put through the chat template and the answers are joined to it as running text would be (`join_answer`;
    blanks that the data put in front of an answer are dropped first). With ``raw``, and without a prompt, the texts are
    taken letter by letter as they are. ``setting`` puts a system message or a persona around the prompt.

    Raises
    ------
    ModelError
        The model has no chat template (use ``raw``), or its template does not take the setting's system message.
    DataError
        A setting where there is no chat to put it into: with ``raw``, or without a prompt.
    """
    if setting is not None and (raw or not pair.prompt):
        reason = "raw prompts are taken as they are" if raw else "the pair has no prompt"
        raise DataError(f"setting {setting.name!r} cannot be applied: {reason}")
    if setting is not None:
        prompt = setting.render(model, pair.prompt)
    else:
        prompt = pair.prompt if raw or not pair.prompt else model.chat(pair.prompt)
    is_chat = bool(pair.prompt) and not raw
    return (
        answered(model, prompt, pair.positive, joined=is_chat),
        answered(model, prompt, pair.negative, joined=is_chat),
    )


def answered(model: Model, prompt: str, answer: str, *, joined: bool) -> Answered:
    """Return a prompt, ready for the answer, with one; ``joined`` puts a blank between where running text has one."""
    text = join_answer(prompt, answer.lstrip(" ")) if joined else prompt + answer
    tokens = model.tokenize(text)
    return Answered(tokens, len(prompt), _n_before(model, tokens, prompt))


def _n_before(model: Model, tokens: Tokens, prompt: str) -> int:
    """Return how many tokens lie wholly in the prompt."""
    if not prompt:
        return 0
    if tokens.spans is None:  # compare with the prompt's own tokens: the first difference is where the answer begins
        return n_common(tokens.ids, model.tokenize(prompt).ids)
    reaches = np.flatnonzero(tokens.spans[:, 1] > len(prompt.encode("utf-8")))
    return int(reaches[0]) if reaches.size else len(tokens)


def n_common(a: Sequence[int] | np.ndarray, b: Sequence[int] | np.ndarray) -> int:
    """Return how many leading tokens two sequences have in common."""
    n = min(len(a), len(b))
    different = np.flatnonzero(np.asarray(a[:n]) != np.asarray(b[:n]))
    return int(different[0]) if different.size else n
