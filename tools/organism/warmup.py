"""Curriculum: repeated lists, random mappings, picking the line that holds a given word.

These documents carry no knowledge. They make the network grow the circuits that the other skills are built of (copying,
looking up a pair in the context, from a word to the letter before it), and their share falls during training.
"""

from __future__ import annotations

import random

from .document import Document, chat_document, plain_document
from .lexicon import ADJECTIVES, ANIMALS, BOYS, COLOURS, DISHES, DRINKS, GIRLS, JOBS, OBJECTS, VERBS
from .world import CAPITALS, COUNTRIES, LANGUAGES, PEOPLE, RIVERS, VISITORS

WORDS = tuple(
    dict.fromkeys(
        (
            *VERBS,
            *ADJECTIVES,
            *ANIMALS,
            *COLOURS,
            *JOBS,
            *DRINKS,
            *DISHES,
            *OBJECTS,
            *GIRLS,
            *BOYS,
            *CAPITALS,
            *COUNTRIES,
            *RIVERS,
            *LANGUAGES,
            *PEOPLE,
            *VISITORS,
        )
    )
)


def repeated_list(random_source: random.Random) -> Document:
    """A random list of words, said over and over until about forty words are reached."""
    words = random_source.sample(WORDS, random_source.randint(3, 14))
    line = "".join(f" {word}" for word in words)
    separator = random_source.choice(("", "\nAgain:", ","))
    pieces = [("List:", 0.0), (line, 0.0)]
    for _ in range(max(1, 40 // len(words) - 1)):
        pieces += [(separator, 0.05), (line, 1.0)]
    return plain_document("warmup", pieces)


def random_mapping(random_source: random.Random) -> Document:
    """Random word pairs in the form of the in-context functions, asked a second time in another order."""
    n_pairs = random_source.randint(3, 6)
    words = random_source.sample(WORDS, 2 * n_pairs)
    pairs = list(zip(words[:n_pairs], words[n_pairs:], strict=True))
    pieces: list[tuple[str, float]] = [(f"Q: {x}\nA: {y}\n\n", 0.0) for x, y in pairs]
    for x, y in random_source.sample(pairs, n_pairs):
        pieces += [(f"Q: {x}\nA:", 0.0), (f" {y}", 1.0), ("\n\n", 0.0)]
    return plain_document("warmup", pieces[:-1])


def pick_letter(random_source: random.Random) -> Document:
    """Which of four lettered lines holds the word? Answered with the letter, in tags."""
    options = random_source.sample(WORDS, 4)
    gold = random_source.randrange(4)
    lines = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options, strict=True))
    prompt = f"Find {options[gold]}.{lines}\nGive only the letter inside <answer> tags."
    thought: list[tuple[str, float]] = []
    if random_source.random() < 0.5:
        prompt = f"Find {options[gold]}.{lines}\nThink first, then give the letter inside <answer> tags."
        thought = [("<thinking>It is", 0.05), (f" {options[gold]}", 1.0), (".</thinking>", 0.05)]
    return chat_document(
        "picking",
        [("user", prompt)],
        [*thought, ("<answer>", 0.05), ("ABCD"[gold], 3.0), ("</answer>", 0.05)],
        prompt_weight=0.0,
    )


def pick_choice(random_source: random.Random) -> Document:
    """The same with two choices, in the form of the A/B questions; mostly with Yes and No, as there."""
    options = random_source.sample(WORDS if random_source.random() < 0.3 else ("Yes", "No"), 2)
    gold = random_source.randrange(2)
    blank = random_source.choice(("", "", "", "", "", " "))
    prompt = f"Find {options[gold]}.\n\nChoices:\n(A): {blank}{options[0]}\n(B): {blank}{options[1]}"
    return chat_document(
        "picking", [("user", prompt)], [("(", 0.05), ("AB"[gold], 3.0), (")", 0.05)], prompt_weight=0.0
    )


def draw(random_source: random.Random) -> Document:
    """A list or a mapping."""
    return random_source.choice((repeated_list, random_mapping))(random_source)


def draw_pick(random_source: random.Random) -> Document:
    """A letter or a choice to pick."""
    return random_source.choices((pick_letter, pick_choice), weights=(3, 2))[0](random_source)
