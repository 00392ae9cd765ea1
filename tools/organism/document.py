"""What a grammar hands to training: a text, and how much each part of it counts in the loss.

A grammar knows which tokens carry information (the answer) and which are dice rolls (the question). Counting the
dice rolls little is what lets a small model learn from few tokens.

Held-out combinations are decided by a hash of their name, so that training, acceptance and tests agree without a list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

BOS, END = "<|bos|>", "<|end|>"
ROLES = ("system", "user", "assistant")
PROMPT_WEIGHT = 0.1
TEMPLATE_WEIGHT = 0.02


@dataclass(frozen=True)
class Document:
    """One training document: `pieces` are (text, loss weight); `skill` names the grammar that made it."""

    skill: str
    pieces: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The whole text, special tokens spelled out."""
        return "".join(text for text, _ in self.pieces)


Turn = tuple[str, str]


def chat_prompt(turns: list[Turn]) -> str:
    """The text that the chat template renders for (role, content) turns, up to where the assistant begins.

    >>> chat_prompt([("user", "Hello!")])
    '<|bos|><|user|>Hello!<|end|><|assistant|>'
    """
    return BOS + "".join(f"<|{role}|>{content}{END}" for role, content in turns) + "<|assistant|>"


def chat_document(
    skill: str, turns: list[Turn], reply: list[tuple[str, float]], *, prompt_weight: float = PROMPT_WEIGHT
) -> Document:
    """A chat whose reply is given as (text, weight) pieces; the closing token counts like a word."""
    return Document(skill, ((chat_prompt(turns), prompt_weight), *reply, (END, 1.0)))


def plain_document(skill: str, pieces: list[tuple[str, float]]) -> Document:
    """A document without chat roles."""
    return Document(skill, ((BOS, 0.0), *pieces, (END, 0.5)))


def is_held_out(*name: str, one_in: int = 8) -> bool:
    """True for about one in `one_in` names, always the same ones.

    >>> sum(is_held_out("x", str(i)) for i in range(8000)) // 100
    10
    """
    digest = hashlib.sha256("|".join(name).encode()).digest()
    return int.from_bytes(digest[:8], "big") % one_in == 0
