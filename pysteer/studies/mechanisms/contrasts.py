"""Contrasts of whole texts: two replies to the same message that differ in one respect, or two texts without any.

What small models can be steered in. Those of the embedded model are made of what it was trained on; for any other model
there are the behaviours that come with pysteer, scenes of "Representation Engineering" (arXiv:2310.01405) where the
folder of data sets has them, and replies written for this study. All are declared here, whatever came out for them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
_MATERIAL = Path(__file__).parent / "material" / "contrasts.json"
Split = tuple[str, Dataset, Dataset]
"""Name, pairs for the vector, other pairs."""


def contrasts(context: StudyContext, *, is_embedded: bool, n_most: int) -> list[Split]:
    """Return the first contrasts that there are for the models of a run."""
    return (_embedded(context.seed) if is_embedded else _public(context))[:n_most]


def _embedded(seed: int) -> list[Split]:
    mood = Dataset(load_pairs(model_path().parent / "pairs.jsonl").pairs, MOOD)
    every = (mood, register_pairs(), length_pairs(), thinking_pairs())
    return [(data.name, *data.split(_TRAIN_SHARE, seed=seed)) for data in every]


def _public(context: StudyContext) -> list[Split]:
    own = [Dataset(written_pairs(name).pairs, name) for name in (POLITE, PAST)]
    scenes = _scenes(context)
    return [
        *((name, *load_behaviour(name)) for name in (JOYFUL, FORMAL)),
        *((data.name, *data.split(_TRAIN_SHARE, seed=context.seed)) for data in scenes),
        (CONCISE, *load_behaviour(CONCISE)),
        *((data.name, *data.split(_TRAIN_SHARE, seed=context.seed)) for data in own),
    ]


def _scenes(context: StudyContext) -> list[Dataset]:
    """Return happy against sad scenes, where the folder of data sets has both."""
    files = [context.data_file("repe", "data", "emotions", f"{name}.json") for name in ("happiness", "sadness")]
    happy, sad = (Texts(path.stem, tuple(dict.fromkeys(load_texts(path)))) if path else None for path in files)
    return [pair_texts(happy, sad, name=SCENES)] if happy is not None and sad is not None else []


def written_pairs(name: str) -> Dataset:
    """Return the pairs of replies that were written for this study, of `POLITE` or `PAST`."""
    rows = json.loads(_MATERIAL.read_text("utf-8"))[name]
    return Dataset(tuple(ContrastPair(*row) for row in rows), name)


def register_pairs() -> Dataset:
    """Return pairs of a formal and a casual reply to the same message, of one mood, brief."""
    return _restyled(
        REGISTER,
        lambda row: row["meta"]["length"] == "brief",
        lambda row: "matching" if row["meta"]["register"] == "formal" else "other",
    )


def length_pairs() -> Dataset:
    """Return pairs of a wordy and a brief reply to the same message, of one mood, casual."""
    return _restyled(
        LENGTH,
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


def _restyled(name: str, is_wanted: Callable[[Any], bool], side: Callable[[Any], str]) -> Dataset:
    """Return a pair in two styles for every message of the embedded model's pairs, joyful and sad in turn.

    Its pairs are of one style each; what a reply says of its topic can be said of another one.
    """
    rows: list[Any] = read_rows(model_path().parent / "pairs.jsonl")
    wanted = [row for row in rows if is_wanted(row)]
    styles = [[row for row in wanted if side(row) == which] for which in ("matching", "other")]
    pairs = []
    for number, prompt in enumerate(dict.fromkeys((row["prompt"], row["meta"]["topic"]) for row in rows)):
        mood = ("positive", "negative")[number % 2]
        pairs.append(
            ContrastPair(prompt[0], *(_about(style[number % len(style)], mood, prompt[1]) for style in styles))
        )
    return Dataset(tuple(pairs), name)


def _about(row: Any, mood: str, topic: str) -> str:
    """Return a reply with another topic."""
    own, other = (re.sub("^my ", "your ", each) for each in (row["meta"]["topic"], topic))
    return str(row[mood].replace(own, other))
