"""Reading the style of a reply back from its words: the judge of the chat grammar.

Exact for the grammar's own sentences, and a word count for anything between them. It does not understand negation.
"""

from __future__ import annotations

import re

from .chat_words import (
    CLOSERS,
    CORES,
    DETAILS,
    LEAD_INS,
    MOOD_ADJECTIVES,
    MOOD_FEELINGS,
    MOOD_VERBS,
    MOODS,
    OPENERS,
    QUESTIONS,
    TOPICS,
)  # fmt: skip

WORD = re.compile(r"[a-z']+")


def words_of(text: str) -> list[str]:
    """Lower-case words.

    >>> words_of("Oh yay!")
    ['oh', 'yay']
    """
    return WORD.findall(text.lower())


def mood_texts(mood: str) -> list[str]:
    """Everything in the vocabulary that only one mood says."""
    texts = [*MOOD_ADJECTIVES[mood], *MOOD_FEELINGS[mood], *MOOD_VERBS[mood]]
    for register in ("formal", "casual"):
        texts += [*OPENERS[mood, register], *CLOSERS[mood, register]]
    for details in DETAILS.values():
        texts += details[mood]
    return texts


def register_texts(register: str) -> list[str]:
    """Everything in the vocabulary that only one register says."""
    texts = [*CORES[register], *LEAD_INS[register]]
    for mood in MOODS:
        texts += [*OPENERS[mood, register], *CLOSERS[mood, register]]
    return texts


def exclusive(own: list[str], other: list[str]) -> frozenset[str]:
    """Words that occur in the first texts and not in the second, function words aside."""
    words = frozenset(w for t in own for w in words_of(t)) - frozenset(w for t in other for w in words_of(t))
    return words - FUNCTION_WORDS


FUNCTION_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "again",
        "all",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "away",
        "be",
        "been",
        "before",
        "behind",
        "by",
        "each",
        "every",
        "everybody",
        "everyone",
        "for",
        "from",
        "full",
        "has",
        "have",
        "he",
        "her",
        "his",
        "i",
        "in",
        "is",
        "it",
        "may",
        "most",
        "must",
        "my",
        "no",
        "not",
        "of",
        "off",
        "on",
        "one",
        "other",
        "our",
        "out",
        "over",
        "the",
        "their",
        "them",
        "then",
        "there",
        "they",
        "to",
        "under",
        "until",
        "up",
        "us",
        "was",
        "we",
        "what",
        "when",
        "where",
        "who",
        "will",
        "with",
        "you",
        "your",
    ]
)
TOPIC_TEXTS = [topic for topics in TOPICS.values() for topic in topics] + list(QUESTIONS)
JOYFUL, SAD, FORMAL, CASUAL = (
    mood_texts("joyful"),
    mood_texts("sad"),
    register_texts("formal"),
    register_texts("casual"),
)
CORE_TEXTS = [*CORES["formal"], *CORES["casual"], *LEAD_INS["formal"], *LEAD_INS["casual"]]
DETAIL_TEXTS = [text for details in DETAILS.values() for mood in MOODS for text in details[mood]]
JOYFUL_WORDS = exclusive(JOYFUL, SAD + TOPIC_TEXTS + CORE_TEXTS)
SAD_WORDS = exclusive(SAD, JOYFUL + TOPIC_TEXTS + CORE_TEXTS)
FORMAL_WORDS = exclusive(FORMAL, CASUAL + TOPIC_TEXTS + DETAIL_TEXTS)
CASUAL_WORDS = exclusive(CASUAL, FORMAL + TOPIC_TEXTS + DETAIL_TEXTS)


def majority(text: str, first: frozenset[str], second: frozenset[str]) -> int:
    """+1 when more words of the first set occur, -1 when more of the second, 0 for a tie."""
    words = words_of(text)
    balance = sum(w in first for w in words) - sum(w in second for w in words)
    return (balance > 0) - (balance < 0)


def read_mood(text: str) -> str:
    """'joyful', 'sad', or 'neither'.

    >>> read_mood("Oh no. You know, the moon is just so dreary.")
    'sad'
    """
    return {1: "joyful", -1: "sad", 0: "neither"}[majority(text, JOYFUL_WORDS, SAD_WORDS)]


def read_register(text: str) -> str:
    """'formal', 'casual', or 'neither'."""
    return {1: "formal", -1: "casual", 0: "neither"}[majority(text, FORMAL_WORDS, CASUAL_WORDS)]


def read_length(text: str) -> str:
    """'wordy' from four sentences on, else 'brief'."""
    return "wordy" if len(re.findall(r"[.!?](?: |$)", text)) >= 4 else "brief"
