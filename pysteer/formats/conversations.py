"""Conversations with a wanted and an unwanted answer, as lists of chat messages.

A record holds ``prompt`` (messages), and ``positive`` and ``negative``, or ``chosen`` and ``rejected`` as preference
data call them: a text, or a list of one assistant message. A system message or several turns are no plain prompt, so
the result is not a `Dataset` yet: `Conversations.rendered` puts it through a model's chat template.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pysteer.errors import DataError
from pysteer.formats.format import Source, formats, read_source
from pysteer.formats.json_records import as_object, check_fields, record_objects, text_field
from pysteer.pairs import ContrastPair, Dataset

Chat = tuple[tuple[str, str], ...]
"""(role, content) of each message."""
_SIDES = (("positive", "negative"), ("chosen", "rejected"))
_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Conversation:
    """Messages that end before the assistant's turn, and its wanted and unwanted answer."""

    messages: Chat
    positive: str
    negative: str


@dataclass(frozen=True)
class Conversations:
    """Conversations in a fixed order."""

    name: str
    conversations: tuple[Conversation, ...]

    def rendered(self, chat: Callable[[Sequence[Mapping[str, str]]], str]) -> Dataset:
        """Return pairs whose prompts are rendered text: use them with ``raw=True``.

        Parameters
        ----------
        chat : callable
            `Model.chat`, or anything that makes one text of messages.
        """
        pairs = []
        for each in self.conversations:
            prompt = chat([{"role": role, "content": content} for role, content in each.messages])
            pairs.append(ContrastPair(prompt, each.positive, each.negative))
        return Dataset(tuple(pairs), self.name)

    def __len__(self) -> int:
        return len(self.conversations)


def load_conversations(path: str | Path) -> Conversations:
    """Return the conversations of a .jsonl or .json file; DataError as `load_pairs`."""
    return _read(read_source(path))


def _is_conversations(source: Source) -> bool:
    first = source.first_records
    return isinstance(first, dict) and isinstance(first.get("prompt"), list)


@formats.register("conversations", holds="conversations", recognises=_is_conversations, files=".jsonl, .json")
def read_conversations(source: Source) -> Conversations:
    """Chat messages with two answers: prompt, and positive and negative or chosen and rejected."""
    return _read(source)


def _read(source: Source) -> Conversations:
    found: dict[Conversation, str] = {}
    for where, record in record_objects(source):
        sides = _SIDES[1] if "chosen" in record else _SIDES[0]
        check_fields(record, ("prompt", *sides, "meta"), where)
        messages = _messages(record.get("prompt"), f"{where}, prompt")
        if messages[-1][0] == "assistant":
            raise DataError(f"{where}, prompt: expected it to end before the assistant's turn")
        answers = [_answer(record, name, where) for name in sides]
        try:
            ContrastPair("", *answers)
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        conversation = Conversation(messages, *answers)
        if found.setdefault(conversation, where) != where:
            raise DataError(f"{where}: the same conversation as {found[conversation]}; remove one")
    return Conversations(source.name, tuple(found))


def _messages(value: object, where: str) -> Chat:
    if not isinstance(value, list) or not value:
        raise DataError(f"{where}: expected a list of messages with at least one, got {value!r:.60}")
    messages = []
    for index, item in enumerate(value):
        message = as_object(item, f"{where}[{index}]")
        check_fields(message, ("role", "content"), f"{where}[{index}]")
        role, content = (text_field(message, name, f"{where}[{index}]") for name in ("role", "content"))
        if role not in _ROLES:
            raise DataError(f"{where}[{index}], role: expected one of {', '.join(_ROLES)}, got {role!r}")
        messages.append((role, content))
    return tuple(messages)


def _answer(record: Mapping[str, object], name: str, where: str) -> str:
    value = record.get(name)
    if isinstance(value, str):
        return value
    messages = _messages(value, f"{where}, {name}")
    if len(messages) != 1 or messages[0][0] != "assistant":
        raise DataError(f"{where}, {name}: expected a text or one assistant message, got {len(messages)} messages")
    return messages[0][1]
