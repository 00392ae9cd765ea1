"""The arms of the experiment, and the prompt that each of them puts: pure functions, so that no arm can change another.

The reference code of arXiv:2602.04903 overwrites the messages that its arms share, so that what an arm is asked depends
on which arm ran before. Here a prompt is made anew from the arm, the style's instruction and the item, every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pysteer.chat_template import Message
from pysteer.model import Model
from pysteer.prompt_settings import PromptSetting
from pysteer.question_prompts import FORMS
from pysteer.questions import LETTERS, Question

THINK, AT_ONCE = FORMS["think"].instruction, FORMS["tags"].instruction
BEGIN, END = "<answer>", "</answer>"


@dataclass(frozen=True)
class Arm:
    """One way of getting a style.

    Parameters
    ----------
    name : str
    is_prompted : bool
        The style's instruction stands in the prompt.
    steering : str
        Which direction is added: "vector", "features", "optimised", "random", "shuffled", or "" for none.
    context : "", "examples" or "passage"
        What else the prompt holds.
    """

    name: str
    is_prompted: bool = False
    steering: str = ""
    context: str = ""

    @property
    def answers_requests(self) -> bool:
        """Whether everyday requests are answered, too: exemplars and passages belong to questions."""
        return not self.context


ARMS = (
    Arm("control"),
    Arm("prompting", is_prompted=True),
    Arm("vector", steering="vector"),
    Arm("features", steering="features"),
    Arm("vector + prompting", is_prompted=True, steering="vector"),
    Arm("features + prompting", is_prompted=True, steering="features"),
    Arm("few-shot", context="examples"),
    Arm("few-shot + vector", steering="vector", context="examples"),
    Arm("open book", context="passage"),
    Arm("open book + vector", steering="vector", context="passage"),
    Arm("optimised", steering="optimised"),
    Arm("random direction", steering="random"),
    Arm("shuffled labels", steering="shuffled"),
)
BY_NAME: Mapping[str, Arm] = {arm.name: arm for arm in ARMS}
BASE = ("control", "few-shot", "open book")
"""Arms that are the same for every style."""


@dataclass(frozen=True)
class Prompting:
    """How a model is given an instruction.

    Parameters
    ----------
    place : "system", "user" or "raw"
        The system message; before the user's message, where the chat template has no system message; or before the
        text itself, where there is no template.
    """

    place: str

    def text(self, model: Model, messages: list[Message], instruction: str) -> str:
        """Return the prompt with an instruction ("": none), ready for the answer."""
        if self.place == "raw":
            lines = [instruction] * bool(instruction)
            lines += [message["content"] for message in messages]
            return "\n\n".join(lines) + "\n"
        system = instruction or None if self.place == "system" else None
        prefix = instruction if self.place == "user" else ""
        return PromptSetting("arm", system, prefix).render(model, messages)


def request_prompt(model: Model, prompting: Prompting, request: str, instruction: str = "") -> str:
    """Return the prompt of an everyday request."""
    return prompting.text(model, [{"role": "user", "content": request}], instruction)


def question_prompt(
    model: Model,
    prompting: Prompting,
    question: Question,
    *,
    instruction: str = "",
    context: str = "",
    shots: tuple[Question, ...] = (),
    thoughts: Mapping[str, str] | None = None,
    at_once: bool = False,
) -> str:
    """Return the prompt of a four-choice question.

    Parameters
    ----------
    context : "", "examples" or "passage"
    shots : tuple of Question
        Shown with ``context`` "examples"; each with its thought, unless the letter is wanted at once.
    at_once : bool
        The letter is asked for at once, and not after some thought.
    """
    told = AT_ONCE if at_once else THINK
    messages: list[Message] = []
    for shot in shots if context == "examples" else ():
        thought = "" if at_once else f"<thinking>{(thoughts or {}).get(shot.prompt, '')}</thinking>"
        messages.append({"role": "user", "content": _asked(shot, told, "")})
        messages.append({"role": "assistant", "content": f"{thought}{BEGIN}{shot.letter}{END}"})
    messages.append({"role": "user", "content": _asked(question, told, context)})
    return prompting.text(model, messages, instruction)


def _asked(question: Question, told: str, context: str) -> str:
    lines = [question.passage] if context == "passage" else []
    lines.append(question.prompt)
    lines += [f"{letter}. {text}" for letter, text in zip(LETTERS, question.choices, strict=False)]
    return "\n".join([*lines, told])
