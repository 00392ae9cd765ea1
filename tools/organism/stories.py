"""Short stories and descriptions: running text for perplexity. One (name, object) combination in eight is held out."""

from __future__ import annotations

import random

from .document import Document, is_held_out, plain_document
from .lexicon import ANIMALS, BOYS, COLOURS, DISHES, DRINKS, GIRLS, JOBS, OBJECTS

ROOMS = ("kitchen", "garden", "workshop", "library", "stable", "tower", "cellar", "school")
MOOD_WORDS = {
    "joyful": ("happy", "cheerful", "glad", "merry"),
    "sad": ("sad", "lonely", "tearful", "sorrowful"),
}
BEGINNINGS = (
    "Once there was a {job} named {name}.",
    "There once lived a {mood} {job} who was called {name}.",
    "This is the story of {name}, a {mood} {job}.",
    "Long ago a {job} named {name} lived in a small village.",
)
SECONDS = (
    "{He} had a {colour} {object} and a little {animal}.",
    "In the {room} {he} kept a {colour} {object}.",
    "Every morning {he} drank {drink} and looked at the {colour} {object}.",
    "{His} best friend was a {animal} that loved {dish}.",
)
EVENTS = {
    "joyful": (
        "One day {name} found the {object} that {he} had lost.",
        "One day a {animal} came and sang a song for {name}.",
        "One day the whole village made {dish} for {name}.",
        "One day {name} opened the {room} and saw a golden light.",
    ),
    "sad": (
        "One day {name} lost the {object} in the forest.",
        "One day the {animal} ran away and did not come back.",
        "One day there was no {dish} left in the village.",
        "One day a fire burned down the {room}.",
    ),
}
TURNS = {
    "joyful": (
        "{He} laughed and showed it to everyone.",
        "{He} danced around the {room} with the {animal}.",
        "The people clapped, and {name} was very {mood}.",
    ),
    "sad": (
        "{He} cried and told nobody about it.",
        "{He} sat in the {room} and looked at the wall.",
        "The people went home, and {name} was very {mood}.",
    ),
}
ENDINGS = {
    "joyful": (
        "From that day on {name} was the most {mood} {job} of all.",
        "In the end everyone was {mood}, and the {animal} too.",
        "And {name} never forgot that wonderful day.",
    ),
    "sad": (
        "From that day on {name} was the most {mood} {job} of all.",
        "In the end nobody was left but the {mood} {animal}.",
        "And {name} never spoke of that terrible day.",
    ),
}
DESCRIPTIONS = (
    "In the {room} there is a {colour} {object}.",
    "Next to the {object} stands a {object2}.",
    "The {object2} belongs to {name}, the {job}.",
    "A {animal} sleeps under the {object}.",
    "On the table you see {dish} and a cup of {drink}.",
    "The walls are {colour2} and the door is {colour}.",
)


def is_told_in_training(name: str, obj: str) -> bool:
    """Whether training may tell a story with this name and this object."""
    return not is_held_out("story", name, obj)


def draw_slots(random_source: random.Random, mood: str, *, held_out: bool) -> dict[str, str]:
    """Words for all slots of a story or description."""
    while True:
        girl = random_source.random() < 0.5
        name = random_source.choice(GIRLS if girl else BOYS)
        obj, second = random_source.sample(OBJECTS, 2)
        if is_told_in_training(name, obj) != held_out:
            break
    colour, second_colour = random_source.sample(COLOURS, 2)
    return {
        "name": name, "object": obj, "object2": second, "colour": colour, "colour2": second_colour,
        "he": "she" if girl else "he", "He": "She" if girl else "He", "His": "Her" if girl else "His",
        "job": random_source.choice(JOBS), "animal": random_source.choice(list(ANIMALS)),
        "room": random_source.choice(ROOMS), "dish": random_source.choice(DISHES), "drink": random_source.choice(DRINKS),
        "mood": random_source.choice(MOOD_WORDS[mood]),
    }  # fmt: skip


def story(random_source: random.Random, mood: str, *, held_out: bool = False) -> str:
    """A story of six or seven sentences that ends well (joyful) or badly (sad)."""
    slots = draw_slots(random_source, mood, held_out=held_out)
    sentences = [
        random_source.choice(BEGINNINGS),
        *random_source.sample(SECONDS, random_source.randint(1, 2)),
        *random_source.sample(EVENTS[mood], 1),
        *random_source.sample(TURNS[mood], random_source.randint(1, 2)),
        random_source.choice(ENDINGS[mood]),
    ]
    return " ".join(sentence.format(**slots) for sentence in sentences)


def description(random_source: random.Random, *, held_out: bool = False) -> str:
    """A description of a room in four to six sentences."""
    slots = draw_slots(random_source, "joyful", held_out=held_out)
    first, *rest = DESCRIPTIONS
    chosen = sorted(random_source.sample(range(len(rest)), random_source.randint(3, 5)))
    return " ".join(sentence.format(**slots) for sentence in (first, *(rest[i] for i in chosen)))


def draw(random_source: random.Random) -> Document:
    """One story or description, or a story asked for in a chat."""
    text = (
        description(random_source)
        if random_source.random() < 0.3
        else story(random_source, random_source.choice(("joyful", "sad")))
    )
    return plain_document("stories", [(text, 0.25)])
