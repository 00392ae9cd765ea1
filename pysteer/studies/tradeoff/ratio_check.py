"""Does the instruction likelihood ratio see a style where there is one? Contrast texts with and without it."""

from __future__ import annotations

from pysteer.arrays import Float64Array
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import Prompting, request_prompt
from pysteer.studies.tradeoff.writing import MODULES as WRITING
from pysteer.studies.tradeoff.writing import mean_surprise

MODULES = (*WRITING, "pysteer.studies.tradeoff.writing")


def check_ratio(task: Task) -> PartResult:
    """Score each style's contrast texts with the instruction likelihood ratio: can it tell them apart on this model?

    Arrays: one for each style, (n_pairs, 2): ratio of the text with the style, and of the one without.
    """
    prompting, model = Prompting(task.settings["place"]), task.model
    arrays: dict[str, Float64Array] = {}
    for number, (name, said) in enumerate(task.settings["instructions"].items()):
        pairs = task.data[name]
        requests = [pair.prompt for pair in pairs for _ in range(2)]
        texts = [text for pair in pairs for text in (pair.positive, pair.negative)]
        tokens = [model.loaded.tokenize(text, add_special=False).ids.tolist() for text in texts]
        plain, asked = (
            mean_surprise(
                model, [request_prompt(model.loaded, prompting, request, each) for request in requests], tokens
            )
            for each in ("", said)
        )
        arrays[name] = (plain - asked).reshape(len(pairs), 2)
        task.progress(number + 1, len(task.settings["instructions"]))
    return PartResult({}, arrays)
