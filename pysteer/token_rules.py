"""At which tokens of a text activations are read: `RULES`.

The letter is found by its place in the text, never by counting from the end: many tokenizers merge "(A" or "A)".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from pysteer.errors import DataError, SteeringError
from pysteer.pair_text import Answered
from pysteer.registry import did_you_mean

TokenRule = Callable[[Answered], tuple[int, ...]]
RULES: Mapping[str, str] = MappingProxyType(
    {
        "letter": "the token that holds the answer's letter (CAA, Rimsky et al. 2023; steering-bench)",
        "last": "the last token of the text (ActAdd, contrastive activation engineering)",
        "last:K": "the last K tokens, averaged (in-context vectors, K = 4)",
        "answer": "all tokens of the answer, averaged",
        "prompt": "the last token of the prompt",
        "match:REGEX": "the tokens that a regular expression touches, averaged",
    }
)
"""Rule -> at which tokens it reads, and who uses it."""


def parse_token_rule(text: str) -> TokenRule:
    """Return the rule of that name: a function from a text to ascending token indices, at least one.

    Raises
    ------
    SteeringError
        There is no such rule.
    """
    name, colon, argument = text.partition(":")
    if not colon and name in _PLAIN:
        return _PLAIN[name]
    if name == "last" and argument.isdecimal() and int(argument) > 0:
        return lambda answered: tuple(range(max(0, len(answered.tokens) - int(argument)), len(answered.tokens)))
    if name == "match" and argument:
        try:
            pattern = re.compile(argument)
        except re.error as error:
            raise SteeringError(f"token rule {text!r}: not a regular expression: {error}") from error
        return lambda answered: _matched(answered, pattern)
    raise SteeringError(f"unknown token rule {text!r}{did_you_mean(text, RULES)} Available: {', '.join(RULES)}")


def _letter(answered: Answered) -> tuple[int, ...]:
    return (answered.letter_index(),)


def _last(answered: Answered) -> tuple[int, ...]:
    return (len(answered.tokens) - 1,)


def _answer(answered: Answered) -> tuple[int, ...]:
    if answered.n_prompt >= len(answered.tokens):
        raise DataError(f"the answer {answered.answer[:60]!r} has no token of its own")
    first = answered.n_prompt
    if first == 0:  # a whole text: BOS is no part of it
        spans = answered.tokens.spans
        first = 0 if spans is None else int((spans[:, 1] > spans[:, 0]).argmax())
    return tuple(range(first, len(answered.tokens)))


def _prompt(answered: Answered) -> tuple[int, ...]:
    if answered.n_prompt == 0:
        raise DataError("token rule 'prompt' needs pairs with a prompt")
    return (answered.n_prompt - 1,)


def _matched(answered: Answered, pattern: re.Pattern[str]) -> tuple[int, ...]:
    match = pattern.search(answered.tokens.text)
    if match is None or match.start() == match.end():
        raise DataError(f"{pattern.pattern!r} matches nothing in {answered.tokens.text[-80:]!r}")
    return tuple(answered.tokens.indices_between(match.start(), match.end()))


_PLAIN: dict[str, TokenRule] = {"letter": _letter, "last": _last, "answer": _answer, "prompt": _prompt}
