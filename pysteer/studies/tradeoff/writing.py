"""What the arms write, and what the unsteered model makes of it.

Every text is scored without a judge, by the model without steering, behind the plain prompt of its item, whatever the
arm that wrote it was shown:

    surprise                      - mean log p(token | plain prompt), nats per token: the objective side of coherence
    instruction likelihood ratio    mean over tokens of log p(token | prompt with the instruction)
                                  - log p(token | plain prompt), nats per token: how much better the text goes with
                                  being asked for the style than with not being asked

The ratio says what this model takes for the style: where a model does not know an instruction it is near 0 for every
text, and broken text that is full of the style's words counts as style. That is why the study first checks that it
tells contrast texts apart, and why surprise, repetition and word counts stand beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.batch_generation import WritingPlan
from pysteer.generation import Generation
from pysteer.intervention import Intervention
from pysteer.measurements.written_texts import written
from pysteer.metrics.answer_tags import answer_hits
from pysteer.progress import Progress, silent
from pysteer.questions import Question, QuestionSet
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.arms import ARMS, BASE, BY_NAME, END, Arm, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.styles import proxy_of
from pysteer.studies.tradeoff.vectors import random_direction, steering
from pysteer.text_surprise import text_surprise

MODULES = (
    "pysteer.batch_generation",
    "pysteer.measurements.written_texts",
    "pysteer.generation",
    "pysteer.generation_queue",
    "pysteer.text_surprise",
    "pysteer.answer_jobs",
    "pysteer.metrics.answer_tags",
    "pysteer.prompt_settings",
    "pysteer.studies.tradeoff.arms",
    "pysteer.studies.tradeoff.styles",
    "pysteer.studies.tradeoff.vectors",
)
QUANTITIES = ("hit", "surprise", "ratio", "words", "shows", "repetition", "n_tokens")
"""Of every text, in the order of the arrays' last axis."""
Steering = Sequence[Intervention]


def write_base(task: Task) -> PartResult:
    """Write the arms that no style changes: control, few-shot, open book; and the control's validation answers.

    Content: ``texts`` and ``tokens`` by arm, questions first, then requests; "validation" as an arm of its own.
    """
    items = Items(task)
    texts: dict[str, list[str]] = {}
    tokens: dict[str, list[list[int]]] = {}
    for number, name in enumerate(BASE):
        arm = BY_NAME[name]
        found = write(task, items.prompts(arm, ""), [()])
        texts[name], tokens[name] = [said_of(row[0]) for row in found], [ids_of(row[0]) for row in found]
        task.progress(number + 1, len(BASE) + 1)
    validation: QuestionSet = task.data["validation"]
    prompts = [items.question(question, BY_NAME["control"], "") for question in validation]
    found = write(task, prompts, [()])
    texts["validation"], tokens["validation"] = [said_of(row[0]) for row in found], [ids_of(row[0]) for row in found]
    return PartResult({"texts": texts, "tokens": tokens})


def write_arms(task: Task) -> PartResult:
    """Write all arms of one style, and score their texts and those of the arms that no style changes.

    Arrays: one for each arm, (n_items, n_quantities), NaN where a text has no such number; items are the questions,
    then the requests (NaN for arms that answer none). Content: ``texts`` by arm.
    """
    items, said = Items(task), str(task.settings["instruction"])
    steerings = steerings_of(task)
    base = task.inputs["base"].content
    texts: dict[str, list[str]] = {name: base["texts"][name] for name in BASE}
    tokens: dict[str, list[list[int]]] = {name: base["tokens"][name] for name in BASE}
    for (is_prompted, _), arms in groups_of(steerings).items():
        prompts = items.prompts(arms[0], said if is_prompted else "")
        rows = write(task, prompts, [steerings[arm.steering] for arm in arms])
        for place, arm in enumerate(arms):
            texts[arm.name] = [said_of(row[place]) for row in rows]
            tokens[arm.name] = [ids_of(row[place]) for row in rows]
        task.progress(len(texts), len(ARMS) + 1)
    scored = items.score(texts, tokens, said, task.settings["proxy"])
    return PartResult({"texts": texts}, scored)


def sweep_strengths(task: Task) -> PartResult:
    """Write the first items under every strength of one style's vector, of its features, and of a random direction.

    Arrays: ``vector``, ``features``, ``random`` (n_items, n_strengths, n_quantities), the first strength being 0;
    ``features`` is NaN without features.
    """
    items, said = Items(task), str(task.settings["instruction"])
    prompts = items.prompts(BY_NAME["control"], "")
    strengths: list[float] = task.settings["strengths"]
    kinds = [kind for kind in ("vector", "features", "random") if _direction(task, kind) is not None]
    steerings = [_steering(task, kind, strength) for kind in kinds for strength in strengths]
    rows = write(task, prompts, [(), *steerings], task.progress)
    names = ["base", *(f"{kind} {strength}" for kind in kinds for strength in strengths)]
    texts = {name: [said_of(row[place]) for row in rows] for place, name in enumerate(names)}
    tokens = {name: [ids_of(row[place]) for row in rows] for place, name in enumerate(names)}
    scored = items.score(texts, tokens, said, task.settings["proxy"])
    nothing = np.full((len(prompts), 1 + len(strengths), len(QUANTITIES)), np.nan)
    arrays = {
        kind: np.stack([scored["base"], *(scored[f"{kind} {strength}"] for strength in strengths)], axis=1)
        if kind in kinds
        else nothing
        for kind in ("vector", "features", "random")
    }
    some = {name: texts[name][-1:] for name in names}
    return PartResult({"strengths": [0.0, *strengths], "examples": some}, arrays)


class Items:
    """Questions and requests of a part, and the prompts that the arms make of them."""

    def __init__(self, task: Task) -> None:
        self.model = task.model
        self.prompting = Prompting(task.settings["place"])
        n_questions, n_requests = task.settings["n_items"]
        asked: QuestionSet = task.data["questions"]
        self.questions: list[Question] = list(asked)[:n_questions]
        self.shots = asked.exemplars
        self.thoughts: Mapping[str, str] = task.settings["thoughts"]
        self.requests = [str(text) for text in task.data["requests"]][:n_requests]

    def question(self, question: Question, arm: Arm, said: str) -> str:
        return question_prompt(
            self.model.loaded,
            self.prompting,
            question,
            instruction=said,
            context=arm.context,
            shots=self.shots,
            thoughts=self.thoughts,
        )

    def prompts(self, arm: Arm, said: str) -> list[str]:
        asked = [self.question(question, arm, said) for question in self.questions]
        if arm.answers_requests:
            asked += [request_prompt(self.model.loaded, self.prompting, request, said) for request in self.requests]
        return asked

    def score(
        self, texts: dict[str, list[str]], tokens: dict[str, list[list[int]]], said: str, proxy: dict[str, Any]
    ) -> dict[str, Float64Array]:
        """Return the quantities of every text by arm, (n_items, n_quantities)."""
        names = list(texts)
        plain, asked = (self.prompts(BY_NAME["control"], each) for each in ("", said))
        flat = [ids for name in names for ids in tokens[name]]
        surprise, with_style = (
            mean_surprise(self.model, [prompt for name in names for prompt in prompts[: len(tokens[name])]], flat)
            for prompts in (plain, asked)
        )
        gold = [question.letter for question in self.questions]
        letters = "ABCDEFGHIJ"[: max(len(question.choices) for question in self.questions)]
        found: dict[str, Float64Array] = {}
        begin = 0
        for name in names:
            n = len(texts[name])
            table = np.full((len(plain), len(QUANTITIES)), np.nan)
            table[: len(gold), 0] = answer_hits(texts[name][: len(gold)], gold, letters=letters)
            table[:n, 1] = surprise[begin : begin + n]
            table[:n, 2] = surprise[begin : begin + n] - with_style[begin : begin + n]
            table[:n, 3:5] = [proxy_of(text, proxy) for text in texts[name]]
            table[:n, 5] = [repeated_share(ids) for ids in tokens[name]]
            table[:n, 6] = [len(ids) for ids in tokens[name]]
            found[name] = table
            begin += n
        return found


def repeated_share(tokens: Sequence[int]) -> float:
    """Return the share of a text's pairs of neighbouring tokens that occurred before; NaN below two pairs.

    >>> repeated_share([1, 2, 1, 2, 1]), repeated_share([1, 2, 3])
    (0.5, 0.0)
    """
    pairs = list(pairwise(tokens))
    return 1.0 - len(set(pairs)) / len(pairs) if len(pairs) > 1 else float("nan")


def groups_of(steerings: Mapping[str, Steering]) -> dict[tuple[bool, str], list[Arm]]:
    """Return the arms to write, together where their prompts are the same."""
    groups: dict[tuple[bool, str], list[Arm]] = {}
    for arm in ARMS:
        if arm.name not in BASE and arm.steering in steerings:
            groups.setdefault((arm.is_prompted, arm.context), []).append(arm)
    return groups


def steerings_of(task: Task) -> dict[str, Steering]:
    """Return the steering of every kind that this style has; "" is none."""
    strength = float(task.settings["strength"])
    found: dict[str, Steering] = {"": ()}
    for kind in ("vector", "features", "random", "shuffled"):
        if _direction(task, kind) is not None:
            found[kind] = _steering(task, kind, strength)
    if "search" in task.inputs:
        chosen = task.inputs["search"].content
        vectors = task.inputs["vectors"]
        place = vectors.content["layers"].index(chosen["layer"])
        found["optimised"] = steering(
            vectors.arrays["directions"][_style(task), place],
            int(chosen["layer"]),
            float(chosen["strength"]) * float(vectors.arrays["norms"][place]),
            window=str(chosen["window"]),
            operation=str(chosen["operation"]),
        )
    return found


def _steering(task: Task, kind: str, strength: float) -> Steering:
    direction = _direction(task, kind)
    vectors = task.inputs["vectors"]
    layer = int(vectors.content["layer"])
    norm = float(vectors.arrays["norms"][vectors.content["layers"].index(layer)])
    return () if direction is None else steering(direction, layer, strength * norm)


def _direction(task: Task, kind: str) -> Float64Array | None:
    vectors, style = task.inputs["vectors"], _style(task)
    directions = vectors.arrays["directions"]
    if kind == "vector":
        found = directions[style, vectors.content["layers"].index(vectors.content["layer"])]
    elif kind == "features":
        if "features" not in task.inputs:
            return None
        found = task.inputs["features"].arrays["directions"][style]
    elif kind == "shuffled":
        found = vectors.arrays["shuffled"][style]
    else:
        found = random_direction(int(task.settings["seed"]), style, directions.shape[-1])
    return found if np.isfinite(found).all() else None


def _style(task: Task) -> int:
    names: list[str] = task.inputs["vectors"].content["styles"]
    return names.index(str(task.settings["style"]))


def write(
    task: Task, prompts: list[str], steerings: Sequence[Steering], progress: Progress | None = None
) -> list[list[Generation]]:
    """Return the texts, ``[prompt][steering]``, greedy; a closed tag ends an answer."""
    subject = task.model.subject(raw=True)
    plan = WritingPlan(int(task.settings["max_tokens"]), stop=(END,), raw=True)
    return written(subject, prompts, steerings, plan, progress or silent)


def mean_surprise(model: StudyModel, prompts: list[str], tokens: list[list[int]]) -> Float64Array:
    subject = model.subject(raw=True)
    return text_surprise(subject.model, prompts, tokens, session=subject.session_for_texts)


def said_of(text: Generation) -> str:
    return text.text + (END if text.stop_reason == "stop" else "")


def ids_of(text: Generation) -> list[int]:
    return [int(token) for token in text.tokens]
