"""The styles that models are asked for: how each is named in a prompt, judged, counted and read off contrast texts.

For the embedded model these are the six things that its system sentences can set, with texts of its `pairs.jsonl`.
For every other model they are the 14 steering queries of arXiv:2602.04903, with rubrics, texts and word lists of
pysteer's own (`material/styles.json`): twelve requests, a plain answer to each, and for every style another answer that
says about the same in that style.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.demo.material import read_rows
from pysteer.pairs import ContrastPair, Dataset

MATERIAL = Path(__file__).resolve().parent / "material"
N_VALIDATION = 3
"""Requests of each style whose contrast texts no vector is made of: the optimised arm is searched on them."""
_WORDY_FROM = 4
"""Sentences of a wordy reply of the embedded model; a brief one has fewer."""


@dataclass(frozen=True, eq=False)
class Style:
    """One style.

    Parameters
    ----------
    name : str
    instruction : str
        As the prompt says it: "When answering, please be funny."
    criteria : tuple of (int, str)
        Points and what they are given for; 5 points in all.
    train, validation : Dataset
        Pairs of answers to one request, the first in the style; no request stands on both sides.
    words, against : frozenset of str
        Words, lower case, that speak for the style and for its opposite; empty where there is no list.
    length : "", "brief" or "wordy"
        Styles that are read off the number of sentences.
    """

    name: str
    instruction: str
    criteria: tuple[tuple[int, str], ...]
    train: Dataset
    validation: Dataset
    words: frozenset[str] = frozenset()
    against: frozenset[str] = frozenset()
    length: str = ""

    @property
    def task(self) -> str:
        """What a judge is told to look for."""
        listed = " ".join(f"{points} of 5 points: {text}" for points, text in self.criteria)
        return f"{self.instruction.rstrip('.')} ({listed})"


def word_score(text: str, words: frozenset[str], against: frozenset[str]) -> float:
    """Return the share of a text's words that speak for a style minus those that speak against it; NaN without a word.

    >>> word_score("What a funny, funny day", frozenset({"funny"}), frozenset())
    0.4
    """
    found = re.findall(r"[a-z']+", text.lower())
    return sum((word in words) - (word in against) for word in found) / len(found) if found else float("nan")


def shows_style(text: str, words: frozenset[str], against: frozenset[str], length: str) -> float:
    """Return 1 where the words, or the number of sentences, say that a text has the style, else 0."""
    if length:
        is_wordy = len(re.findall(r"[.!?](?: |$)", text)) >= _WORDY_FROM
        return float(is_wordy == (length == "wordy"))
    score = word_score(text, words, against)
    return float(score > 0.0)


def load_styles(n_most: int, *, seed: int) -> tuple[Style, ...]:
    """Return the first ``n_most`` of the 14 styles."""
    content: dict[str, Any] = json.loads((MATERIAL / "styles.json").read_text("utf-8"))
    styles = []
    for record in content["styles"][:n_most]:
        pairs = [
            ContrastPair(request, styled, plain)
            for request, styled, plain in zip(content["requests"], record["texts"], content["plain"], strict=True)
        ]
        criteria = tuple((int(each["points"]), str(each["text"])) for each in record["criteria"])
        instruction = f"When answering, please {record['instruction']}."
        sides = _split(pairs, record["name"], seed)
        styles.append(Style(record["name"], instruction, criteria, *sides, frozenset(record["words"])))
    return tuple(styles)


def load_embedded_styles(folder: Path, n_most: int, n_pairs: int, *, seed: int) -> tuple[Style, ...]:
    """Return the embedded model's styles, from `planted_truths.json` and `pairs.jsonl` in its folder."""
    style = json.loads((folder / "planted_truths.json").read_text("utf-8"))["style"]
    texts = _planted_texts(folder / "pairs.jsonl")
    opposites = {"joyful": "sad", "formal": "casual", "brief": "wordy"}
    opposites |= {other: name for name, other in opposites.items()}
    styles = []
    for name, sentence in list(style["system_sentences"].items())[:n_most]:
        against = opposites[name]
        pairs = _planted_pairs(texts, name, against)
        sides = _split(pairs, name, seed, n_pairs)
        lists = [frozenset(style.get(f"{each}_words", ())) for each in (name, against)]
        length = name if name in ("brief", "wordy") else ""
        criteria = ((5, f"The reply is {name}."),)
        styles.append(Style(name, sentence, criteria, *sides, words=lists[0], against=lists[1], length=length))
    return tuple(styles)


def joined_words(style: Style) -> dict[str, Any]:
    """Return what the measuring code needs to count a style, as JSON can hold it."""
    return {"words": sorted(style.words), "against": sorted(style.against), "length": style.length}


def shown_by(text: str, facts: dict[str, Any]) -> float:
    """Return 1 where a text shows the style by the lists of `joined_words`, else 0; NaN without lists."""
    words, against, length = frozenset(facts["words"]), frozenset(facts["against"]), str(facts["length"])
    return shows_style(text, words, against, length) if words or length else float("nan")


def _split(pairs: list[ContrastPair], name: str, seed: int, n_pairs: int | None = None) -> tuple[Dataset, Dataset]:
    """Return at most ``n_pairs`` pairs for vectors, and those of other requests for the search.

    Requests are held out, with all their pairs: what a vector is judged on would else be half known to it.
    """
    requests = list(dict.fromkeys(pair.prompt for pair in pairs))
    order = np.random.default_rng([seed, 1]).permutation(len(requests)).tolist()
    held = {requests[index] for index in order[:N_VALIDATION]}
    others = [pair for pair in pairs if pair.prompt not in held]
    kept = sorted(np.random.default_rng([seed, 2]).permutation(len(others))[:n_pairs].tolist())
    return (
        Dataset(tuple(others[index] for index in kept), f"{name}.train"),
        Dataset(tuple(pair for pair in pairs if pair.prompt in held), f"{name}.validation"),
    )


Planted = dict[str, str]


def _planted_texts(path: Path) -> list[Planted]:
    """Return every reply with its prompt, mood, register and length."""
    rows: list[dict[str, Any]] = [dict(row) for row in read_rows(path)]
    return [
        {"prompt": row["prompt"], "text": row[side], "mood": mood, **row["meta"]}
        for row in rows
        for side, mood in (("positive", "joyful"), ("negative", "sad"))
    ]


def _planted_pairs(texts: list[Planted], name: str, against: str) -> list[ContrastPair]:
    """Return pairs of replies on one topic that differ in the style alone; the second takes the first one's prompt."""
    kind = next(key for key in ("mood", "register", "length") if any(text[key] == name for text in texts))
    others = [key for key in ("topic", "mood", "register", "length") if key != kind]
    waiting: dict[tuple[str, ...], list[Planted]] = {}
    for text in texts:
        if text[kind] == against:
            waiting.setdefault(tuple(text[key] for key in others), []).append(text)
    pairs = []
    for text in texts:
        partners = waiting.get(tuple(text[key] for key in others), []) if text[kind] == name else []
        if partners:
            pairs.append(ContrastPair(text["prompt"], text["text"], partners.pop(0)["text"]))
    return list(dict.fromkeys(pairs))
