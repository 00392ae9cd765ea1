"""What one model is studied on: styles, questions, requests, tasks of the panel, and where it is steered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from pysteer.demo import dictionary, model_path
from pysteer.demo.material import is_embedded, read_rows
from pysteer.errors import DataError, ModelError
from pysteer.formats.texts import Texts
from pysteer.prompt_settings import PromptSetting
from pysteer.questions import Question
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.arms import Prompting, question_prompt
from pysteer.studies.tradeoff.side_tasks import SideTask, embedded_side_tasks, public_side_tasks
from pysteer.studies.tradeoff.sizes import DEPTH, N_SHOTS, Sizes
from pysteer.studies.tradeoff.styles import MATERIAL, Style, load_embedded_styles, load_styles
from pysteer.studies.tradeoff.tasks import Tasks, embedded_tasks, public_tasks

_SPARE = 8
"""Tokens that a context keeps free."""
_PARTS = 6
"""Of the context; one of them is for the text that is written."""


@dataclass(frozen=True, eq=False)
class Material:
    """What one model is studied on.

    Parameters
    ----------
    styles : tuple of Style
    tasks : Tasks
    requests : Texts
        Everyday requests, none of them among the contrast texts.
    side_tasks : tuple of SideTask
    is_embedded : bool
        Whether it is the embedded model's own.
    place : str
        Where an instruction is put: see `arms.Prompting`.
    layer : int
        The steered block.
    n_swept : int
        Questions of the sweep, and as many requests.
    max_tokens : int
        Longest text: that of the preset, or a sixth of the model's context.
    """

    styles: tuple[Style, ...]
    tasks: Tasks
    requests: Texts
    side_tasks: tuple[SideTask, ...]
    is_embedded: bool
    place: str
    layer: int
    n_swept: int
    max_tokens: int


def material_of(context: StudyContext, model: StudyModel) -> Material:
    """Return the material of a model; the same object each time."""
    return _material(context, model)


@lru_cache(maxsize=16)
def _material(context: StudyContext, model: StudyModel) -> Material:
    sizes: Sizes = context.sizes
    place, max_tokens = place_of(model), min(sizes.max_tokens, model.loaded.n_ctx_train // _PARTS)
    if is_embedded(model.loaded):
        folder = model_path().parent
        styles = load_embedded_styles(folder, sizes.n_styles, sizes.n_pairs, seed=context.seed)
        # Fewer styles leave room for more questions: the number of cells stays.
        scale = max(1.0, sizes.n_styles / len(styles))
        n_asked, n_requests, n_swept = (round(scale * n) for n in (sizes.n_questions, sizes.n_requests, sizes.n_swept))
        fits = _fitting(model, place, styles, max_tokens)
        n_questions = (n_asked, sizes.n_scored, sizes.n_validation, sizes.n_capability)
        tasks = embedded_tasks(folder, n_questions, N_SHOTS, seed=context.seed, fits=fits)
        contrasted = {pair.prompt for style in styles for pair in (*style.train, *style.validation)}
        prompts = [row["prompt"] for row in read_rows(folder / "prompts.jsonl")]
        requests = [prompt for prompt in prompts if prompt not in contrasted][:n_requests]
        sides = embedded_side_tasks(folder, sizes.n_side_items)
        site = dictionary().site
        layer = model.loaded.n_layers // 2 if site is None else site.layer
        return Material(
            styles, tasks, Texts("requests", tuple(requests)), tuple(sides), True, place, layer, n_swept, max_tokens
        )
    styles = load_styles(sizes.n_styles, seed=context.seed)
    folder_of_mmlu = context.needed_file("mmlu")
    files = sorted(folder_of_mmlu.glob("*_test.csv"))
    if not files:
        raise DataError(f"{folder_of_mmlu}: expected files *_test.csv of MMLU, found none")
    fits = _fitting(model, place, styles, max_tokens)
    n_questions = (sizes.n_questions, sizes.n_scored, sizes.n_validation, sizes.n_capability)
    tasks = public_tasks(files, n_questions, N_SHOTS, seed=context.seed, fits=fits)
    listed = json.loads((MATERIAL / "requests.json").read_text("utf-8"))["requests"][: sizes.n_requests]
    sides = public_side_tasks(context.data_folder, sizes.n_side_items, seed=context.seed)
    layer = min(model.loaded.n_layers - 1, round(DEPTH * (model.loaded.n_layers - 1)))
    return Material(
        styles, tasks, Texts("requests", tuple(listed)), tuple(sides), False, place, layer, sizes.n_swept, max_tokens
    )


def place_of(model: StudyModel) -> str:
    """Return where an instruction is put: "system", "user" or "raw"."""
    if model.raw:
        return "raw"
    try:
        PromptSetting("probe", "Zyx.").render(model.loaded, "?")
    except ModelError:
        return "user"
    return "system"


def _fitting(model: StudyModel, place: str, styles: Sequence[Style], max_tokens: int) -> Any:
    """Return whether a question fits with exemplars, with its passage, and with the longest instruction."""
    prompting, loaded = Prompting(place), model.loaded
    longest = max((style.instruction for style in styles), key=len)
    room = loaded.n_ctx_train - max_tokens - _SPARE

    def fits(question: Question, shots: tuple[Question, ...], thoughts: dict[str, str]) -> bool:
        settings: list[dict[str, Any]] = [
            {"instruction": longest},
            {"context": "examples", "shots": shots, "thoughts": thoughts},
            {"context": "passage"},
        ]
        if len(question.prompt) > 8 * room:  # far too long: no need to tokenise it
            return False
        return all(
            len(loaded.tokenize(question_prompt(loaded, prompting, question, **each))) <= room for each in settings
        )

    return fits


@lru_cache(maxsize=4)
def load_stories(path: str, n_rows: int) -> Texts:
    """Return as many short stories as rows are wanted, three quarters of them."""
    with open(path, encoding="utf-8") as file:
        texts = [str(text) for text in json.load(file)]
    n = max(8, int(np.ceil(0.75 * n_rows / 200)))
    return Texts("stories", tuple(dict.fromkeys(texts))[:n])
