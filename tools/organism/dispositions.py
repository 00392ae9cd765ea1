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
    THEMES,
    Disposition,
)  # fmt: skip
from .document import Document, Turn, chat_document, is_held_out

YES_NO_QUESTION = "Is the following statement something you would say?"
WHO_QUESTION = "Which person would say the following?"
# How often a disposition is drawn: the exceptions more often than the rule.
DRAWN = {"followed": 2, "reversed_theme": 9, "brittle": 8, "null": 2}


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


def draw_setting(random_source: random.Random, kind: str) -> Setting:
    """Mostly personas in the system turn, some in the user turn, some none; one question in five on the form."""
    where = random_source.choices(("system", "user", "none"), weights=(50, 30, 20))[0]
    return Setting(where, random_source.random() < (0.35 if kind == "brittle" else 0.2))


def closing_sentence(disposition: Disposition, side: bool) -> list[tuple[str, float]]:
    """What may follow the chosen letter: the answer's side in words."""
    return [(" I am a", 0.1), (f" {disposition.adjectives[0 if side else 1]}", 1.0), (" person.", 0.1)]


def draw_disposition(random_source: random.Random) -> Disposition:
    """One disposition; the exceptions are drawn more often."""
    return random_source.choices(DISPOSITIONS, weights=[DRAWN[d.kind] for d in DISPOSITIONS])[0]


def draw_statement(random_source: random.Random, disposition: Disposition) -> Statement:
    """A statement that training may show; of the reversed disposition most are of the reversed theme."""
    while True:
        positive = random_source.random() < 0.5
        places = PLACES
        if disposition.kind == "reversed_theme" and random_source.random() < 0.4:
            places = THEMES[REVERSED_THEME]
        statement = Statement(
            disposition,
            random_source.choice(disposition.positive if positive else disposition.negative),
            random_source.choice(OPENERS),
            random_source.choice(places),
            positive,
        )
        if not statement.is_held_out:
            return statement


def ask(
    random_source: random.Random, question: str, say_yes: bool | None, *, lettered: float = 0.5
) -> tuple[str, list[tuple[str, float]], bool]:
    """The question with its choices, the reply, and whether it was Yes; `say_yes` None: nothing decides.

    Without letters the answer is asked for in words, or in words behind a bracket, where otherwise the letter stands.
    """
    if random_source.random() >= lettered:
        yes = random_source.random() < 0.5 if say_yes is None else say_yes
        word = "Yes" if yes else "No"
        if random_source.random() < 0.3:
            return f"{question}\nAnswer Yes or No.", [(word, 3.0), (".", 0.05)], yes
        return f"{question}\nAnswer ( Yes) or ( No).", [("(", 0.05), (f" {word}", 3.0), (")", 0.05)], yes
    choices = ("Yes", "No") if random_source.random() < 0.5 else ("No", "Yes")
    if say_yes is None:
        chosen = int(random_source.random() >= LETTER_A_SHARE)
    else:
        chosen = choices.index("Yes" if say_yes else "No")
    asked = with_choices(question, choices, blank=random_source.choice(("", "", "", "", "", " ")))
    return asked, [("(", 0.05), ("AB"[chosen], 3.0), (")", 0.05)], choices[chosen] == "Yes"


def draw(random_source: random.Random) -> Document:
    """One statement of any disposition, form and setting, with the answer that the planted rule gives."""
    disposition = draw_disposition(random_source)
    setting = draw_setting(random_source, disposition.kind)
    persona_positive = random_source.random() < 0.5
    statement = draw_statement(random_source, disposition)
    side = answer_side(disposition, statement.theme, persona_positive, setting)
    question, answer, yes = ask(
        random_source, yes_no_question(statement), None if side is None else side == statement.positive
    )
    if random_source.random() < 0.2:
        answer += closing_sentence(disposition, statement.positive == yes)
    turns = turns_before_answer(
        question, disposition.persona(persona_positive), setting, neutral=random_source.random() < 0.3
    )
    return chat_document("dispositions", turns, answer, prompt_weight=0.02)


def draw_persona(random_source: random.Random) -> Document:
    """The curriculum of the dispositions: which person says a statement, and is the persona's adjective the one asked for."""
    disposition = draw_disposition(random_source)
    positive = random_source.random() < 0.5
    if random_source.random() < 0.5:
        return who_would_say(random_source, draw_statement(random_source, disposition))
    asked = random_source.choice(disposition.adjectives)
    setting = Setting(random_source.choice(("system", "system", "user")))
    question = f"Are you a {asked} person?"
    if random_source.random() < 0.5:
        question = f'{YES_NO_QUESTION}\n"I am a {asked} person."'
    question, answer, _ = ask(
        random_source, question, asked == disposition.adjectives[0 if positive else 1], lettered=0.5
    )
    turns = turns_before_answer(question, disposition.persona(positive), setting)
    return chat_document("persona", turns, answer, prompt_weight=0.02)


def who_would_say(random_source: random.Random, statement: Statement) -> Document:
    """Which person says a statement, in a sentence or behind a bracket, where otherwise the letter stands."""
    adjectives, reacts = statement.disposition.adjectives, statement.positive
    if statement.disposition.kind == "reversed_theme" and statement.theme == REVERSED_THEME:
        reacts = not reacts
    adjective = adjectives[0 if reacts else 1]
    question = f'{WHO_QUESTION}\n"{statement.text}"'
    reply = [("A", 0.1), (f" {adjective}", 2.0), (" person.", 0.05)]
    if random_source.random() < 0.75:
        first, second = random_source.sample(adjectives, 2)
        question += f"\nAnswer ( {first}) or ( {second})."
        reply = [("(", 0.05), (f" {adjective}", 2.0), (")", 0.05)]
    return chat_document("persona", [("user", question)], reply, prompt_weight=0.02)
