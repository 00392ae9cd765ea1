"""Which letter is the most probable answer, under every arm: capability without writing, on many more questions.

The letter is asked for at once, so a model that needs to think first does worse here than in its written answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pysteer.answer_jobs import decision_job, run_all
from pysteer.arrays import Float64Array
from pysteer.pair_text import answered
from pysteer.questions import LETTERS, Question, QuestionSet
from pysteer.steering_program import compile_interventions
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import ARMS, BASE, BEGIN, END, Arm, Prompting, question_prompt
from pysteer.studies.tradeoff.writing import Steering, groups_of, steerings_of
from pysteer.tree_run import Job

MODULES = (
    "pysteer.answer_jobs",
    "pysteer.pair_text",
    "pysteer.prompt_settings",
    "pysteer.chat_template",
    "pysteer.question_prompts",
    "pysteer.studies.tradeoff.arms",
    "pysteer.studies.tradeoff.vectors",
    "pysteer.studies.tradeoff.writing",
)


def score_base(task: Task) -> PartResult:
    """Arrays: one for each arm that no style changes, (n_questions,): 1 right, 0 wrong, NaN too long."""
    asked: QuestionSet = task.data["questions"]
    arms = [arm for arm in ARMS if arm.name in BASE]
    found = {arm.name: hits_of(likeliest(task, asked, arm, [()], "")[:, 0], asked) for arm in arms}
    return PartResult({}, found, failures=_n_missing(found))


def score_arms(task: Task) -> PartResult:
    """Arrays: one for each arm of the style that is steered or prompted, as `score_base`."""
    asked: QuestionSet = task.data["questions"]
    steerings, found = steerings_of(task), {}
    said = str(task.settings["instruction"])
    for (is_prompted, _), arms in groups_of(steerings).items():
        each = [steerings[arm.steering] for arm in arms]
        chosen = likeliest(task, asked, arms[0], each, said if is_prompted else "")
        found.update({arm.name: hits_of(chosen[:, place], asked) for place, arm in enumerate(arms)})
        task.progress(len(found), len(ARMS) - len(BASE))
    return PartResult({}, found, failures=_n_missing(found))


def _n_missing(found: Mapping[str, Float64Array]) -> int:
    return sum(int(np.isnan(hits).sum()) for hits in found.values())


def hits_of(chosen: Float64Array, questions: Iterable[Question]) -> Float64Array:
    """Return 1 where the chosen letter is the right one, 0 where it is not, NaN where there is none, (n_questions,)."""
    answers = np.array([question.answer for question in questions])
    return np.where(np.isnan(chosen), np.nan, (chosen == answers).astype(np.float64))


def likeliest(
    task: Task, questions: Sequence[Question] | QuestionSet, arm: Arm, steerings: Sequence[Steering], said: str
) -> Float64Array:
    """Return the number of the most probable letter under every steering, (n_questions, n_steerings); NaN: too long.

    Parameters
    ----------
    arm : Arm
        Whose context is put into the prompts.
    said : str
        The instruction in the prompts, or "".
    """
    shots = questions.exemplars if isinstance(questions, QuestionSet) else ()
    subject = task.model.subject(raw=True)
    model, prompting = subject.model, Prompting(task.settings["place"])
    compiled = [compile_interventions(steering) for steering in steerings]
    jobs: list[Job] = []
    places: list[tuple[int, int]] = []
    chosen = np.full((len(questions), len(steerings)), np.nan)
    for item, question in enumerate(questions):
        prompt = question_prompt(
            model, prompting, question, instruction=said, context=arm.context, shots=shots, at_once=True
        )
        n_choices = len(question.choices)
        options = [answered(model, prompt, f"{BEGIN}{letter}{END}", joined=True) for letter in LETTERS[:n_choices]]
        if max(len(option.tokens) for option in options) > subject.longest_text:
            continue
        for place, steering in enumerate(compiled):
            jobs.append(decision_job(options, steering, f"question {item}"))
            places.append((item, place))
    if jobs:
        session = subject.session_for_texts(max(len(job.tokens) for job in jobs) + 1)
        for where, result in zip(places, run_all(session, jobs, n_items=len(jobs)), strict=True):
            chosen[where] = float(np.argmax(result.log_prob))
    return chosen
