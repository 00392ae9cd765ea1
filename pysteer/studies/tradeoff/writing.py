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
from types import MappingProxyType
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
from pysteer.studies.tradeoff.styles import shown_by
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
    "pysteer.prompt_conditions",
    "pysteer.chat_template",
    "pysteer.question_prompts",
    "pysteer.sampling",
    "pysteer.studies.tradeoff.arms",
    "pysteer.studies.tradeoff.styles",
    "pysteer.studies.tradeoff.vectors",
)
QUANTITIES = ("hit", "surprise", "ratio", "shows", "repetition", "n_tokens")
"""Of every text, in the order of the arrays' last axis."""
_SURPRISE = QUANTITIES.index("surprise")
SWEPT = ("control", "vector", "features", "random direction")
"""Arms whose texts are also part of the sweep of strengths."""
Steering = Sequence[Intervention]
Read = tuple[str, tuple[int, ...]]
"""A prompt, and the tokens of a text behind it."""


def write_base(task: Task) -> PartResult:
    """Write what no style changes, and score it behind the plain prompt: once, whatever the number of styles.

    These are the arms control, few-shot and open book, the control's answers to the validation questions ("validation")
    and its replies to the validation requests of all styles ("replies").

    Content: ``texts`` and ``tokens`` by these names. Arrays: the surprise of each text, nats per token, NaN of an empty
    one: ``control`` (n_questions + n_requests,), ``few-shot`` and ``open book`` (n_questions,), ``validation``
    (n_validation,), ``replies`` (n_replies,).
    """
    items = Items(task)
    control = items.prompts(BY_NAME["control"], "")
    validation: QuestionSet = task.data["validation"]
    asked = [items.question(question, BY_NAME["control"], "") for question in validation]
    replies = [request_prompt(task.model.loaded, items.prompting, str(text), "") for text in task.data["replies"]]
    prompts = {name: items.prompts(BY_NAME[name], "") for name in BASE} | {"validation": asked, "replies": replies}
    plain = dict.fromkeys(BASE, control) | {"validation": asked, "replies": replies}
    texts: dict[str, list[str]] = {}
    tokens: dict[str, list[list[int]]] = {}
    for number, (name, each) in enumerate(prompts.items()):
        rows = write(task, each, [()])
        texts[name], tokens[name] = [said_of(row[0]) for row in rows], [ids_of(row[0]) for row in rows]
        task.progress(number + 1, len(prompts) + 1)
    found = surprises(task.model, plain, tokens)
    n_empty = sum(int(np.isnan(each).sum()) for each in found.values())
    return PartResult({"texts": texts, "tokens": tokens}, found, failures=n_empty)


def write_arms(task: Task) -> PartResult:
    """Write all arms of one style, and score their texts and those of the arms that no style changes.

    Arrays: one for each arm, (n_items, n_quantities), NaN where a text has no such number; items are the questions,
    then the requests (NaN for arms that answer none). Content: ``texts`` by arm, ``tokens`` of those that are swept.
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
    plain = items.prompts(BY_NAME["control"], "")
    known = {
        (prompt, tuple(ids)): float(value)
        for name in BASE
        for prompt, ids, value in zip(plain, base["tokens"][name], task.inputs["base"].arrays[name], strict=False)
    }
    scored = items.score(texts, tokens, said, task.settings["proxy"], known)
    swept = {name: tokens[name] for name in SWEPT if name in tokens}
    n_empty = sum(int(np.isnan(scored[name][: len(texts[name]), _SURPRISE]).sum()) for name in texts)
    return PartResult({"texts": texts, "tokens": swept}, scored, failures=n_empty)


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
        self.requests = [str(text) for text in task.data.get("requests", ())][:n_requests]

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
        self,
        texts: dict[str, list[str]],
        tokens: dict[str, list[list[int]]],
        said: str,
        proxy: dict[str, Any],
        known: Mapping[Read, float] = MappingProxyType({}),
    ) -> dict[str, Float64Array]:
        """Return the quantities of every text by arm, (n_items, n_quantities); ``known``: surprises, not read again."""
        plain, asked = (self.prompts(BY_NAME["control"], each) for each in ("", said))
        surprise = surprises(self.model, dict.fromkeys(texts, plain), tokens, known)
        with_style = surprises(self.model, dict.fromkeys(texts, asked), tokens, known)
        found: dict[str, Float64Array] = {}
        for name in texts:
            n = len(texts[name])
            table = np.full((len(plain), len(QUANTITIES)), np.nan)
            table[: len(self.questions), 0] = hits_of_texts(texts[name], self.questions)
            table[:n, 1] = surprise[name]
            table[:n, 2] = surprise[name] - with_style[name]
            table[:n, 3] = [shown_by(text, proxy) for text in texts[name]]
            table[:n, 4] = [repeated_share(ids) for ids in tokens[name]]
            table[:n, 5] = [len(ids) for ids in tokens[name]]
            found[name] = table
        return found


def hits_of_texts(texts: Sequence[str], questions: Sequence[Question]) -> Float64Array:
    """Return 1 (right), 0 (wrong) or NaN (no readable answer) of the texts that answer the questions, which come first.

    (n_questions,)
    """
    letters = "ABCDEFGHIJ"[: max(len(question.choices) for question in questions)]
    hits = answer_hits(list(texts[: len(questions)]), [question.letter for question in questions], letters=letters)
    return np.asarray(hits, dtype=np.float64)


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
        if direction_of(task, kind) is not None:
            found[kind] = steering_of(task, kind, strength)
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


def steering_of(task: Task, kind: str, strength: float) -> Steering:
    direction = direction_of(task, kind)
    vectors = task.inputs["vectors"]
    layer = int(vectors.content["layer"])
    norm = float(vectors.arrays["norms"][vectors.content["layers"].index(layer)])
    return () if direction is None else steering(direction, layer, strength * norm)


def direction_of(task: Task, kind: str) -> Float64Array | None:
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


def surprises(
    model: StudyModel,
    prompts: Mapping[str, list[str]],
    tokens: Mapping[str, list[list[int]]],
    known: Mapping[Read, float] = MappingProxyType({}),
) -> dict[str, Float64Array]:
    """Return the surprise of each group of texts behind its prompts, (n_texts,).

    What was read before, or occurs twice, is read once: the last digits depend on what is computed in one batch, and
    the same text under two arms must not differ.
    """
    wanted = {name: [(prompt, tuple(ids)) for prompt, ids in zip(prompts[name], tokens[name], strict=False)]
              for name in tokens}  # fmt: skip
    new = list(dict.fromkeys(read for reads in wanted.values() for read in reads if read not in known))
    values = mean_surprise(model, [prompt for prompt, _ in new], [list(ids) for _, ids in new]) if new else np.zeros(0)
    found = {**known, **dict(zip(new, values.tolist(), strict=True))}
    return {name: np.array([found[read] for read in reads]) for name, reads in wanted.items()}


def said_of(text: Generation) -> str:
    return text.text + (END if text.stop_reason == "stop" else "")


def ids_of(text: Generation) -> list[int]:
    return [int(token) for token in text.tokens]
