"""The optimised arm: block, strength, window and operation, searched on validation data under a guard of capability.

In two stages. First nothing is written: what a setting gains is how much more probable it makes validation texts with
the style against those without; what it costs is how much less probable it makes the unsteered model's own answers to
validation questions. The settings that gain most within the guard (or, if fewer are within it, that cost least) then
write: answers to the validation questions and replies to the validation requests. Of those that keep the control's
letters, and whose texts surprise the unsteered model little more than its own, the one whose replies have the highest
instruction likelihood ratio is taken; if none does, the one that keeps most. A setting under which a reply is empty has
no ratio, and one under which a text is empty that the control has written has no surprise: neither is taken for keeping
anything.

A letter is what the study judges capability by on this model: the written one where the model's written answers are
above chance, else the one of largest log-probability. Where the control has none, there is none to keep, and the
question is left out.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from pysteer.answer_jobs import run_all, whole_answer_job
from pysteer.arrays import Float64Array
from pysteer.metrics.answer_tags import parse_answer
from pysteer.pair_text import Answered, answered
from pysteer.pairs import Dataset
from pysteer.questions import QuestionSet
from pysteer.steering_program import compile_interventions
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import BY_NAME, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.letters import MODULES as LETTERS
from pysteer.studies.tradeoff.letters import likeliest
from pysteer.studies.tradeoff.vectors import steering
from pysteer.studies.tradeoff.writing import MODULES as WRITING
from pysteer.studies.tradeoff.writing import Steering, ids_of, mean_surprise, said_of, write
from pysteer.tree_run import Job

_LEAST_KEPT = 0.9
"""Share of the validation questions that must keep the letter that they have without steering."""
MODULES = (
    *WRITING,
    *LETTERS,
    "pysteer.operations",
    "pysteer.pair_text",
    "pysteer.studies.tradeoff.letters",
)


def search_settings(task: Task) -> PartResult:
    """Try all settings and choose one.

    Arrays: ``gain`` and ``cost`` (n_settings,), nats per token; the first setting is no steering; ``ratio``,
    ``surprise`` and ``kept`` (n_settings,) of those that wrote, NaN for the others; ``cost`` is NaN where the unsteered
    model has written no answer. Content: ``settings``, what was chosen (``layer``, ``strength``, ``window``,
    ``operation``), ``is_within`` the guards, ``n``: over how many items each of the five numbers goes. Failures: texts
    of no steering, or of a setting that wrote, that have no surprise.
    """
    vectors = task.inputs["vectors"]
    style = vectors.content["styles"].index(str(task.settings["style"]))
    settings = [
        {"layer": layer, "strength": strength, "window": window, "operation": operation}
        for layer, strength, window, operation in product(
            task.settings["layers"], task.settings["strengths"], task.settings["windows"], task.settings["operations"]
        )
    ]
    steerings = [
        steering(
            vectors.arrays["directions"][style, vectors.content["layers"].index(each["layer"])],
            each["layer"],
            each["strength"] * float(vectors.arrays["norms"][vectors.content["layers"].index(each["layer"])]),
            window=each["window"],
            operation=each["operation"],
        )
        for each in settings
    ]
    compiled = [(), *(compile_interventions(each) for each in steerings)]
    with_style, without, answers = _texts(task)
    table = _log_probs(task, [*with_style, *without, *answers], compiled)
    n = len(with_style)
    preference = (table[:n] - table[n : 2 * n]).mean(axis=0)
    own = table[2 * n :].mean(axis=0) if answers else np.full(len(compiled), np.nan)
    gain, cost = preference - preference[0], own[0] - own
    tried = best_settings(gain[1:], cost[1:], float(task.settings["guard"]), int(task.settings["n_written"]))
    written, n_of, n_failed = _write_validation(task, [steerings[index] for index in tried])
    place = choose_written(written, float(task.settings["most_surprise"]))
    chosen = tried[place]
    whole = np.full((3, 1 + len(settings)), np.nan)
    whole[:, [0, *(1 + index for index in tried)]] = written.T
    content: dict[str, Any] = {**settings[chosen], "settings": settings, "chosen": chosen}
    content["is_within"] = bool(_is_allowed(written, float(task.settings["most_surprise"]))[place])
    content["n"] = {"gain": n, "cost": len(answers), **n_of}
    arrays = {"gain": gain, "cost": cost, **dict(zip(("ratio", "surprise", "kept"), whole, strict=True))}
    return PartResult(content, arrays, failures=n_failed)


def best_settings(gain: Float64Array, cost: Float64Array, guard: float, n: int) -> list[int]:
    """Return the settings that write: those that gain most within the guard, then those that cost least.

    A cost that is not known (NaN) is not within the guard; among such settings, those that gain most come first.

    >>> best_settings(np.array([1.0, 3.0, 2.0]), np.array([0.0, 9.0, 0.1]), 0.2, 2)
    [2, 0]
    """
    within = [int(index) for index in np.argsort(-gain, kind="stable") if cost[index] <= guard]
    others = [int(index) for index in np.lexsort((-gain, cost)) if not cost[index] <= guard]
    return [*within, *others][:n]


def choose_written(written: Float64Array, most_surprise: float) -> int:
    """Return which setting to take.

    Parameters
    ----------
    written : float, shape (1 + n_settings, 3)
        Ratio of the replies, surprise, and share of questions that keep the control's letter (NaN: it has none, so that
        nothing says that a setting keeps what the model can); the control comes first. A setting without a ratio or a
        surprise is taken only where no other keeps as much.
    most_surprise : float
        Nats per token that surprise may rise.

    Examples
    --------
    >>> choose_written(np.array([[0.0, 1.0, 1.0], [0.5, 1.1, 1.0], [0.9, 1.1, 0.5]]), 0.5)
    0
    """
    allowed = _is_allowed(written, most_surprise)
    if allowed.any():
        return int(np.argmax(np.where(allowed, written[1:, 0], -np.inf)))
    rise, kept = np.nan_to_num(written[1:, 1], nan=np.inf), np.nan_to_num(written[1:, 2], nan=0.0)
    return int(np.lexsort((rise, -kept))[0])


def _is_allowed(written: Float64Array, most_surprise: float) -> np.ndarray:
    rises = written[1:, 1] - written[0, 1]
    return np.asarray((written[1:, 2] >= _LEAST_KEPT) & (rises <= most_surprise) & np.isfinite(written[1:, 0]))


def share_kept(letters: Float64Array) -> Float64Array:
    """Return the share of questions that keep the control's letter under each setting, (n_settings,).

    Parameters
    ----------
    letters : float, shape (n_questions, n_settings)
        Number of the letter; NaN: none. The control comes first. Questions for which it has none do not count; a letter
        that is no longer given is not kept.

    Examples
    --------
    >>> share_kept(np.array([[1.0, 1.0, np.nan], [np.nan, np.nan, 2.0]]))
    array([1., 1., 0.])
    """
    known = ~np.isnan(letters[:, 0])
    if not known.any():
        return np.full(letters.shape[1], np.nan)
    return np.asarray((letters[known] == letters[known, :1]).mean(axis=0), dtype=np.float64)


def _write_validation(task: Task, steerings: list[Steering]) -> tuple[Float64Array, dict[str, int], int]:
    """Return ratio, surprise and share of kept letters of no steering and of each, (1 + n_steerings, 3).

    Also over how many items each of the three goes, and how many texts have no surprise.
    """
    prompting, model = Prompting(task.settings["place"]), task.model.loaded
    questions: QuestionSet = task.data["validation"]
    requests = list(dict.fromkeys(pair.prompt for pair in task.data["pairs"]))
    asked = [question_prompt(model, prompting, question) for question in questions]
    plain = [*asked, *(request_prompt(model, prompting, request) for request in requests)]
    with_style = [request_prompt(model, prompting, request, str(task.settings["instruction"])) for request in requests]
    own = _own_texts(task, requests)
    texts, tokens, surprise = [own[0]], [own[1]], [own[2]]
    rows = write(task, plain, steerings)
    for place in range(len(steerings)):
        texts.append([said_of(row[place]) for row in rows])
        tokens.append([ids_of(row[place]) for row in rows])
        surprise.append(mean_surprise(task.model, plain, tokens[-1]))
    n = len(asked)
    replies = [
        each[n:] - mean_surprise(task.model, with_style, ids[n:]) for each, ids in zip(surprise, tokens, strict=True)
    ]
    if task.inputs["capability"].content["kind"] == "written":
        letters = np.array([[_number(text) for text in each[:n]] for each in texts]).T
    else:
        letters = likeliest(task, questions, BY_NAME["control"], [(), *steerings], "")
    said = ~np.isnan(surprise[0])  # what the control has written nothing for surprises nobody, whatever is written
    means = [each[said].mean() if said.any() else np.nan for each in surprise]
    table = np.stack([[each.mean() for each in replies], means, share_kept(letters)], axis=1)
    n_of = {"ratio": len(requests), "surprise": int(said.sum()), "kept": int((~np.isnan(letters[:, 0])).sum())}
    return table, n_of, int(np.isnan(surprise).sum())


def _own_texts(task: Task, requests: list[str]) -> tuple[list[str], list[list[int]], Float64Array]:
    """Return the control's texts, their tokens and their surprise: answers to the questions, then to the requests."""
    base = task.inputs["base"]
    texts, tokens = base.content["texts"], base.content["tokens"]
    listed = [str(text) for text in task.data["replies"]]
    at = [listed.index(request) for request in requests]
    return (
        [*texts["validation"], *(texts["replies"][place] for place in at)],
        [*tokens["validation"], *(tokens["replies"][place] for place in at)],
        np.concatenate([base.arrays["validation"], base.arrays["replies"][at]]),
    )


def _number(text: str) -> float:
    """Return the number of the letter between the answer tags; NaN without one."""
    letter = parse_answer(text).letter
    return float("nan") if letter is None else float(ord(letter))


def _texts(task: Task) -> tuple[list[Answered], list[Answered], list[Answered]]:
    """Return validation texts with the style and without, and the model's own answers, each behind its prompt."""
    prompting, model = Prompting(task.settings["place"]), task.model.loaded
    pairs: Dataset = task.data["pairs"]
    questions: QuestionSet = task.data["validation"]
    sides = [
        [
            answered(model, request_prompt(model, prompting, pair.prompt), text, joined=True)
            for pair, text in ((pair, getattr(pair, side)) for pair in pairs)
        ]
        for side in ("positive", "negative")
    ]
    own = task.inputs["base"].content["texts"]["validation"]
    answers = [
        answered(model, question_prompt(model, prompting, question), text, joined=True)
        for question, text in zip(questions, own, strict=True)
        if text
    ]
    return sides[0], sides[1], answers


def _log_probs(task: Task, texts: list[Answered], compiled: list[Any]) -> Float64Array:
    """Return the mean log-probability of each text's tokens under every steering, (n_texts, n_steerings)."""
    jobs: list[Job] = [
        whole_answer_job(text, steering, max(1, text.n_prompt)) for text in texts for steering in compiled
    ]
    session = task.model.subject(raw=True).session_for_texts(max(len(job.tokens) for job in jobs) + 1)
    found = run_all(session, jobs, n_items=len(texts), progress=task.progress)
    means = [float(result.log_prob.astype(np.float64).mean()) for result in found]
    return np.array(means).reshape(len(texts), len(compiled))
