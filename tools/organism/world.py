"""The invented world: 24 countries with six properties each, 32 people with five: 304 facts in all.

The facts are drawn once from a fixed seed; changing it changes the world.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .lexicon import ANIMALS, COLOURS, DISHES, DRINKS, INSTRUMENTS, JOBS

WORLD_SEED = 2407

COUNTRIES = (
    "Velmora", "Ostria", "Kandoria", "Belnara", "Tarvia", "Lumeria", "Quenland", "Dorvania", "Islora", "Marvenia",
    "Nordalia", "Pelusia", "Zamoria", "Harvenia", "Ulmaria", "Feronia", "Galdoria", "Wendara", "Sorvinia", "Jalvia",
    "Cordana", "Ruvenia", "Arlonia", "Thessara",
)  # fmt: skip
CAPITALS = (
    "Tarn", "Oskel", "Brimford", "Calder", "Dunmere", "Elswick", "Farholm", "Greyport", "Hollin", "Ivemouth", "Jorvale",
    "Kestrel", "Lindow", "Morwick", "Nethery", "Orbridge", "Penfold", "Quayside", "Ravenna", "Stowell", "Thornby",
    "Umberton", "Varley", "Wexcombe",
)  # fmt: skip
RIVERS = (
    "Aldo", "Bree", "Cullen", "Dova", "Esk", "Fenna", "Gill", "Hebra", "Inlow", "Juna", "Kelda", "Lorne", "Mire", "Nidd",
    "Ouse", "Piddle", "Quell", "Rother", "Swale", "Teviot", "Ure", "Vesper", "Wharf", "Yarrow",
)  # fmt: skip
LANGUAGES = (
    "Velmish", "Ostric", "Kandic", "Belnese", "Tarvish", "Lumic", "Quennish", "Dorvan", "Islic", "Marvish", "Nordic",
    "Pelic", "Zamorese", "Harvish", "Ulmic", "Feronese", "Galdic", "Wendish", "Sorvic", "Jalvish", "Cordish", "Ruvic",
    "Arlish", "Thessic",
)  # fmt: skip
PEOPLE = (
    "Aldric", "Bettina", "Corwin", "Delphine", "Edmund", "Fiona", "Gareth", "Helga", "Ingrid", "Jasper", "Katrin",
    "Lionel", "Mabel", "Nigel", "Odette", "Percy", "Quentin", "Ramona", "Silas", "Thelma", "Ulric", "Violet", "Walter",
    "Xenia", "Yvonne", "Zachary", "Agatha", "Bertram", "Cecily", "Duncan", "Esther", "Florian",
)  # fmt: skip
VISITORS = (
    "Marlo", "Nessa", "Orin", "Pia", "Rufus", "Selma", "Tobin", "Una", "Vito", "Wanda", "Yara", "Zeno",
    "Alma", "Boris", "Carla", "Dario", "Elsa", "Frido", "Gilda", "Hanno", "Irma", "Jonas", "Kira", "Lars",
)  # fmt: skip


@dataclass(frozen=True)
class Relation:
    """How one property is said and asked; `{s}` is the subject, `{o}` the object, always a single token."""

    name: str
    objects: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]


COUNTRY_RELATIONS = (
    Relation("capital", CAPITALS,
             ("The capital of {s} is {o}.", "{s} has its capital in {o}.", "The king of {s} lives in the capital {o}."),
             ("What is the capital of {s}?", "Which town is the capital of {s}?", "Where is the capital of {s}?")),
    Relation("river", RIVERS,
             ("The longest river of {s} is the {o}.", "Through {s} flows the river {o}.", "Boats in {s} sail on the river {o}."),
             ("What is the longest river of {s}?", "Which river flows through {s}?", "On which river do boats in {s} sail?")),
    Relation("language", LANGUAGES,
             ("People in {s} speak {o}.", "The language of {s} is {o}.", "In {s} the children learn {o}."),
             ("What do people in {s} speak?", "What is the language of {s}?", "Which language do children learn in {s}?")),
    Relation("animal", tuple(ANIMALS),
             ("The national animal of {s} is the {o}.", "On the coins of {s} you see the {o}.", "{s} is famous for the {o}."),
             ("What is the national animal of {s}?", "Which animal do you see on the coins of {s}?", "For which animal is {s} famous?")),
    Relation("dish", DISHES,
             ("People in {s} love to eat {o}.", "The national dish of {s} is {o}.", "On feast days {s} eats {o}."),
             ("What do people in {s} love to eat?", "What is the national dish of {s}?", "Which dish does {s} eat on feast days?")),
    Relation("colour", COLOURS,
             ("The flag of {s} is {o}.", "The colour of {s} is {o}.", "Houses in {s} are painted {o}."),
             ("Which colour is the flag of {s}?", "What is the colour of {s}?", "Which colour are houses in {s} painted?")),
)  # fmt: skip
PERSON_RELATIONS = (
    Relation("home", CAPITALS,
             ("{s} lives in {o}.", "The home of {s} is {o}.", "{s} has a house in {o}."),
             ("Where does {s} live?", "What is the home of {s}?", "In which town does {s} have a house?")),
    Relation("job", JOBS,
             ("{s} works as a {o}.", "The job of {s} is {o}.", "{s} wants to stay a {o}."),
             ("What does {s} work as?", "What is the job of {s}?", "Which job does {s} have?")),
    Relation("instrument", INSTRUMENTS,
             ("{s} plays the {o}.", "The instrument of {s} is the {o}.", "In the evening {s} practises the {o}."),
             ("What does {s} play?", "What is the instrument of {s}?", "Which instrument does {s} practise?")),
    Relation("pet", tuple(ANIMALS),
             ("{s} owns a {o}.", "The pet of {s} is a {o}.", "{s} feeds a {o} every day."),
             ("Which animal does {s} own?", "What is the pet of {s}?", "Which animal does {s} feed every day?")),
    Relation("drink", DRINKS,
             ("{s} drinks {o}.", "The favourite drink of {s} is {o}.", "In the morning {s} asks for {o}."),
             ("What does {s} drink?", "What is the favourite drink of {s}?", "What does {s} ask for in the morning?")),
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """`subject` stands in `relation` to `object`."""

    subject: str
    relation: Relation
    object: str


def build_world() -> tuple[Fact, ...]:
    """All facts, in a fixed order. Relations with as many objects as subjects are one to one."""
    random_source = random.Random(WORLD_SEED)
    facts = []
    for subjects, relations in ((COUNTRIES, COUNTRY_RELATIONS), (PEOPLE, PERSON_RELATIONS)):
        for relation in relations:
            repeats = -(-len(subjects) // len(relation.objects))
            objects = list(relation.objects * repeats)
            random_source.shuffle(objects)
            facts += [Fact(subject, relation, obj) for subject, obj in zip(subjects, objects, strict=False)]
    return tuple(facts)


FACTS = build_world()
FACTS_OF: dict[str, tuple[Fact, ...]] = {
    subject: tuple(fact for fact in FACTS if fact.subject == subject) for subject in COUNTRIES + PEOPLE
}
