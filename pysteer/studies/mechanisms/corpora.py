"""Texts on which perplexity is measured, prompts for texts to write, and user queries.

Public texts where the folder of data sets has them, the embedded model's own for the embedded model, and pysteer's own
passages else. Queries and their replies were written for this study: `material/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pysteer.demo import model_path
from pysteer.demo.material import read_rows
from pysteer.demo.texts import NEUTRAL_TEXT
from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.study import StudyContext

MATERIAL = Path(__file__).parent / "material"
KINDS = ("choice", "open")
"""Kinds of user queries: with two options to choose from, and open-ended."""
_MIN_CHARACTERS = 300
"""Shorter pieces of an encyclopaedia are headings."""


def corpora(context: StudyContext, *, is_embedded: bool, n: int) -> dict[str, Texts]:
    """Return the texts to choose from, by name, at most ``n`` of each."""
    if is_embedded:
        rows = read_rows(model_path().parent / "passages.jsonl")
        return {"passages": _spread("passages", [row["text"] for row in rows], n)}
    found = {}
    stories = context.data_file("text", "tinystories", "tinystories_1000.json")
    if stories is not None:
        found["tinystories"] = _first("tinystories", json.loads(stories.read_text("utf-8")), n)
    wiki = context.data_file("text", "wikitext2", "test.txt")
    if wiki is not None:
        lines = [line.strip() for line in wiki.read_text("utf-8").splitlines()]
        found["wikitext2"] = _spread("wikitext2", [line for line in lines if len(line) >= _MIN_CHARACTERS], n)
    return found or {"neutral passages": _first("neutral passages", list(NEUTRAL_TEXT), n)}


def prompts(*, is_embedded: bool, n: int) -> Texts:
    """Return prompts of everyday talk, for texts to write."""
    if is_embedded:
        rows = read_rows(model_path().parent / "prompts.jsonl")
        return _first("prompts", [row["prompt"] for row in rows], n)
    return _first("prompts", _json("everyday.json")["prompts"], n)


def queries(each: Behaviour, *, is_embedded: bool, n: int) -> dict[str, Dataset]:
    """Return the user queries of a behaviour by kind, at most ``n`` of each; nothing where none were written for it."""
    if is_embedded:
        found = _styles(each.name, n) if each.kind == "texts" else _reworded(each.test, n)
    else:
        written: Mapping[str, Any] = _json("queries.json")
        if each.name not in written:
            return {}
        found = {kind: make(written[each.name][kind]) for kind, make in (("choice", _choices), ("open", _open))}
    return {kind: Dataset(tuple(pairs[:n]), f"{each.name}.{kind}") for kind, pairs in found.items()}


def _choices(rows: Sequence[Mapping[str, str]]) -> list[ContrastPair]:
    """Return queries with lettered options; the matching one is A in every second of them.

    There is a blank before letters and replies, which models without a chat template would read glued to the query.
    """
    pairs = []
    for number, row in enumerate(rows):
        first, second = (row["matching"], row["other"])[:: 1 if number % 2 == 0 else -1]
        letters = (" (A)", " (B)")[:: 1 if number % 2 == 0 else -1]
        pairs.append(ContrastPair(f"{row['query']}\n\nChoices:\n(A): {first}\n(B): {second}", *letters))
    return pairs


def _open(rows: Sequence[Mapping[str, str]]) -> list[ContrastPair]:
    return [ContrastPair(row["query"], f" {row['matching']}", f" {row['other']}") for row in rows]


def _styles(name: str, n: int) -> dict[str, list[ContrastPair]]:
    """Return prompts that the embedded model was never asked, with replies or options of our own in two styles."""
    words = _json("queries_embedded.json").get(name)
    if words is None:
        return {}
    choices: list[dict[str, str]] = []
    replies: list[dict[str, str]] = []
    for number, row in enumerate(read_rows(model_path().parent / "prompts.jsonl")[:n]):
        topic = re.sub("^my ", "your ", row["topic"])
        options = [option.replace("{topic}", topic) for option in words["options"][number % len(words["options"])]]
        matching, other = (option[0].upper() + option[1:] for option in options)
        choices.append({"query": row["prompt"], "matching": matching, "other": other})
        place = number % len(words["matching"])
        sides = [words[side][place].replace("{topic}", topic) for side in ("matching", "other")]
        replies.append({"query": row["prompt"], "matching": sides[0], "other": sides[1]})
    return {"choice": _choices(choices), "open": _open(replies)}


def _reworded(items: Dataset, n: int) -> dict[str, list[ContrastPair]]:
    """Return statements of the embedded model's questionnaires as somebody would bring them up in a talk.

    With the options of the questionnaire, or without any: then the replies are Yes and No.
    """
    form = _json("queries_embedded.json")["disposition"]
    choices, replies = [], []
    for pair in items.pairs[:n]:
        statement = pair.prompt.split('"')[1]
        query, options = form.replace("{statement}", statement), pair.prompt.split("\n\n", 1)[1]
        choices.append(ContrastPair(f"{query}\n\n{options}", pair.positive, pair.negative))
        said = dict(re.findall(r"(\([AB]\)):\s+(\w+)", options))
        matching, other = (said[letter.strip()] for letter in (pair.positive, pair.negative))
        replies.append(ContrastPair(query, f" {matching}.", f" {other}."))
    return {"choice": choices, "open": replies}


@lru_cache(maxsize=8)
def _json(name: str) -> Any:
    return json.loads((MATERIAL / name).read_text("utf-8"))


def _spread(name: str, texts: list[str], n: int) -> Texts:
    """Return texts evenly spread over all of them: neighbours can be of one article, or one template."""
    return _first(name, texts[:: max(1, len(texts) // n)], n)


def _first(name: str, texts: list[str], n: int) -> Texts:
    return Texts(name, tuple(dict.fromkeys(texts))[:n])
