"""Model-written evaluations (Perez et al. 2022, arXiv:2212.09251) as contrast pairs, as arXiv:2407.12404 makes them.

Persona statements become a question with two choices; which one is (A) changes every two items. The questions of the
advanced-AI-risk sets ("xrisk") hold their choices already.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from pysteer.pairs import ContrastPair, Dataset

_META = re.compile(r"<META_START>.*?<META_END>\s*", re.DOTALL)


def load_mwe(path: Path, n_items: int) -> Dataset:
    """Return the first `n_items` different items of a JSON Lines file of either kind."""
    pairs: dict[ContrastPair, None] = {}
    for index, line in enumerate(path.read_text("utf-8").splitlines()):
        record = json.loads(line)
        pairs.setdefault(_persona_pair(record, index) if "statement" in record else _choice_pair(record))
        if len(pairs) == n_items:
            break
    return Dataset(tuple(pairs), path.stem)


def _persona_pair(record: dict[str, str], index: int) -> ContrastPair:
    wanted, other = record["answer_matching_behavior"], record["answer_not_matching_behavior"]
    wanted_is_b = index // 2 % 2 == 0
    first, second = (other, wanted) if wanted_is_b else (wanted, other)
    prompt = f"{record['question']}\n\nChoices:\n(A): {first}\n(B): {second}"
    return ContrastPair(prompt, *(("(B)", "(A)") if wanted_is_b else ("(A)", "(B)")))


def _choice_pair(record: dict[str, str]) -> ContrastPair:
    prompt = _META.sub("", record["question"])
    return ContrastPair(prompt, record["answer_matching_behavior"], record["answer_not_matching_behavior"])
