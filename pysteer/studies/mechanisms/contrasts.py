"""Contrasts of whole texts: two replies to the same message that differ in one respect, or two texts without any.

What small models can be steered in. Those of the embedded model are made of what it was trained on; for any other model
there are the behaviours that come with pysteer, scenes of "Representation Engineering" (arXiv:2310.01405) where the
folder of data sets has them, and replies written for this study. All are declared here, whatever came out for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pysteer.demo import model_path
from pysteer.demo.material import read_rows
from pysteer.formats.texts import Texts, load_texts, pair_texts
from pysteer.library import load_behaviour
from pysteer.pair_files import load_pairs
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.study import StudyContext

MOOD, REGISTER, LENGTH, THINKING = "mood", "register", "length", "thinking"
"""Of the embedded model: joyful against sad, formal against casual, wordy against brief, thought against at once."""
JOYFUL, FORMAL, SCENES = "joyful-sad", "formal-casual", "happy-sad-scenes"
CONCISE, POLITE, PAST = "concise-verbose", "polite-rude", "past-future"
HIGH_LEVEL: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        JOYFUL: ("Love", "Hate"),
        FORMAL: ("Formal", "Casual"),
        SCENES: ("Love", "Hate"),
        CONCISE: ("Short", "Long"),
        POLITE: ("Polite", "Rude"),
        PAST: ("Yesterday", "Tomorrow"),
        MOOD: ("You are joyful.", "You are sad."),
        REGISTER: ("Speak formally.", "Speak casually."),
        LENGTH: ("Be wordy.", "Be brief."),
        THINKING: (
            "Think first, then give the letter inside <answer> tags.",
            "Give only the letter inside <answer> tags.",
        ),
    }
)
"""One pair of words written by hand, of what a contrast is about; questionnaires have a pair of sentences."""
_TRAIN_SHARE = 0.6
_TOPIC = "{topic}"
"""Stands for what a reply is about while replies are dealt."""
_T = TypeVar("_T")
_MATERIAL = Path(__file__).parent / "material" / "contrasts.json"
Split = tuple[str, Dataset, Dataset]
"""Name, pairs for the vector, other pairs."""
Sides = tuple[Dataset, Dataset]
"""Pairs for the vector, other pairs."""


class Contrasts(NamedTuple):
    """What was found.

    Parameters
    ----------
    splits : list of Split
    missing : list of str
        What is left out for want of its files, each with the reason.
    """

    splits: list[Split]
    missing: list[str]


def contrasts(context: StudyContext, *, is_embedded: bool, n_most: int) -> Contrasts:
    """Return the first contrasts that there are for the models of a run."""
    return Contrasts(_embedded(context.seed)[:n_most], []) if is_embedded else _public(context, n_most)


def _embedded(seed: int) -> list[Split]:
    mood = Dataset(load_pairs(model_path().parent / "pairs.jsonl").pairs, MOOD)
    return [
        (MOOD, *mood.split(_TRAIN_SHARE, seed=seed)),
        (REGISTER, *register_pairs(seed)),
        (LENGTH, *length_pairs(seed)),
        (THINKING, *thinking_pairs().split(_TRAIN_SHARE, seed=seed)),
    ]


def _public(context: StudyContext, n_most: int) -> Contrasts:
    scenes = _scenes(context)
    made: dict[str, Sides | str] = {
        **{name: load_behaviour(name) for name in (JOYFUL, FORMAL)},
        SCENES: scenes if isinstance(scenes, str) else scenes.split(_TRAIN_SHARE, seed=context.seed),
        CONCISE: load_behaviour(CONCISE),
        **{name: written_pairs(name, context.seed) for name in (POLITE, PAST)},
    }
    missing = [sides for sides in list(made.values())[:n_most] if isinstance(sides, str)]
    found = [(name, *sides) for name, sides in made.items() if not isinstance(sides, str)]
    return Contrasts(found[:n_most], missing)


def _scenes(context: StudyContext) -> Dataset | str:
    """Return happy against sad scenes, or which of both the folder of data sets does not have."""
    names = ("happiness", "sadness")
    files = {name: context.data_file("repe", "data", "emotions", f"{name}.json") for name in names}
    lost = [f"repe/data/emotions/{name}.json" for name, path in files.items() if path is None]
    if lost:
        return f"{SCENES} is left out: the folder of data sets has no {' and no '.join(lost)}"
    texts = [Texts(name, tuple(dict.fromkeys(load_texts(path)))) for name, path in files.items() if path is not None]
    return pair_texts(texts[0], texts[1], name=SCENES)


def written_pairs(name: str, seed: int) -> Sides:
    """Return the pairs of replies that were written for this study, of `POLITE` or `PAST`.

    Where sides were written apart, so that no turn of phrase stands in both, they are these; else pairs are dealt.
    """
    rows = json.loads(_MATERIAL.read_text("utf-8"))[name]
    if isinstance(rows, list):
        return Dataset(tuple(ContrastPair(*row) for row in rows), name).split(_TRAIN_SHARE, seed=seed)
    train, test = (tuple(ContrastPair(*row) for row in rows[side]) for side in ("train", "held-out"))
    return Dataset(train, f"{name}.train"), Dataset(test, f"{name}.test")


def register_pairs(seed: int) -> Sides:
    """Return pairs of a formal and a casual reply to the same message, of one mood, brief."""
    return _restyled(
        REGISTER,
        seed,
        lambda row: row["meta"]["length"] == "brief",
        lambda row: "matching" if row["meta"]["register"] == "formal" else "other",
    )


def length_pairs(seed: int) -> Sides:
    """Return pairs of a wordy and a brief reply to the same message, of one mood, casual."""
    return _restyled(
        LENGTH,
        seed,
        lambda row: row["meta"]["register"] == "casual",
        lambda row: "matching" if row["meta"]["length"] == "wordy" else "other",
    )


def thinking_pairs() -> Dataset:
    """Return pairs of the right answer with its thought before it, and at once, to questions that ask for neither."""
    pairs = []
    for row in read_rows(model_path().parent / "questions.jsonl"):
        if row["book"] == "closed":
            options = "".join(f"\n{letter}. {choice}" for letter, choice in zip("ABCD", row["choices"], strict=True))
            answer = f"<answer>{row['answer']}</answer>"
            thought = f"<thinking>{row['fact']}</thinking>"
            pairs.append(ContrastPair(row["question"] + options, thought + answer, answer))
    return Dataset(tuple(pairs), THINKING)


def _restyled(name: str, seed: int, is_wanted: Callable[[Any], bool], side: Callable[[Any], str]) -> Sides:
    """Return a pair in two styles for every message of the embedded model's pairs, joyful and sad in turn.

    Its pairs are of one style each; what a reply says of its topic can be said of another one. Replies are dealt like
    messages: one that stands in training, about whatever topic, stands nowhere else.
    """
    rows: list[Any] = read_rows(model_path().parent / "pairs.jsonl")
    wanted = [row for row in rows if is_wanted(row)]
    generator = np.random.default_rng(seed)
    prompts = _dealt([(row["prompt"], _of_topic(row)) for row in rows], generator)
    replies = {
        (which, mood): _dealt(
            [row[mood].replace(_of_topic(row), _TOPIC) for row in wanted if side(row) == which], generator
        )
        for mood in ("positive", "negative")
        for which in ("matching", "other")
    }
    datasets = []
    for place, label in enumerate(("train", "test")):
        pairs = []
        for number, (prompt, topic) in enumerate(prompts[place]):
            mood = ("positive", "negative")[number % 2]
            known = [replies[which, mood][place] for which in ("matching", "other")]
            pairs.append(
                ContrastPair(prompt, *(each[number // 2 % len(each)].replace(_TOPIC, topic) for each in known))
            )
        datasets.append(Dataset(tuple(pairs), f"{name}.{label}"))
    return datasets[0], datasets[1]


def _dealt(items: Sequence[_T], generator: np.random.Generator) -> tuple[list[_T], list[_T]]:
    """Return the items of each side, every one once, in their order."""
    known = list(dict.fromkeys(items))
    is_train = generator.permutation(len(known)) < round(_TRAIN_SHARE * len(known))
    train, rest = (
        [item for item, mine in zip(known, is_train, strict=True) if mine == which] for which in (True, False)
    )
    return train, rest


def _of_topic(row: Any) -> str:
    """Return what a reply calls the topic of its message."""
    return re.sub("^my ", "your ", row["meta"]["topic"])
