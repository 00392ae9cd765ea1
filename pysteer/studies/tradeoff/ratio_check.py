"""Does the instruction likelihood ratio see a style where there is one? Contrast texts with and without it."""

from __future__ import annotations

import numpy as np

from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import Prompting, request_prompt
from pysteer.studies.tradeoff.writing import MODULES as WRITING
from pysteer.studies.tradeoff.writing import surprises

MODULES = (*WRITING, "pysteer.studies.tradeoff.writing")


def check_ratio(task: Task) -> PartResult:
    """Score each style's contrast texts with the instruction likelihood ratio: can it tell them apart on this model?

    Arrays: one for each style, (n_pairs, 2): ratio of the text with the style, and of the one without; NaN where a text
    has no number.
    """
    prompting, model = Prompting(task.settings["place"]), task.model
    prompts: dict[str, list[str]] = {}
    tokens: dict[str, list[list[int]]] = {}
    for name, said in task.settings["instructions"].items():
        requests = [pair.prompt for pair in task.data[name] for _ in range(2)]
        texts = [text for pair in task.data[name] for text in (pair.positive, pair.negative)]
        ids = [model.loaded.tokenize(text, add_special=False).ids.tolist() for text in texts]
        for kind, instruction in (("plain", ""), ("asked", said)):
            prompts[f"{kind} {name}"] = [
                request_prompt(model.loaded, prompting, each, instruction) for each in requests
            ]
            tokens[f"{kind} {name}"] = ids
    found = surprises(model, prompts, tokens)  # styles share their plain texts, which are read once
    ratios = {
        name: (found[f"plain {name}"] - found[f"asked {name}"]).reshape(-1, 2) for name in task.settings["instructions"]
    }
    return PartResult({}, ratios, failures=sum(int(np.isnan(each).any(axis=1).sum()) for each in ratios.values()))
