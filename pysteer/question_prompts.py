"""A question with choices as the tokens that the model sees, and where its answer lies in them.

The question's passage (open book), the question, one line for each choice, and an instruction make the user's turn; the
answer is the begin of the assistant's. Worked examples are earlier turns. Without a chat template ("raw") the parts
stand below each other, an answer follows "Answer:", and examples come before with a blank line between.

Source of the form: Hendrycks et al. 2020, arXiv:2009.03300; of the answer in tags after some reasoning:
arXiv:2602.04903 (with sentences of our own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pysteer.chat_template import Message
from pysteer.errors import DataError
from pysteer.model import Model
from pysteer.pair_text import Answered, answered
from pysteer.prompt_settings import PromptSetting
from pysteer.questions import LETTERS, Question

RAW_ANSWER = "Answer:"


@dataclass(frozen=True)
class QuestionForm:
    """How questions are put, and what an answer looks like.

    Parameters
    ----------
    name : str
    instruction : str
        Last line of the user's turn; not used with raw prompts.
    choice : str
        One line for each choice, with ``{letter}`` and ``{text}``.
    answer : str
        What an answer by letter is, with ``{letter}``.

    Raises
    ------
    DataError
        A line for choices without letter or text, or an answer without letter.
    """

    name: str
    instruction: str
    choice: str = "{letter}. {text}"
    answer: str = "{letter}"

    def __post_init__(self) -> None:
        for field, text, wanted in (("choice", self.choice, ("letter", "text")), ("answer", self.answer, ("letter",))):
            if any(f"{{{name}}}" not in text for name in wanted):
                raise DataError(f"question form {self.name!r}, {field}: expected {wanted} in braces, got {text!r}")

    def user_text(self, question: Question, *, open_book: bool, raw: bool = False) -> str:
        """Return the user's turn; DataError for an open book without a passage."""
        if open_book and not question.passage:
            raise DataError(f"open book, but the question {question.prompt[:60]!r} has no passage")
        lines = [question.passage] if open_book else []
        lines.append(question.prompt)
        lines += [
            self.choice.replace("{letter}", letter).replace("{text}", text)
            for letter, text in zip(LETTERS, question.choices, strict=False)
        ]
        lines += [RAW_ANSWER] if raw else [self.instruction] * bool(self.instruction)
        return "\n".join(lines)

    def answer_text(self, index: int) -> str:
        """Return the answer that names choice ``index``."""
        return self.answer.replace("{letter}", LETTERS[index])


FORMS = {
    form.name: form
    for form in (
        QuestionForm("letter", "Answer with the letter of the right choice."),
        QuestionForm("bracket", "Answer with the letter of the right choice.", "({letter}) {text}", "({letter})"),
        QuestionForm("tags", "Give only the letter inside <answer> tags.", answer="<answer>{letter}</answer>"),
        QuestionForm(
            "think", "Think first, then give the letter inside <answer> tags.", answer="<answer>{letter}</answer>"
        ),
        QuestionForm(
            "reason",
            "Reason step by step inside <thinking> tags. Then give the letter of the right choice, and nothing else, "
            "inside <answer> tags.",
            answer="<answer>{letter}</answer>",
        ),
    )
}
"""Forms by name. By logits the letter is read off where it stands in ``answer``, whatever the instruction says; "think"
and "reason" are meant for generated answers."""


@dataclass(frozen=True)
class PromptPlan:
    """Everything around a question.

    Parameters
    ----------
    form : QuestionForm
    open_book : bool
        The passage comes first.
    setting : PromptSetting, optional
        System message and persona.
    raw : bool
        No chat template.
    """

    form: QuestionForm
    open_book: bool = False
    setting: PromptSetting | None = None
    raw: bool = False

    def __post_init__(self) -> None:
        if self.raw and self.setting is not None:
            raise DataError(f"setting {self.setting.name!r} cannot be applied: raw prompts are taken as they are")

    def text(self, model: Model, question: Question, shots: Sequence[Question] = ()) -> str:
        """Return the prompt as text, ready for the answer.

        Raises
        ------
        DataError
            An exemplar asks the question itself, or a passage is missing.
        ModelError
            The model has no chat template.
        """
        if any(shot.prompt == question.prompt for shot in shots):
            raise DataError(f"the question {question.prompt[:60]!r} is among its own exemplars")
        if self.raw:
            blocks = [f"{self._user(shot)} {self.form.answer_text(shot.answer)}" for shot in shots]
            return "\n\n".join([*blocks, self._user(question)])
        messages: list[Message] = []
        for shot in shots:
            messages.append({"role": "user", "content": self._user(shot)})
            messages.append({"role": "assistant", "content": self.form.answer_text(shot.answer)})
        messages.append({"role": "user", "content": self._user(question)})
        return model.chat(messages) if self.setting is None else self.setting.render(model, messages)

    def _user(self, question: Question) -> str:
        return self.form.user_text(question, open_book=self.open_book, raw=self.raw)

    def letters(self, model: Model, question: Question, shots: Sequence[Question] = ()) -> list[Answered]:
        """Return the prompt with each of the answers by letter."""
        prompt = self.text(model, question, shots)
        return [answered(model, prompt, self.form.answer_text(i), joined=True) for i in range(len(question.choices))]


def form_named(form: str | QuestionForm) -> QuestionForm:
    """Return a form by its name; DataError where there is none."""
    if isinstance(form, QuestionForm):
        return form
    if form not in FORMS:
        raise DataError(f"unknown form of questions {form!r}; expected one of {', '.join(FORMS)}")
    return FORMS[form]
