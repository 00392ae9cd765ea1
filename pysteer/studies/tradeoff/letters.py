"""Which letter is the most probable answer, under every arm: capability without writing, on many more questions.

The letter is asked for at once, so a model that needs to think first does worse here than in its written answers.
"""

from __future__ import annotations

import numpy as np

from pysteer.answer_jobs import decision_job, run_all
from pysteer.arrays import Float64Array
from pysteer.pair_text import answered
from pysteer.questions import LETTERS, QuestionSet
from pysteer.steering_program import compile_interventions
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import ARMS, BASE, BEGIN, END, Arm, Prompting, question_prompt
from pysteer.studies.tradeoff.writing import Steering, groups_of, steerings_of
from pysteer.tree_run import Job

MODULES = (
    "pysteer.answer_jobs",
    "pysteer.pair_text",
    "pysteer.prompt_settings",
    "pysteer.studies.tradeoff.arms",
    "pysteer.studies.tradeoff.vectors",
    "pysteer.studies.tradeoff.writing",
)


def score_base(task: Task) -> PartResult:
    """Arrays: one for each arm that no style changes, (n_questions,): 1 right, 0 wrong, NaN too long."""
    found = {}
    for arm in (arm for arm in ARMS if arm.name in BASE):
        found[arm.name] = _hits(task, [arm], [()], "")[:, 0]
    return PartResult({}, found)


def score_arms(task: Task) -> PartResult:
    """Arrays: one for each arm of the style that is steered or prompted, as `score_base`."""
    steerings, found = steerings_of(task), {}
    said = str(task.settings["instruction"])
    for (is_prompted, _), arms in groups_of(steerings).items():
        hits = _hits(task, arms, [steerings[arm.steering] for arm in arms], said if is_prompted else "")
        found.update({arm.name: hits[:, place] for place, arm in enumerate(arms)})
        task.progress(len(found), len(ARMS) - len(BASE))
    return PartResult({}, found)


def _hits(task: Task, arms: list[Arm], steerings: list[Steering], said: str) -> Float64Array:
    """Return hits, (n_questions, n_arms), of arms that put the same prompts."""
    asked: QuestionSet = task.data["questions"]
    subject = task.model.subject(raw=True)
    model, prompting = subject.model, Prompting(task.settings["place"])
    compiled = [compile_interventions(steering) for steering in steerings]
    jobs: list[Job] = []
    places: list[tuple[int, int, int]] = []
    hits = np.full((len(asked), len(arms)), np.nan)
    for item, question in enumerate(asked):
        prompt = question_prompt(
            model,
            prompting,
            question,
            instruction=said,
            context=arms[0].context,
            shots=asked.exemplars,
            at_once=True,
        )
        n_choices = len(question.choices)
        options = [answered(model, prompt, f"{BEGIN}{letter}{END}", joined=True) for letter in LETTERS[:n_choices]]
        if max(len(option.tokens) for option in options) > model.n_ctx_train:
            continue
        for place, steering in enumerate(compiled):
            jobs.append(decision_job(options, steering, f"question {item}"))
            places.append((item, place, question.answer))
    if jobs:
        session = subject.session_for_texts(max(len(job.tokens) for job in jobs) + 1)
        for (item, place, answer), result in zip(places, run_all(session, jobs, n_items=len(jobs)), strict=True):
            hits[item, place] = float(np.argmax(result.log_prob) == answer)
    return hits
