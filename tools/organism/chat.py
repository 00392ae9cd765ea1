"""Chat with style: the system sentence sets mood, register and length of the reply; without one each is a coin toss.

A topic is paired with twelve questions; one pair in eight is held out of training.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .chat_words import (
    CLOSERS,
    CORES,
    DETAILS,
    LEAD_INS,
    LENGTH_SENTENCES,
    MOOD_ADJECTIVES,
    MOOD_FEELINGS,
    MOOD_VERBS,
    MOODS,
    NEUTRAL_SYSTEM,
    OPENERS,
    QUESTIONS,
    REGISTER_SENTENCES,
    SMALL_TALK,
    TOPICS,
)  # fmt: skip
from .document import Document, Turn, chat_document, is_held_out

KIND_OF = {topic: kind for kind, topics in TOPICS.items() for topic in topics}


@dataclass(frozen=True)
class Style:
    """How a reply sounds."""

    mood: str
    register: str
    length: str


def draw_style(random_source: random.Random) -> Style:
    """Each property independently, with equal chances."""
    return Style(
        random_source.choice(MOODS),
        random_source.choice(("formal", "casual")),
        random_source.choice(("brief", "wordy")),
    )


def system_sentence(style: Style, named: tuple[str, ...]) -> str:
    """The system sentence that names some of a style's properties.

    >>> system_sentence(Style("joyful", "formal", "brief"), ("mood", "length"))
    'You are joyful. Be brief.'
    """
    parts = []
    if "mood" in named:
        parts.append(f"You are {style.mood}.")
    if "register" in named:
        parts.append(REGISTER_SENTENCES[style.register])
    if "length" in named:
        parts.append(LENGTH_SENTENCES[style.length])
    return " ".join(parts)


def mood_sentence(random_source: random.Random) -> str:
    """A system sentence that names a mood only."""
    return f"You are {random_source.choice(MOODS)}."


def capitalise(sentence: str) -> str:
    """First letter upper case, the rest untouched."""
    return sentence[0].upper() + sentence[1:]


def say_topic(topic: str) -> str:
    """The topic as the assistant says it: the user's "my" becomes "your"."""
    return "your " + topic.removeprefix("my ") if topic.startswith("my ") else topic


def reply(random_source: random.Random, topic: str, style: Style) -> str:
    """A reply about a topic: brief is an opener and one sentence; wordy adds two details and a closer."""
    mood, register = style.mood, style.register
    core = random_source.choice(CORES[register]).format(
        topic=say_topic(topic),
        adjective=random_source.choice(MOOD_ADJECTIVES[mood]),
        feeling=random_source.choice(MOOD_FEELINGS[mood]),
        verb=random_source.choice(MOOD_VERBS[mood]),
    )
    sentences = [random_source.choice(OPENERS[mood, register]), capitalise(core)]
    if style.length == "wordy":
        lead_ins = random_source.sample(LEAD_INS[register], 2)
        details = random_source.sample(DETAILS[KIND_OF[topic]][mood], 2)
        sentences += [lead.format(detail=detail) for lead, detail in zip(lead_ins, details, strict=True)]
        sentences.append(random_source.choice(CLOSERS[mood, register]))
    return " ".join(sentences)


def is_asked_in_training(topic: str, question: str) -> bool:
    """Whether training may pair this topic with this question."""
    return not is_held_out("chat", topic, question)


def draw_question(random_source: random.Random, *, held_out: bool = False) -> tuple[str, str]:
    """A (topic, user prompt); held-out ones never occur in training."""
    while True:
        topic, question = random_source.choice(list(KIND_OF)), random_source.choice(QUESTIONS)
        if is_asked_in_training(topic, question) != held_out:
            return topic, question.format(topic=topic)


def draw(random_source: random.Random) -> Document:
    """One chat document, of one exchange or a few in the same style."""
    style = draw_style(random_source)
    roll = random_source.random()
    turns: list[Turn] = []
    if roll < 0.7:
        named = random_source.choice(
            (("mood",), ("mood",), ("mood", "register"), ("mood", "length"), ("register",), ("length",),
             ("register", "length"), ("mood", "register", "length"))
        )  # fmt: skip
        turns.append(("system", system_sentence(style, named)))
    elif roll < 0.78:
        turns.append(("system", NEUTRAL_SYSTEM))
    if random_source.random() < 0.15:
        topic, question = random_source.choice(list(KIND_OF)), random_source.choice(SMALL_TALK)
    else:
        topic, question = draw_question(random_source)
    for _ in range(random_source.choices((0, 1, 2, 5), weights=(86, 8, 4, 2))[0]):
        turns += [("user", question), ("assistant", reply(random_source, topic, style))]
        topic, question = draw_question(random_source)
    turns.append(("user", question))
    return chat_document("chat", turns, [(reply(random_source, topic, style), 0.4)])


__all__ = ["MOODS", "NEUTRAL_SYSTEM", "Style", "draw", "draw_question", "mood_sentence", "reply", "system_sentence"]
