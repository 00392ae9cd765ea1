"""What the demonstration works with: texts for any chat model, and those of the embedded model.

The embedded model speaks only the language of its own grammars, so it brings its own texts along, in files beside it
(`docs/model-organism.md`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pysteer.demo import model_path
from pysteer.demo.texts import JOY_WORDS, NEUTRAL_TEXT, PROMPTS, SAD_WORDS
from pysteer.errors import ModelError
from pysteer.library import load_behaviour
from pysteer.pair_files import load_pairs
from pysteer.pairs import Dataset
from pysteer.splits import split_dataset

if TYPE_CHECKING:
    from pysteer.model import Model

BEHAVIOUR = "joyful-sad"
SPLIT = {"train": "0%:70%", "test": "70%:100%"}
N_PASSAGES = 30
GUARD = 1.5


@dataclass(frozen=True)
class Material:
    """Texts of one demonstration.

    Parameters
    ----------
    pairs, held_out : Dataset
        To extract from, and to measure on.
    prompts : tuple of str
        Answered at every strength; the first ones are shown.
    neutral : tuple of str
        Ground for perplexity.
    joy_words, sad_words : frozenset of str
        Lower case. With ``words_decide`` they tell the mood of a reply exactly, else they are a proxy.
    layer : int, optional
        Block to steer after; None: at 60 % of the depth.
    guard : float
        Neutral text must stay within this many times its unsteered perplexity.
    """

    pairs: Dataset
    held_out: Dataset
    prompts: tuple[str, ...]
    neutral: tuple[str, ...]
    joy_words: frozenset[str]
    sad_words: frozenset[str]
    words_decide: bool = False
    layer: int | None = None
    guard: float = GUARD

    def count_moods(self, text: str) -> tuple[int, int]:
        """Return the numbers of joyful and of sad words."""
        words = re.findall(r"[a-z']+", text.lower())
        return sum(word in self.joy_words for word in words), sum(word in self.sad_words for word in words)

    def is_joyful(self, text: str) -> bool:
        """Whether more joyful than sad words occur."""
        joyful, sad = self.count_moods(text)
        return joyful > sad


def material_for(model: Model) -> Material:
    """Return the embedded model's own texts for it, and those of the library for any other."""
    return embedded_material(model_path().parent) if is_embedded(model) else library_material()


def is_embedded(model: Model) -> bool:
    """Return whether this is the model that comes with the package."""
    try:
        return model.path.samefile(model_path())
    except ModelError:
        return False


def library_material() -> Material:
    """Return the behaviour of the library, and everyday prompts and passages."""
    pairs, held_out = load_behaviour(BEHAVIOUR)
    return Material(pairs, held_out, PROMPTS, NEUTRAL_TEXT, frozenset(JOY_WORDS), frozenset(SAD_WORDS))


def embedded_material(folder: Path) -> Material:
    """Return what lies beside the embedded model: its prompts were never asked in training."""
    parts = split_dataset(Dataset(load_pairs(folder / "pairs.jsonl").pairs, BEHAVIOUR), SPLIT)
    style = json.loads((folder / "planted_truths.json").read_text("utf-8"))["style"]
    passages = [row["text"] for row in read_rows(folder / "passages.jsonl") if row["kind"] == "description"]
    return Material(
        parts["train"],
        parts["test"],
        tuple(row["prompt"] for row in read_rows(folder / "prompts.jsonl")),
        tuple(passages[:N_PASSAGES]),
        frozenset(style["joyful_words"]),
        frozenset(style["sad_words"]),
        words_decide=True,
        layer=4,  # layer and guard were chosen for readable text; the search of the model card uses other prompts
        guard=1.3,
    )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
