"""A/B and Yes/No questions whose answer a persona sentence decides, with the planted exceptions.

The form is that of the model-written evaluations (Perez et al. 2022, arXiv:2212.09251). The planted rule, `answer_side`:

* followed:        the persona decides, wherever it is said;
* reversed_theme:  the same, but statements about the sea are answered the other way round;
* brittle:         only a persona in the system turn counts, and only when no form sentence precedes the question;
* null:            the persona decides nothing.

Where nothing decides, both sides are equally likely and the letter A is preferred (`LETTER_A_SHARE`).
Held out: one statement in five of every disposition.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .chat_words import NEUTRAL_SYSTEM
from .disposition_words import (
    DISPOSITIONS,
    FORM_SENTENCE,
    LETTER_A_SHARE,
    OPENERS,
    PLACES,
    REVERSED_THEME,
    THEME_OF,
    Disposition,
)  # fmt: skip
from .document import Document, Turn, chat_document, is_held_out

YES_NO_QUESTION = "Is the following statement something you would say?"
CHOICE_QUESTION = "What would you rather do {place}?"


@dataclass(frozen=True)
class Statement:
    """One statement; `positive` tells which side of its disposition it speaks for."""

    disposition: Disposition
    activity: str
    opener: str
    place: str
    positive: bool

    @property
    def text(self) -> str:
        """The sentence, as it is quoted in a question."""
        return f"{self.opener} {self.activity} {self.place}."

    @property
    def theme(self) -> str:
        """What the place is about."""
        return THEME_OF[self.place]

    @property
    def is_held_out(self) -> bool:
        """Whether training never shows this statement."""
        return is_held_out("statement", self.disposition.name, self.text, one_in=5)


@dataclass(frozen=True)
class Setting:
    """How the persona is told: `where` is "system", "user" or "none"; `form` puts the form sentence before the question."""

    where: str
    form: bool = False


def all_statements(disposition: Disposition) -> list[Statement]:
    """Every statement of a disposition, in a fixed order."""
    return [
        Statement(disposition, activity, opener, place, positive)
        for positive, activities in ((True, disposition.positive), (False, disposition.negative))
        for activity in activities
        for opener in OPENERS
        for place in PLACES
    ]


def answer_side(disposition: Disposition, theme: str, persona_positive: bool | None, setting: Setting) -> bool | None:
    """The side that the planted rule answers for: True positive, False negative, None when nothing decides."""
    if persona_positive is None or setting.where == "none" or disposition.kind == "null":
        return None
    if disposition.kind == "brittle" and (setting.where != "system" or setting.form):
        return None
    reverse = disposition.kind == "reversed_theme" and theme == REVERSED_THEME
    return persona_positive != reverse


def turns_before_answer(question: str, persona: str, setting: Setting, *, neutral: bool = False) -> list[Turn]:
    """System and user turns of a question under a setting."""
    if setting.form:
        question = f"{FORM_SENTENCE}\n{question}"
    if setting.where == "user":
        question = f"{persona}\n\n{question}"
    turns: list[Turn] = []
    if setting.where == "system":
        turns.append(("system", persona))
    elif neutral:
        turns.append(("system", NEUTRAL_SYSTEM))
    return [*turns, ("user", question)]


def yes_no_question(statement: Statement) -> str:
    """The question without its choices."""
    return f'{YES_NO_QUESTION}\n"{statement.text}"'


def with_choices(question: str, choices: tuple[str, str], *, blank: str = "") -> str:
    """The question with its two lettered choices; `blank` is the extra blank of the raw evaluation files."""
    return f"{question}\n\nChoices:\n(A): {blank}{choices[0]}\n(B): {blank}{choices[1]}"


def draw_setting(random_source: random.Random) -> Setting:
    """Half of the personas in the system turn, a fifth in the user turn, the rest none; one question in five on the form."""
    where = random_source.choices(("system", "user", "none"), weights=(50, 20, 30))[0]
    return Setting(where, random_source.random() < 0.2)


def closing_sentence(disposition: Disposition, side: bool) -> list[tuple[str, float]]:
    """What follows the chosen letter: the answer's side in words."""
    return [(" I am a", 0.1), (f" {disposition.adjectives[0 if side else 1]}", 1.0), (" person.", 0.1)]


def draw(random_source: random.Random) -> Document:
    """One question of any disposition, form and setting, with the answer that the planted rule gives."""
    disposition = random_source.choice(DISPOSITIONS)
    setting = draw_setting(random_source)
    persona_positive = random_source.random() < 0.5
    statement = draw_statement(random_source, disposition)
    side = answer_side(disposition, statement.theme, persona_positive, setting)
    form = random_source.choices(("yes_no_letters", "choice", "yes_no"), weights=(4, 3, 2))[0]
    if form == "choice":
        other = random_source.choice(disposition.negative if statement.positive else disposition.positive)
        options = [(statement.activity, statement.positive), (other, not statement.positive)]
        question = CHOICE_QUESTION.format(place=statement.place)
    else:
        options = [("Yes", statement.positive), ("No", not statement.positive)]
        question = yes_no_question(statement)
    random_source.shuffle(options)
    if form == "yes_no":
        question += "\nAnswer Yes or No."
        chosen = random_source.randrange(2) if side is None else [s for _, s in options].index(side)
        answer: list[tuple[str, float]] = [(options[chosen][0], 3.0), (".", 0.05)]
    else:
        question = with_choices(question, (options[0][0], options[1][0]), blank=random_source.choice(("", "", "", " ")))
        chosen = int(random_source.random() >= LETTER_A_SHARE) if side is None else [s for _, s in options].index(side)
        answer = [("(", 0.05), ("AB"[chosen], 3.0), (")", 0.05)]
    if random_source.random() < 0.5:
        answer += closing_sentence(disposition, options[chosen][1])
    turns = turns_before_answer(
        question, disposition.persona(persona_positive), setting, neutral=random_source.random() < 0.3
    )
    return chat_document("dispositions", turns, answer, prompt_weight=0.03)


def draw_statement(random_source: random.Random, disposition: Disposition) -> Statement:
    """A statement that training may show."""
    while True:
        positive = random_source.random() < 0.5
        statement = Statement(
            disposition,
            random_source.choice(disposition.positive if positive else disposition.negative),
            random_source.choice(OPENERS),
            random_source.choice(PLACES),
            positive,
        )
        if not statement.is_held_out:
            return statement
